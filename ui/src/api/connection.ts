import { useSyncExternalStore } from 'react';

/** Whether the server answers, as the last request of any page found it. */
export type Connection = 'connecting' | 'live' | 'lost';

let connection: Connection = 'connecting';
const listeners = new Set<() => void>();

export function setConnection(next: Connection): void {
  if (next === connection) return;
  connection = next;
  for (const listener of listeners) listener();
}

export function useConnection(): Connection {
  return useSyncExternalStore(subscribe, current, current);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function current(): Connection {
  return connection;
}
