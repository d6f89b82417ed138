import { type AnchorHTMLAttributes, type MouseEvent, useCallback, useSyncExternalStore } from 'react';

/** Routing by the browser's history. The address is the state, so every view can be shared. */
const MOVED = 'mainspring:moved';

export function navigate(to: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'push') history.pushState(null, '', to);
  else history.replaceState(null, '', to);
  dispatchEvent(new Event(MOVED));
}

export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

/** One parameter of the address, and how to change it. */
export function useParam(name: string): [string | null, (value: string | null) => void] {
  const value = useSyncExternalStore(subscribe, () => new URLSearchParams(location.search).get(name));
  return [value, useCallback((next: string | null) => setParams({ [name]: next }), [name])];
}

/** Changes parameters of the address; null and empty ones go away. */
export function setParams(changes: Record<string, string | null>): void {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') params.delete(name);
    else params.set(name, value);
  }
  const query = readable(params.toString());
  navigate(query ? `${location.pathname}?${query}` : location.pathname, 'replace');
}

/** Lists and paths stay readable in an address: these characters have no meaning in a query. */
function readable(query: string): string {
  return query.replaceAll('%2C', ',').replaceAll('%2F', '/').replaceAll('%3A', ':');
}

/** Where an address of MLflow's own pages leads here: clients print them, and people have them. */
export function fromMlflow(hash: string): string | null {
  const path = hash.replace(/^#/, '').split('?')[0] ?? '';
  const run = match('/experiments/:experiment/runs/:run', path);
  if (run) return `/experiments/${encodeURIComponent(run.experiment ?? '')}/runs/${encodeURIComponent(run.run ?? '')}`;
  const experiment = match('/experiments/:experiment', path);
  if (experiment) return `/experiments/${encodeURIComponent(experiment.experiment ?? '')}`;
  const version = match('/models/:model/versions/:version', path);
  if (version) return `/models/${encodeURIComponent(version.model ?? '')}/${encodeURIComponent(version.version ?? '')}`;
  const model = match('/models/:model', path);
  return model ? `/models/${encodeURIComponent(model.model ?? '')}` : null;
}

/** The parts of `path` that the `:names` of `pattern` stand for; `null` where it does not fit. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/').filter(Boolean);
  const given = path.split('/').filter(Boolean);
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = decode(value);
    else if (part !== value) return null;
  }
  return params;
}

export function Link({ href, onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (event.defaultPrevented || !plain) return;
    event.preventDefault();
    navigate(href);
    scrollTo(0, 0);
  };
  return <a href={href} onClick={follow} {...rest} />;
}

function subscribe(listener: () => void): () => void {
  addEventListener('popstate', listener);
  addEventListener(MOVED, listener);
  return () => {
    removeEventListener('popstate', listener);
    removeEventListener(MOVED, listener);
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
