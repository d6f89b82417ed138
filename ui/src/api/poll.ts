import { useEffect, useRef, useState } from 'react';
import { getJson, getText, postJson, Refused } from './client';
import { setConnection } from './connection';
import { share } from './share';

export interface Polled<T> {
  /** The last answer; kept while the server is away. */
  data: T | null;
  /** Why the server refused, when it did. */
  refused: Refused | null;
}

/**
 * Asks for JSON again and again while the tab is visible, or once where no interval is given; nothing as
 * long as there is no path.
 */
export function usePoll<T>(path: string | null, everyMs: number | null): Polled<T> {
  return useRepeated<T>(path ?? '', everyMs, getJson<T>);
}

/** The same for plain text. */
export function usePollText(path: string, everyMs: number): Polled<string> {
  return useRepeated(path, everyMs, getText);
}

/** Asks a question that has a body again and again; nothing as long as there is no question. */
export function usePollQuery<T>(path: string, body: object | null, everyMs: number): Polled<T> {
  return useRepeated<T>(body === null ? '' : `${path} ${JSON.stringify(body)}`, everyMs, question<T>);
}

function question<T>(pathAndBody: string, signal: AbortSignal): Promise<T> {
  const space = pathAndBody.indexOf(' ');
  return postJson(pathAndBody.slice(0, space), pathAndBody.slice(space + 1), signal);
}

/** What was shown last, while the answer to a changed question is on its way. */
export function useKept<T>(data: T | null): T | null {
  const kept = useRef<T | null>(null);
  if (data !== null) kept.current = data;
  return kept.current;
}

type Ask<T> = (path: string, signal: AbortSignal) => Promise<T>;

function useRepeated<T>(path: string, everyMs: number | null, ask: Ask<T>): Polled<T> {
  const [polled, setPolled] = useState<Polled<T> & { path: string }>({ path, data: null, refused: null });
  useEffect(() => {
    if (path === '') return;
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

async function repeat(once: () => Promise<void>, everyMs: number | null, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    await once();
    if (everyMs === null) return;
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
