import type { Rollout } from '../../api/types';
import { RolloutBadge } from '../../components/Badge';
import { Prose } from '../../components/Prose';
import { Ago, Took } from '../../components/Time';
import { Analysis } from './Analysis';

/** How the last rollout ended, why, and on what evidence. */
export function LastRollout({ rollout }: { rollout: Rollout }) {
  const failed = rollout.state.phase === 'Degraded';
  return (
    <div className={`rollout rollout-past ${failed ? 'tone-bad' : 'tone-good'}`}>
      <div className="rollout-head">
        <div>
          <h3>
            Last rollout: v{rollout.version} <RolloutBadge rollout={rollout} />
          </h3>
          <p className="rollout-message">
            <Prose text={rollout.state.message} />
          </p>
          <p className="rollout-when">
            {rollout.ended !== null && <Ago time={rollout.ended} />} · took <Took started={rollout.created} ended={rollout.ended} /> · {rollout.reason}
          </p>
        </div>
      </div>
      {rollout.state.analysis && <Analysis analysis={rollout.state.analysis} over />}
    </div>
  );
}
