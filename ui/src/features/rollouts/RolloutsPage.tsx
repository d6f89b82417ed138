import { usePoll } from '../../api/poll';
import type { Rollout } from '../../api/types';
import { Card, Empty } from '../../components/Card';
import { Loaded, Page } from '../../components/Page';
import { RolloutPanel } from '../loop/RolloutPanel';
import { Rollouts } from '../models/Rollouts';
import './rollouts.css';

/** What is under way, and what was. */
export default function RolloutsPage() {
  const rollouts = usePoll<{ rollouts: Rollout[] }>('/api/v1/rollouts?limit=50&short=true', 1000);
  return (
    <Page title="Rollouts" lead="New versions on their way to the traffic, and how those before fared.">
      <Loaded from={rollouts}>{({ rollouts }) => <All rollouts={rollouts} />}</Loaded>
    </Page>
  );
}

function All({ rollouts }: { rollouts: Rollout[] }) {
  const open = rollouts.filter((rollout) => rollout.ended === null);
  const over = rollouts.filter((rollout) => rollout.ended !== null);
  if (rollouts.length === 0) {
    return (
      <Empty title="There was no rollout yet">
        <code>mainspring deploy models:/NAME/VERSION</code> or the stage Production of the MLflow client starts one.
      </Empty>
    );
  }
  return (
    <>
      {open.map((rollout) => (
        <Card key={rollout.id} title={rollout.model} className="rollout-card">
          <RolloutPanel rollout={rollout} />
        </Card>
      ))}
      {over.length > 0 && <Rollouts rollouts={over} />}
    </>
  );
}
