import { useEffect, useState } from 'react';
import { getJson, getText, Refused } from './client';
import { setConnection } from './connection';
import { share } from './share';

export interface Polled<T> {
  /** The last answer; kept while the server is away. */
  data: T | null;
  /** Why the server refused, when it did. */
  refused: Refused | null;
}

/** Asks for JSON again and again while the tab is visible. */
export function usePoll<T>(path: string, everyMs: number): Polled<T> {
  return useRepeated<T>(path, everyMs, getJson<T>);
}

/** The same for plain text. */
export function usePollText(path: string, everyMs: number): Polled<string> {
  return useRepeated(path, everyMs, getText);
}

type Ask<T> = (path: string, signal: AbortSignal) => Promise<T>;

function useRepeated<T>(path: string, everyMs: number, ask: Ask<T>): Polled<T> {
  const [polled, setPolled] = useState<Polled<T> & { path: string }>({ path, data: null, refused: null });
  useEffect(() => {
    const stop = new AbortController();
    const once = async () => {
      try {
        const data = await ask(path, stop.signal);
        setConnection('live');
        setPolled((last) => ({ path, data: share(last.path === path ? last.data : null, data), refused: null }));
      } catch (error) {
        if (stop.signal.aborted) return;
        const refused = error instanceof Refused ? error : null;
        setConnection(refused && refused.status < 500 ? 'live' : 'lost');
        setPolled((last) => ({ path, data: last.path === path ? last.data : null, refused }));
      }
    };
    void repeat(once, everyMs, stop.signal);
    return () => stop.abort();
  }, [path, everyMs, ask]);
  return polled.path === path ? polled : { data: null, refused: null };
}

async function repeat(once: () => Promise<void>, everyMs: number, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    await once();
    await pause(everyMs, stop);
    await visible(stop);
  }
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    stop.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}

function visible(stop: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !stop.aborted) return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    stop.addEventListener('abort', look, { once: true });
  });
}
