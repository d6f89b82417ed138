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

export async function post(path: string): Promise<void> {
  await ask(path, { method: 'POST', signal: AbortSignal.timeout(PATIENCE_MS) });
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(path, { ...init, headers: { accept: 'application/json, text/plain' } });
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response: Response): Promise<Refused> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as { error?: string; hint?: string | null };
    if (body.error) return new Refused(response.status, body.error, body.hint ?? null);
  } catch {
    // Not ours: a proxy's page, say. The status tells more than its markup.
  }
  return new Refused(response.status, `the server answered ${response.status} ${response.statusText}`.trim(), null);
}
