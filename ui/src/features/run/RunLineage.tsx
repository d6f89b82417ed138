import { ask, type MlflowVersions, quoted } from '../../api/mlflow';
import { usePoll } from '../../api/poll';
import type { Lineage } from '../../api/types';
import { Link } from '../../app/router';
import { Empty } from '../../components/Card';
import { Loaded } from '../../components/Page';
import { Chain } from '../models/Chain';
import type { TaskAttempt } from './task';

/** What became of a run, and what it came from: the chain of the newest version made from it. */
export function RunLineage({ id, task }: { id: string; task: TaskAttempt | null }) {
  const versions = usePoll<MlflowVersions>(ask.versions(`run_id=${quoted(id)}`), 5000);
  return (
    <Loaded from={versions}>
      {({ model_versions = [] }) => {
        const newest = model_versions.toSorted((a, b) => b.creation_timestamp - a.creation_timestamp)[0];
        if (newest) return <ChainOf version={`${newest.name}/${newest.version}`} />;
        return (
          <Empty title="No model was registered from this run">
            {task ? (
              <>
                It was made by the task {task.task} of <Link href={`/pipelines/${encodeURIComponent(task.run)}`}>{task.dag}</Link>.
              </>
            ) : (
              'The chain from the data to the answers begins when one is.'
            )}
          </Empty>
        );
      }}
    </Loaded>
  );
}

function ChainOf({ version }: { version: string }) {
  const lineage = usePoll<Lineage>(`/api/v1/why?id=${encodeURIComponent(version)}`, 5000);
  return <Loaded from={lineage}>{(lineage) => <Chain lineage={lineage} />}</Loaded>;
}
