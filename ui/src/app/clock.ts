import { useSyncExternalStore } from 'react';

/**
 * The server's clock, ticking once a second: "12 s ago" must be right even where the browser's own
 * clock is wrong.
 */
let ahead = 0;
let now = Date.now();
let timer: ReturnType<typeof setInterval> | null = null;
const listeners = new Set<() => void>();

export function setServerTime(time: number): void {
  ahead = time - Date.now();
  if (Math.abs(Date.now() + ahead - now) > 2000) tick();
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, read, read);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}

function tick(): void {
  now = Date.now() + ahead;
  for (const listener of listeners) listener();
}

function read(): number {
  return now;
}
