import { usePoll } from '../../api/poll';
import type { Run } from '../../api/types';
import { Link } from '../../app/router';
import { RunBadge } from '../../components/Badge';
import { Empty } from '../../components/Card';
import { Loaded, Page } from '../../components/Page';
import { TaskSquares } from '../../components/TaskPills';
import { Ago, Took } from '../../components/Time';

export default function PipelinesPage() {
  const runs = usePoll<{ runs: Run[] }>('/api/v1/runs?limit=50', 2000);
  return (
    <Page title="Pipelines" lead="Every run of a pipeline, newest first, and why it ran.">
      <Loaded from={runs}>{({ runs }) => (runs.length > 0 ? <RunTable runs={runs} /> : <Empty title="No run yet">A pipeline runs when new files arrive, when a limit is broken, or when somebody asks for it.</Empty>)}</Loaded>
    </Page>
  );
}

function RunTable({ runs }: { runs: Run[] }) {
  return (
    <div className="card table-scroll">
      <table className="list">
        <thead>
          <tr>
            <th scope="col">Run</th>
            <th scope="col">State</th>
            <th scope="col">Tasks</th>
            <th scope="col">Why it ran</th>
            <th scope="col">Began</th>
            <th scope="col">Took</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.run_id}>
              <td>
                <Link href={`/pipelines/${encodeURIComponent(run.run_id)}`}>{run.dag_id}</Link>
                <span className="under mono">{run.run_id}</span>
              </td>
              <td>
                <RunBadge state={run.state} />
              </td>
              <td>
                <TaskSquares tasks={run.tasks} />
              </td>
              <td className="wide">{run.reason}</td>
              <td className="nowrap">
                <Ago time={run.started ?? run.created} />
              </td>
              <td className="nowrap">
                <Took started={run.started} ended={run.ended} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
