import type { Rollout } from '../../api/types';
import { Link } from '../../app/router';
import { RolloutBadge } from '../../components/Badge';
import { Card } from '../../components/Card';
import { actor } from '../../components/format';
import { Prose } from '../../components/Prose';
import { Ago, Took } from '../../components/Time';

/** What each rollout did, and why. */
export function Rollouts({ rollouts }: { rollouts: Rollout[] }) {
  return (
    <Card title="Rollouts">
      <div className="table-scroll">
        <table className="list">
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">Outcome</th>
              <th scope="col">What happened</th>
              <th scope="col">Asked for</th>
              <th scope="col">Began</th>
              <th scope="col">Took</th>
            </tr>
          </thead>
          <tbody>
            {rollouts.map((rollout) => (
              <tr key={rollout.id}>
                <td>
                  <Link href={`/rollouts/${encodeURIComponent(rollout.id)}`}>
                    {rollout.model} <strong>v{rollout.version}</strong>
                  </Link>
                </td>
                <td>
                  <RolloutBadge rollout={rollout} />
                </td>
                <td className="wide">
                  <Prose text={rollout.state.message} />
                </td>
                <td className="wide">
                  {rollout.reason}
                  <span className="under">{actor(rollout.requested_by)}</span>
                </td>
                <td className="nowrap">
                  <Ago time={rollout.created} />
                </td>
                <td className="nowrap">
                  <Took started={rollout.created} ended={rollout.ended} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
