import { useEffect, useRef } from 'react';
import { usePollText } from '../../api/poll';
import type { Attempt } from '../../api/types';
import { Card } from '../../components/Card';
import { Loaded } from '../../components/Page';

const RUNNING_MS = 1000;
const ENDED_MS = 30_000;

/** The end of what an attempt printed; while it runs, its newest lines stay in view. */
export function LogView({ runId, attempt }: { runId: string; attempt: Attempt }) {
  const path = [runId, 'tasks', attempt.task_id, attempt.try_number, 'log'].map(encodeURIComponent).join('/');
  const log = usePollText(`/api/v1/runs/${path}`, attempt.ended === null ? RUNNING_MS : ENDED_MS);
  return (
    <Card title={`Log of ${attempt.task_id}`} aside={`try ${attempt.try_number}`}>
      <Loaded from={log}>{(text) => <Lines text={text} follow={attempt.ended === null} />}</Loaded>
    </Card>
  );
}

function Lines({ text, follow }: { text: string; follow: boolean }) {
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (follow) box.current?.scrollTo(0, box.current.scrollHeight);
  }, [text, follow]);
  return (
    <pre ref={box} className="log" tabIndex={0}>
      {text || 'It printed nothing.'}
    </pre>
  );
}
