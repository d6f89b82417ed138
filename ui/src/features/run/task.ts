/** A task attempt of a pipeline, as the author of a run. */
export interface TaskAttempt {
  dag: string;
  run: string;
  task: string;
  attempt: number;
}

/** Reads `task:DAG/RUN/TASK#TRY`; null for any other author. */
export function taskOf(actor: string): TaskAttempt | null {
  const parts = /^task:([^/]+)\/([^/]+)\/(.+)#(\d+)$/.exec(actor);
  if (!parts) return null;
  const [, dag = '', run = '', task = '', attempt = ''] = parts;
  return { dag, run, task, attempt: Number(attempt) };
}
