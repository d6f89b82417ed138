import type { Task } from '../api/types';
import { TASK_LOOK } from './Badge';
import { Icon } from './Icon';
import { Took } from './Time';

/** A run's tasks in their order, each with its state and how long it took. */
export function TaskPills({ tasks }: { tasks: Task[] }) {
  return (
    <ol className="pills">
      {tasks.map((task) => (
        <Pill key={task.task_id} task={task} />
      ))}
    </ol>
  );
}

function Pill({ task }: { task: Task }) {
  const look = TASK_LOOK[task.state];
  const running = task.state === 'running';
  const said = [`${task.task_id}: ${look.word}`, task.reason].filter(Boolean).join('. ');
  return (
    <li className={`pill tone-${look.tone} state-${task.state}`} title={said}>
      <span className="pill-icon">{running ? <span className="spinner" /> : <Icon name={look.icon} size={12} />}</span>
      <span className="pill-name">{task.task_id}</span>
      <span className="sr-only">{look.word}</span>
      {task.try_number > 1 && <span className="pill-try">try {task.try_number}</span>}
      <Took started={task.started} ended={running ? null : task.ended} />
    </li>
  );
}

/** The same in a table's cell: one small square a task. */
export function TaskSquares({ tasks }: { tasks: Task[] }) {
  return (
    <span className="squares" role="img" aria-label={tasks.map((task) => `${task.task_id} ${TASK_LOOK[task.state].word}`).join(', ')}>
      {tasks.map((task) => (
        <span key={task.task_id} className={`square tone-${TASK_LOOK[task.state].tone} state-${task.state}`} title={`${task.task_id}: ${TASK_LOOK[task.state].word}`} />
      ))}
    </span>
  );
}
