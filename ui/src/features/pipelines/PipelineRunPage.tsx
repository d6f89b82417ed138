import { usePoll } from '../../api/poll';
import type { Attempt, RunDetail } from '../../api/types';
import { useParam } from '../../app/router';
import { AttemptBadge, RunBadge } from '../../components/Badge';
import { Card, Empty } from '../../components/Card';
import { bytes, duration, moment, shortHash } from '../../components/format';
import { Loaded, Page } from '../../components/Page';
import { TaskPills } from '../../components/TaskPills';
import { Ago, Took } from '../../components/Time';
import { LogView } from './LogView';

export default function PipelineRunPage({ params }: { params: Record<string, string> }) {
  const id = params.run ?? '';
  const run = usePoll<RunDetail>(`/api/v1/runs/${encodeURIComponent(id)}`, 1500);
  return (
    <Page title={run.data?.dag_id ?? 'Run'} lead={id}>
      <Loaded from={run}>{(run) => <Detail run={run} />}</Loaded>
    </Page>
  );
}

function Detail({ run }: { run: RunDetail }) {
  const [chosen, choose] = useParam('log');
  const shown = run.attempts.find((attempt) => key(attempt) === chosen) ?? telling(run.attempts);
  return (
    <>
      <Card title="Tasks" aside={<RunBadge state={run.state} />}>
        <p className="run-line">
          <span className="run-reason">{run.reason}</span>
          <span>
            {run.run_type} · <Ago time={run.started ?? run.created} />
            {run.started !== null && ' · '}
            <Took started={run.started} ended={run.ended} />
          </span>
        </p>
        <TaskPills tasks={run.tasks} />
      </Card>
      <Card title="Attempts" aside="Choose one to read its log">
        {run.attempts.length > 0 ? <Attempts attempts={run.attempts} shown={shown} onChoose={(attempt) => choose(key(attempt))} /> : <Empty title="No task has begun yet" />}
      </Card>
      {shown && <LogView runId={run.run_id} attempt={shown} />}
    </>
  );
}

interface AttemptsProps {
  attempts: Attempt[];
  shown: Attempt | undefined;
  onChoose: (attempt: Attempt) => void;
}

function Attempts({ attempts, shown, onChoose }: AttemptsProps) {
  return (
    <div className="table-scroll">
      <table className="list">
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col">Try</th>
            <th scope="col">State</th>
            <th scope="col">Began</th>
            <th scope="col">Took</th>
            <th scope="col">CPU</th>
            <th scope="col">Memory</th>
            <th scope="col">Exit code</th>
            <th scope="col">Commit</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map((attempt) => (
            <tr key={key(attempt)} className={attempt === shown ? 'chosen' : undefined}>
              <td>
                <button type="button" className="link" aria-pressed={attempt === shown} onClick={() => onChoose(attempt)}>
                  {attempt.task_id}
                </button>
              </td>
              <td className="num">{attempt.try_number}</td>
              <td>
                <AttemptBadge state={attempt.state} />
              </td>
              <td className="nowrap">{moment(attempt.started)}</td>
              <td className="nowrap">
                <Took started={attempt.started} ended={attempt.ended} />
              </td>
              <td className="num nowrap">{known(attempt.result?.cpu_seconds, (seconds) => duration(seconds * 1000))}</td>
              <td className="num nowrap">{known(attempt.result?.max_rss, bytes)}</td>
              <td className="num">{known(attempt.result?.exit_code, String)}</td>
              <td className="mono">{attempt.commit ? shortHash(attempt.commit) : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The attempt that one most likely wants to read: a failed one, else the latest. */
function telling(attempts: Attempt[]): Attempt | undefined {
  return attempts.findLast((attempt) => attempt.state === 'failed') ?? attempts.at(-1);
}

function key(attempt: Attempt): string {
  return `${attempt.task_id}/${attempt.try_number}`;
}

function known(value: number | null | undefined, say: (value: number) => string): string {
  return typeof value === 'number' ? say(value) : '–';
}
