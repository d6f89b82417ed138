import { type Decision, type Look, type TestDetail, testPath } from '../../api/ab';
import { usePoll } from '../../api/poll';
import { useNow } from '../../app/clock';
import { Link } from '../../app/router';
import { Badge } from '../../components/Badge';
import { Card, Empty } from '../../components/Card';
import { actor, plural, whole } from '../../components/format';
import { Loaded, Page } from '../../components/Page';
import { Prose } from '../../components/Prose';
import { Ago, Took } from '../../components/Time';
import { Actions } from './Actions';
import { unitsOf } from './course';
import { Decisions } from './Decisions';
import { Effects } from './Effects';
import { Groups } from './Groups';
import { Revise } from './Revise';
import { StatusBadge } from './TestsPage';
import { MODE_SAID, outcomeSaid, outcomeTone, scaleOf, share, span, splitSaid, waitingSaid, warningSaid } from './words';
import './ab.css';

/** One test, live: where it stands, whether its split can be trusted, gains over looks, decisions. */
export default function TestPage({ params }: { params: Record<string, string> }) {
  const name = params.test ?? '';
  const test = usePoll<TestDetail>(testPath(name), 2000);
  const data = test.data;
  return (
    <Page title={data?.name ?? name} crumbs={[{ href: '/ab', title: 'A/B tests' }]} aside={data && <StatusBadge test={data} />} lead={data?.hypothesis && <Prose text={data.hypothesis} />}>
      <Loaded from={test}>{(test) => <Content test={test} />}</Loaded>
    </Page>
  );
}

function Content({ test }: { test: TestDetail }) {
  const running = test.status === 'running';
  // Every arm has the same units then.
  const paired = test.mode !== null && test.mode !== 'split';
  const looks = usePoll<{ looks: Look[] }>(test.status === 'draft' ? null : `${testPath(test.name)}/looks`, running ? 3000 : 60_000);
  // The newest decision may be of the phase before.
  const decision = test.decision?.phase === test.phase ? test.decision : null;
  return (
    <>
      <Standing test={test} decision={decision} paired={paired} />
      {test.look_failed && (test.status === 'draft' ? <Waits failed={test.look_failed} /> : <LookFailed failed={test.look_failed} />)}
      {decision && <Split test={test} decision={decision.decision} />}
      <Arms test={test} units={decision?.decision.snapshot.units ?? []} paired={paired} />
      {decision && <Effects decision={decision.decision} looks={looks.data?.looks ?? []} arms={test.arms} mode={test.mode} reached={test.progress} />}
      {decision && <Groups name={test.name} arms={test.arms} scaleOf={(metric) => scaleOf(decision.decision.plan, metric)} />}
      {test.decision && <Decisions name={test.name} arms={test.arms} running={running} total={test.decision.number} />}
      <Revise test={test} />
    </>
  );
}

interface StandingProps {
  test: TestDetail;
  decision: Decision | null;
  paired: boolean;
}

function Standing({ test, decision, paired }: StandingProps) {
  return (
    <Card title="Where it stands" className="ab-standing" aside={decision && test.status === 'running' && <LookedAt time={decision.time} />}>
      <div className="rollout-head">
        <div>
          <p className="ab-headline">
            <Headline test={test} decision={decision} />
          </p>
          <p className="rollout-message">
            {test.model === null ? 'Arms are served elsewhere' : <>Model <Link href={`/models/${encodeURIComponent(test.model)}`}>{test.model}</Link></>}
            {' · '}
            {test.mode !== null && `${MODE_SAID[test.mode]} · `}
            {test.strata !== null && <>adjusted by <code>{test.strata}</code> · </>}
            {actor(test.created_by)}
            {test.started !== null && (
              <>
                {' '}
                · {test.status === 'ended' ? 'ran' : 'runs for'} <Took started={test.started} ended={test.ended} />
              </>
            )}
            {test.rollout !== null && (
              <>
                {' '}
                · <Link href={`/rollouts/${encodeURIComponent(test.rollout)}`}>rollout of the winner</Link>
              </>
            )}
          </p>
        </div>
        <Actions test={test} />
      </div>
      {decision && <Progress test={test} decision={decision.decision} paired={paired} />}
      {test.phases.length > 1 && <Phases phases={test.phases} />}
    </Card>
  );
}

/** What a test that starts by itself waits for. */
function Waits({ failed: { message, hint } }: { failed: NonNullable<TestDetail['look_failed']> }) {
  return (
    <div className="note tone-warn" role="status">
      <strong>It starts by itself as soon as it can.</strong> <Prose text={message} />
      {hint !== null && (
        <p>
          <Prose text={hint} />
        </p>
      )}
    </div>
  );
}

/** The test goes on; only what it knows is as old as its newest decision. */
function LookFailed({ failed: { message, hint, time } }: { failed: NonNullable<TestDetail['look_failed']> }) {
  return (
    <div className="note tone-bad" role="alert">
      <strong>The newest look failed</strong> <Ago time={time} />: <Prose text={message} />
      {hint !== null && (
        <p>
          <Prose text={hint} />
        </p>
      )}
    </div>
  );
}

