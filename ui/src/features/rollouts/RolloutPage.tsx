import { usePoll } from '../../api/poll';
import type { Rollout, Shadow as ShadowAnswer } from '../../api/types';
import { RolloutBadge } from '../../components/Badge';
import { Card } from '../../components/Card';
import { actor } from '../../components/format';
import { Loaded, Page } from '../../components/Page';
import { Prose } from '../../components/Prose';
import { Ago, Took } from '../../components/Time';
import { Analysis } from '../loop/Analysis';
import { Steps } from '../loop/Steps';
import { TrafficBar } from '../loop/TrafficBar';
import { Actions } from './Actions';
import { Shadow } from './Shadow';
import './rollouts.css';

const STRATEGY = { canary: 'canary', blueGreen: 'blue-green' };

/** One rollout, live: steps, traffic, measurements against their limits, and the buttons. */
export default function RolloutPage({ params }: { params: Record<string, string> }) {
  const id = params.rollout ?? '';
  const rollout = usePoll<Rollout>(`/api/v1/rollouts/${encodeURIComponent(id)}`, 1000);
  const data = rollout.data;
  const title = data ? `${data.model} v${data.version}` : 'Rollout';
  return (
    <Page title={title} crumbs={[{ href: '/rollouts', title: 'Rollouts' }]} aside={data && <RolloutBadge rollout={data} />} lead={data && <Prose text={data.state.message} />}>
      <Loaded from={rollout}>{(rollout) => <Content rollout={rollout} />}</Loaded>
    </Page>
  );
}

function Content({ rollout }: { rollout: Rollout }) {
  const over = rollout.ended !== null;
  const promoted = over && rollout.in_charge === true;
  const mirrors = rollout.mirrors ?? [];
  const headers = rollout.header_routes ?? [];
  return (
    <>
      <Card title="Steps" className="rollout-card" aside={rollout.strategy && STRATEGY[rollout.strategy]}>
        <div className="rollout-head">
          <p className="rollout-message">
            {rollout.reason} · {actor(rollout.requested_by)} · began <Ago time={rollout.created} />
            {over && (
              <>
                {' '}
                · took <Took started={rollout.created} ended={rollout.ended} />
              </>
            )}
          </p>
          <Actions rollout={rollout} />
        </div>
        {!over && <TrafficBar champion={rollout.previous} candidate={rollout.version} weight={rollout.state.weight} />}
        {headers.length > 0 && <p className="rollout-route">Requests with the headers of {headers.join(', ')} all go to v{rollout.version}.</p>}
        {mirrors.map((mirror) => (
          <p key={mirror.name} className="rollout-route">
            {mirror.percentage} % of the requests of {mirror.name} are mirrored to v{rollout.version}.
          </p>
        ))}
        {rollout.steps.length > 0 ? <Steps steps={rollout.steps} /> : <p className="faint">There are no steps: it takes all traffic as soon as it answers.</p>}
        {promoted && <p className="rollout-route">v{rollout.version} is in charge.</p>}
        {(rollout.warnings ?? []).map((warning) => (
          <p key={`${warning.line} ${warning.message}`} className="note tone-warn">
            Line {warning.line} of the manifest: <Prose text={warning.message} />
          </p>
        ))}
      </Card>
      <Card title="Analysis" className="rollout-card">
        <Analysis analysis={rollout.state.analysis} over={over} title="This step" />
        {rollout.state.background && <Analysis analysis={rollout.state.background} over={over} title="Beside the steps" />}
      </Card>
      <Mirrored rollout={rollout} />
      <Card title="What happened" className="rollout-card">
        <ol className="rollout-history">
          {[...rollout.state.history].reverse().map((entry, index) => (
            <li key={rollout.state.history.length - index}>
              <span className="rollout-history-time">
                <Ago time={entry.time} />
              </span>
              <Prose text={entry.what} />
            </li>
          ))}
        </ol>
      </Card>
    </>
  );
}

/** Nothing where nothing was mirrored. What is over does not change any more. */
function Mirrored({ rollout }: { rollout: Rollout }) {
  const everyMs = (rollout.mirrors ?? []).length > 0 ? 3000 : null;
  const shadow = usePoll<ShadowAnswer>(`/api/v1/rollouts/${encodeURIComponent(rollout.id)}/shadow?limit=1`, everyMs);
  if (shadow.data === null || shadow.data.comparison.requests === 0) return null;
  return <Shadow id={rollout.id} answer={shadow.data} everyMs={everyMs} versions={[rollout.previous, rollout.version]} />;
}
