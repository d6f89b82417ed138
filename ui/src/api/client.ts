const PATIENCE_MS = 8000;

/** The server answered, and the answer is no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string | null,
  ) {
    super(message);
  }
}

export async function getJson<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await ask(path, { signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) });
  return (await response.json()) as T;
}

export async function getText(path: string, signal: AbortSignal): Promise<string> {
  const response = await ask(path, { signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) });
  return response.text();
}

/** Asks with a body: for questions that are too long for an address. */
export async function postJson<T>(path: string, body: string, signal: AbortSignal): Promise<T> {
  const response = await ask(path, { method: 'POST', body, headers: { 'content-type': 'application/json' }, signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) });
  return (await response.json()) as T;
}

/** Sends a change and takes the answer. */
export async function sendJson<T>(method: 'POST' | 'PUT', path: string, body: object): Promise<T> {
  const response = await ask(path, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' }, signal: AbortSignal.timeout(PATIENCE_MS) });
  return (await response.json()) as T;
}

/** Why something that was asked of the server did not work. */
export function refusedBy(error: unknown): Refused {
  return error instanceof Refused ? error : new Refused(0, error instanceof Error ? error.message : String(error), null);
}

export async function post(path: string): Promise<void> {
  await ask(path, { method: 'POST', signal: AbortSignal.timeout(PATIENCE_MS) });
}

/** Bytes of a file for a preview; the rest of a longer one is not loaded. */
export async function getStart(path: string, atMost: number, signal: AbortSignal): Promise<{ text: string; whole: boolean }> {
  const response = await ask(path, { signal });
  const reader = response.body?.getReader();
  if (!reader) return { text: '', whole: true };
  const decoder = new TextDecoder();
  let text = '';
  for (let size = 0; size < atMost; ) {
    const { done, value } = await reader.read();
    if (done) return { text: text + decoder.decode(), whole: true };
    const piece = value.subarray(0, atMost - size);
    size += piece.length;
    text += decoder.decode(piece, { stream: true });
    if (piece.length < value.length) break;
  }
  await reader.cancel();
  return { text, whole: false };
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(path, { ...init, headers: { accept: 'application/json, text/plain', ...init.headers } });
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response: Response): Promise<Refused> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as { error?: string; message?: string; hint?: string | null };
    const message = body.error ?? body.message;
    if (message) return new Refused(response.status, message, body.hint ?? null);
  } catch {
    // Not ours: a proxy's page, say. The status tells more than its markup.
  }
  return new Refused(response.status, `the server answered ${response.status} ${response.statusText}`.trim(), null);
}
