import { useNow } from '../app/clock';
import { ago, duration, moment } from './format';

/** "12 s ago", with the exact moment on hover. */
export function Ago({ time }: { time: number }) {
  const now = useNow();
  return (
    <time dateTime={new Date(time).toISOString()} title={moment(time)}>
      {ago(time, now)}
    </time>
  );
}

/** How long something took, or has taken so far. */
export function Took({ started, ended }: { started: number | null; ended: number | null }) {
  const now = useNow();
  if (started === null) return null;
  return <span className="num">{duration((ended ?? now) - started)}</span>;
}
