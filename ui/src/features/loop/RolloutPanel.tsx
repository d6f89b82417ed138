import type { Rollout } from '../../api/types';
import { Link } from '../../app/router';
import { Prose } from '../../components/Prose';
import { Ago } from '../../components/Time';
import { Actions } from '../rollouts/Actions';
import { Analysis } from './Analysis';
import { Steps } from './Steps';

/** The rollout at work: where it stands, what is measured, and the person's own say. */
export function RolloutPanel({ rollout }: { rollout: Rollout }) {
  return (
    <div className="rollout">
      <div className="rollout-head">
        <div>
          <h3>
            <Link href={`/rollouts/${encodeURIComponent(rollout.id)}`}>Rollout of v{rollout.version}</Link>
          </h3>
          <p className="rollout-message">
            <Prose text={rollout.state.message} /> · began <Ago time={rollout.created} />
          </p>
        </div>
        <Actions rollout={rollout} />
      </div>
      <Steps steps={rollout.steps} />
      <Analysis analysis={rollout.state.analysis} />
    </div>
  );
}
