import { memo } from 'react';
import type { Gate, Run } from '../../api/types';
import { Link } from '../../app/router';
import { RunBadge } from '../../components/Badge';
import { Card, Empty } from '../../components/Card';
import { GateReport } from '../../components/GateReport';
import { TaskPills } from '../../components/TaskPills';
import { Ago, Took } from '../../components/Time';

/** How many broken checks are shown here; the page of the data shows all. */
const SHOWN_CHECKS = 3;

/** The run at work, or the last one, and what the data gate said. */
export const Pipeline = memo(function Pipeline({ run, gate }: { run: Run | null; gate: Gate | null }) {
  if (!run) {
    return (
      <Card title="Pipeline" className="pipeline">
        <Empty title="No run yet">The tasks of the latest run appear here, with what the data gate said about the files.</Empty>
      </Card>
    );
  }
  return (
    <Card title={run.dag_id} className="pipeline" aside={<RunBadge state={run.state} />}>
      <p className="run-line">
        <span className="run-reason">{run.reason}</span>
        <span>
          <Ago time={run.started ?? run.created} />
          {run.started !== null && (
            <>
              {' · '}
              <Took started={run.started} ended={run.ended} />
            </>
          )}
          {' · '}
          <Link href={`/pipelines/${encodeURIComponent(run.run_id)}`}>details and logs</Link>
        </span>
      </p>
      <TaskPills tasks={run.tasks} />
      <Failures run={run} />
      {gate && (
        <div className="pipeline-gate">
          <h3>Data gate</h3>
          <GateReport gate={gate} atMost={SHOWN_CHECKS} />
        </div>
      )}
    </Card>
  );
});

function Failures({ run }: { run: Run }) {
  const failed = run.tasks.filter((task) => task.state === 'failed' && task.reason);
  if (failed.length === 0) return null;
  return (
    <ul className="failures">
      {failed.map((task) => (
        <li key={task.task_id}>
          <strong>{task.task_id}</strong> {task.reason}
        </li>
      ))}
    </ul>
  );
}
