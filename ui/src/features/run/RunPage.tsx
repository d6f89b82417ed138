import { useMemo } from 'react';
import { usePoll, usePollQuery } from '../../api/poll';
import { COMPARE, type CompareRequest, type Comparison, type ExperimentSummary } from '../../api/tracking';
import { setParams, useParam } from '../../app/router';
import { Elsewhere } from '../../components/Elsewhere';
import { Loaded, Page } from '../../components/Page';
import { Ago, Took } from '../../components/Time';
import { type Frame, frame, isSystem } from '../../runs/frame';
import { StatusBadge } from '../../runs/RunState';
import { Artifacts } from './Artifacts';
import { Charts } from './Charts';
import { Overview } from './Overview';
import { taskOf } from './task';
import { RunLineage } from './RunLineage';
import { TaskLog } from './TaskLog';
import '../../runs/runs.css';
import './run.css';

const RUNNING_MS = 2000;
const ENDED_MS = 15_000;
/** Everything that parameters and tags can hold. */
const WHOLE_TEXT = 8000;

export default function RunPage({ params }: { params: Record<string, string> }) {
  const id = params.run ?? '';
  return <Run key={id} id={id} />;
}

/** The address may leave the experiment out: the run tells it. */
function Run({ id }: { id: string }) {
  const request: CompareRequest = useMemo(() => ({ run_ids: [id], text_limit: WHOLE_TEXT }), [id]);
  const experiments = usePoll<{ experiments: ExperimentSummary[] }>('/api/v1/tracking/experiments?view=all', 60_000);
  const answer = usePollQuery<Comparison>(COMPARE, request, ENDED_MS);
  const run = useMemo(() => (answer.data ? frame(answer.data) : null), [answer.data]);
  const experiment = run?.experiments[0] ?? '';
  const found = experiments.data?.experiments.find((one) => one.experiment_id === experiment);
  const name = found?.name ?? `Experiment ${experiment}`;
  const workspace = found?.workspace ?? 'default';
  const crumbs = [
    { href: '/experiments', title: 'Experiments' },
    ...(experiment ? [{ href: `/experiments/${experiment}`, title: name }] : []),
  ];
  return (
    <Page title={run?.names[0] ?? 'Run'} crumbs={crumbs} lead={run ? <Lead run={run} /> : id} aside={run?.statuses[0] && <StatusBadge status={run.statuses[0]} />}>
      <Loaded from={answer}>
        {() => (
          // What the tabs ask for lies in the default workspace: first it must be known whose run this is.
          <Loaded from={experiments}>{() => run && (workspace === 'default' ? <Tabs run={run} id={id} experiment={experiment} /> : <Elsewhere workspace={workspace} what="The run" />)}</Loaded>
        )}
      </Loaded>
    </Page>
  );
}

function Lead({ run }: { run: Frame }) {
  const start = run.starts[0] ?? 0;
  const user = run.byId.get('attributes.user_id')?.cells[0];
  return (
    <p className="run-lead">
      <code>{run.ids[0]}</code> started <Ago time={start} /> · <Took started={start} ended={run.ends[0] ?? null} />
      {user && ` · ${user}`}
    </p>
  );
}

const TABS = ['overview', 'metrics', 'system', 'artifacts', 'log', 'lineage'] as const;
type Tab = (typeof TABS)[number];
const TAB_WORDS: Record<Tab, string> = { overview: 'Overview', metrics: 'Metrics', system: 'System', artifacts: 'Artifacts', log: 'Log', lineage: 'Lineage' };

function Tabs({ run, id, experiment }: { run: Frame; id: string; experiment: string }) {
  const [chosen] = useParam('tab');
  const running = run.statuses[0] === 'RUNNING';
  const metrics = run.columns.filter((column) => column.kind === 'metrics');
  const system = metrics.filter(isSystem);
  const courses = metrics.filter((column) => !isSystem(column) && column.maxStep > 0);
  const task = taskOf(run.creators[0] ?? '');
  const there = TABS.filter((tab) => (tab !== 'system' || system.length > 0) && (tab !== 'metrics' || courses.length > 0) && (tab !== 'log' || task !== null));
  const tab = there.find((one) => one === chosen) ?? 'overview';
  return (
    <>
      <div className="tabs" role="tablist">
        {there.map((one) => (
          <button key={one} type="button" role="tab" id={`tab-${one}`} aria-selected={one === tab} aria-controls="tab-panel" onClick={() => setParams({ tab: one === 'overview' ? null : one })}>
            {TAB_WORDS[one]}
            {one === 'metrics' && <span className="tab-count">{courses.length}</span>}
            {one === 'system' && <span className="tab-count">{system.length}</span>}
          </button>
        ))}
      </div>
      <div className="stack" role="tabpanel" id="tab-panel" aria-labelledby={`tab-${tab}`}>
        {tab === 'overview' && <Overview run={run} id={id} experiment={experiment} />}
        {tab === 'metrics' && <Charts key="metrics" run={run} metrics={courses.map((column) => column.key)} everyMs={running ? RUNNING_MS : ENDED_MS} />}
        {tab === 'system' && <Charts key="system" run={run} metrics={system.map((column) => column.key)} everyMs={running ? RUNNING_MS : ENDED_MS} />}
        {tab === 'artifacts' && <Artifacts run={id} experiment={experiment} />}
        {tab === 'log' && task && <TaskLog task={task} />}
        {tab === 'lineage' && <RunLineage id={id} task={task} />}
      </div>
    </>
  );
}
