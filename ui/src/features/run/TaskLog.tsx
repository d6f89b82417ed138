import { usePoll } from '../../api/poll';
import type { RunDetail } from '../../api/types';
import { Link } from '../../app/router';
import { Empty } from '../../components/Card';
import { Loaded } from '../../components/Page';
import { LogView } from '../pipelines/LogView';
import type { TaskAttempt } from './task';

/** What the task attempt that made the run printed. */
export function TaskLog({ task }: { task: TaskAttempt }) {
  const pipeline = usePoll<RunDetail>(`/api/v1/runs/${encodeURIComponent(task.run)}`, 3000);
  return (
    <Loaded from={pipeline}>
      {({ attempts }) => {
        const attempt = attempts.find((one) => one.task_id === task.task && one.try_number === task.attempt);
        return (
          <>
            <p>
              Made by the task <strong>{task.task}</strong> of <Link href={`/pipelines/${encodeURIComponent(task.run)}`}>{task.dag}</Link>.
            </p>
            {attempt ? <LogView runId={task.run} attempt={attempt} /> : <Empty title="The attempt is not known any more" />}
          </>
        );
      }}
    </Loaded>
  );
}
