import type { ReactNode } from 'react';
import type { Polled } from '../api/poll';

/** A page that shows one list: its heading, and what stands there until data comes. */
export function Page({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  return (
    <div className="page">
      <header className="page-head">
        <h1>{title}</h1>
        <p className="lead">{lead}</p>
      </header>
      {children}
    </div>
  );
}

/** What was polled, once it is there; before that, why it is not. */
export function Loaded<T>({ from, children }: { from: Polled<T>; children: (data: T) => ReactNode }) {
  if (from.data !== null) return children(from.data);
  if (!from.refused) return <p className="loading">Loading…</p>;
  return (
    <div className="note tone-bad" role="alert">
      <strong>{from.refused.message}</strong>
      {from.refused.hint && <p>{from.refused.hint}</p>}
    </div>
  );
}