function LookedAt({ time }: { time: number }) {
  return (
    <>
      newest decision <Ago time={time} />
    </>
  );
}

function Headline({ test, decision }: { test: TestDetail; decision: Decision | null }) {
  if (test.status === 'draft') return 'Not started. Nothing is split yet.';
  if (test.status === 'ended') return <Prose text={sentence(test.outcome ?? 'ended')} />;
  if (!decision) return 'Running; it was not looked at yet in this phase.';
  const { outcome } = decision.decision;
  if (outcome.outcome !== 'continue') return <Badge tone={outcomeTone(outcome)}>{outcomeSaid(outcome, test.arms)}</Badge>;
  return (
    <>
      {outcomeSaid(outcome, test.arms)}. <span className="ab-why">{waitingSaid(outcome.waiting, decision.decision)}</span>
    </>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** How much of the plan is reached: units, and the minimum of time. */
function Progress({ test, decision: { plan, snapshot }, paired }: { test: TestDetail; decision: Decision['decision']; paired: boolean }) {
  const now = useNow();
  // A look that finds nothing new is not kept, so the newest decision may be older than the phase's time.
  const began = test.phases.at(-1)?.started ?? now;
  const seconds = Math.max(0, Math.round(((test.ended ?? now) - began) / 1000));
  const units = unitsOf(snapshot.units, paired);
  const at = (count: number) => `${Math.min(100, (100 * count) / plan.maximum_units)}%`;
  const reached = units / plan.planned_units;
  return (
    <div className="ab-progress">
      <div className="ab-bar" role="img" aria-label={`${whole(units)} units of ${whole(plan.planned_units)} planned, ${whole(plan.maximum_units)} at most`}>
        <div className="ab-bar-fill" style={{ width: at(units) }} />
        <div className="ab-bar-mark" style={{ left: at(plan.planned_units) }} />
      </div>
      <dl className="facts">
        <Fact name="Units" value={whole(units)} />
        <Fact name="Planned (the mark)" value={`${whole(plan.planned_units)} · ${Math.round(100 * reached)} % of the information`} />
        <Fact name="Maximum" value={`${whole(plan.maximum_units)}, then the control stays`} />
        <Fact name="Time" value={`${span(seconds)} of at least ${span(plan.minimum_seconds)}`} />
        {snapshot.seen_in_several > 0 && <Fact name="Seen in several arms" value={`${plural(snapshot.seen_in_several, 'unit')}, left out`} />}
        {plan.same_arms && <Fact name="A/A" value="the arms are the same; nobody can win" />}
      </dl>
    </div>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="num">{value}</dd>
    </div>
  );
}

/** The newest phases; a bandit has many. */
const PHASES_SHOWN = 8;

function Phases({ phases }: { phases: TestDetail['phases'] }) {
  const before = phases.length - PHASES_SHOWN;
  return (
    <ol className="ab-phases" aria-label="Phases">
      {before > 0 && <li className="faint">{plural(before, 'phase')} before</li>}
      {phases.slice(-PHASES_SHOWN).map((phase) => (
        <li key={phase.number}>
          Phase {phase.number}, <Ago time={phase.started} />: {phase.reason}
        </li>
      ))}
    </ol>
  );
}

function Split({ test, decision }: { test: TestDetail; decision: Decision['decision'] }) {
  const said = splitSaid(decision, test.arms);
  return (
    <>
      <div className={`note tone-${said.tone} ab-split`} role={said.tone === 'bad' ? 'alert' : 'status'}>
        <strong>{said.title}</strong> {said.text}
      </div>
      {decision.warnings.map((warning) => (
        <div key={JSON.stringify(warning)} className="note tone-warn" role="status">
          <Prose text={warningSaid(warning)} />
        </div>
      ))}
    </>
  );
}

function Arms({ test, units, paired }: { test: TestDetail; units: number[]; paired: boolean }) {
  const total = unitsOf(units, false);
  if (test.arms.length === 0) return <Empty title="The file of this test cannot be read" />;
  return (
    <Card title="Arms">
      <div className="table-scroll">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">Arm</th>
              <th scope="col">Version</th>
              {!paired && (
                <th scope="col" className="right">
                  Weight
                </th>
              )}
              <th scope="col" className="right">
                Units
              </th>
              {!paired && (
                <th scope="col" className="right">
                  Share of units
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {test.arms.map((arm, index) => (
              <tr key={arm.name}>
                <td>
                  <strong>{arm.name}</strong>
                  {index === 0 && arm.name !== 'control' && <span className="under">control</span>}
                </td>
                <td>
                  {test.model !== null && arm.version !== null ? <Link href={`/models/${encodeURIComponent(test.model)}/${arm.version}`}>v{arm.version}</Link> : <span className="faint">–</span>}
                </td>
                {!paired && <td className="num right">{share(arm.weight)}</td>}
                <td className="num right">{units[index] === undefined ? '–' : whole(units[index])}</td>
                {!paired && <td className="num right">{units[index] === undefined || total === 0 ? '–' : `${((100 * units[index]) / total).toFixed(2)} %`}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
