import type { ReactNode } from 'react';
import type { Refused } from '../api/client';
import type { Polled } from '../api/poll';
import { Link } from '../app/router';
import { Prose } from './Prose';

interface PageProps {
  title: string;
  lead?: ReactNode;
  /** The pages above this one, the nearest last. */
  crumbs?: { href: string; title: string }[];
  /** What belongs to the title, at its right. */
  aside?: ReactNode;
  children: ReactNode;
}

/** A page other than the loop: where it is, its heading, and its content. */
export function Page({ title, lead, crumbs, aside, children }: PageProps) {
  return (
    <div className="page">
      <header className="page-head">
        {crumbs && (
          <nav className="crumbs" aria-label="Above this page">
            {crumbs.map((crumb) => (
              <Link key={crumb.href} href={crumb.href}>
                {crumb.title}
              </Link>
            ))}
          </nav>
        )}
        <div className="page-title">
          <h1>{title}</h1>
          {aside}
        </div>
        {lead && <div className="lead">{lead}</div>}
      </header>
      {children}
    </div>
  );
}

/** What was polled, once it is there; before that, why it is not. */
export function Loaded<T>({ from, children }: { from: Polled<T>; children: (data: T) => ReactNode }) {
  if (from.data !== null) return children(from.data);
  return from.refused ? <RefusedNote refused={from.refused} /> : <p className="loading">Loading…</p>;
}

/** Why the server said no, and what to do about it. */
export function RefusedNote({ refused, children }: { refused: Refused; children?: ReactNode }) {
  return (
    <div className="note tone-bad" role="alert">
      <strong>{refused.message}</strong>
      {refused.hint && (
        <p>
          <Prose text={refused.hint} />
        </p>
      )}
      {children}
    </div>
  );
}
