import { memo } from 'react';
import type { LoopModel } from '../../api/types';
import { below } from '../../charts/series';
import { RolloutBadge } from '../../components/Badge';
import { Card, Empty } from '../../components/Card';
import { plural } from '../../components/format';
import { LastRollout } from './LastRollout';
import { RolloutPanel } from './RolloutPanel';
import { TrafficBar } from './TrafficBar';
import { VersionCard } from './VersionCard';

/** Who answers: the champion, the candidate on trial, and how the traffic is split. */
export const Delivery = memo(function Delivery({ model }: { model: LoopModel }) {
  const { champion, candidate, rollout, last_rollout: last, traffic } = model;
  return (
    <Card title="In production" className="delivery" aside={rollout ? <RolloutBadge rollout={rollout} /> : <span>{model.name}</span>}>
      <TrafficBar champion={champion?.version ?? null} candidate={candidate?.version ?? null} weight={traffic.weight} />
      <p className="traffic-line num">
        {traffic.requests_per_second.toFixed(1)} requests/s · {plural(traffic.requests, 'request')} and {plural(traffic.errors, 'error')} in the last {traffic.window_seconds} s
      </p>
      <div className="versions">
        {champion ? (
          <VersionCard role="Champion" version={champion.version} metrics={champion.metrics} since={champion.since} reason={champion.reason} model={model.name} live={liveAuc(model)} />
        ) : (
          <Vacant role="Champion" text="The first model that passes its tests is released here." />
        )}
        {candidate ? (
          <VersionCard role="Candidate" version={candidate.version} metrics={candidate.metrics} against={champion?.metrics ?? null} since={rollout?.created ?? null} reason={rollout?.reason ?? null} model={model.name} />
        ) : (
          <Vacant role="Candidate" text="None on trial. A tested version appears here when its rollout begins." />
        )}
      </div>
      {rollout ? <RolloutPanel key={rollout.id} rollout={rollout} /> : last ? <LastRollout rollout={last} /> : <Empty title="No rollout yet">Its steps, and what is measured before each next share of traffic, appear here.</Empty>}
    </Card>
  );
});

/** The champion's AUC on the latest labelled requests that it answered. */
function liveAuc({ champion, windows, limits }: LoopModel): { auc: number; beyond: boolean } | null {
  const auc = windows.findLast((window) => window.version === champion?.version)?.values.auc;
  return typeof auc === 'number' ? { auc, beyond: below(limits?.min_auc)(auc) } : null;
}

function Vacant({ role, text }: { role: string; text: string }) {
  return (
    <article className="version vacant">
      <h3>{role}</h3>
      <p>{text}</p>
    </article>
  );
}
