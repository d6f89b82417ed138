import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { Readable } from 'node:stream';
import { answer, LOG, models } from '../story/answers';
import { artifact, mlflow } from '../story/mlflow';
import { planned } from '../story/ab';
import { loopAt, type Moment } from '../story/moments';
import { compare } from '../story/tracking';
import { COMPARE, type CompareRequest } from '../../src/api/tracking';
import { PLANNER, type Question } from '../../src/api/ab';
import type { Loop } from '../../src/api/types';

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** Serves the built pages and answers the API with one moment of the story. */
export class MockServer {
  /** What was posted, newest last. */
  readonly posted: string[] = [];
  /** Which comparisons were asked for, newest last. */
  readonly compared: CompareRequest[] = [];
  /** What the planner was asked, newest last. */
  readonly planned: Question[] = [];
  /** Files of tests that were sent, newest last. */
  readonly described: { spec: string; reason?: string }[] = [];
  #loop: Loop = loopAt('empty', Date.now());
  #server: Server | null = null;
  #port = 0;

  constructor(private readonly dist: string) {}

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  show(moment: Moment): void {
    this.#loop = loopAt(moment, Date.now());
  }

  change(how: (loop: Loop) => Loop): void {
    this.#loop = how(this.#loop);
  }

  /** Listens, after a stop at the same port again. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', this.url);
      const { pathname } = url;
      if (pathname === COMPARE) void this.#compare(request, response);
      else if (pathname === PLANNER) void this.#plan(request, response);
      else if (pathname.endsWith('/artifacts/files')) this.#artifact(url.searchParams.get('artifact_file_path'), response);
      else if (pathname.startsWith('/ajax-api/')) this.#mlflow(url, response);
      else if (pathname === '/get-artifact') this.#artifact(url.searchParams.get('path'), response);
      else if (request.method === 'PUT' || (request.method === 'POST' && pathname === '/api/v1/ab/tests')) void this.#describe(request, pathname, response);
      else if (request.method === 'POST') this.#take(pathname, response);
      else if (pathname.startsWith('/api/')) this.#answer(url, response);
      else void this.#file(pathname, response);
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    const address = server.address();
    this.#port = typeof address === 'object' && address ? address.port : 0;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  #take(path: string, response: ServerResponse): void {
    this.posted.push(path);
    json(response, 200, { phase: 'Degraded' });
  }

  /** A file of a test; one without a goal is refused as the server does. */
  async #describe(request: IncomingMessage, path: string, response: ServerResponse): Promise<void> {
    const sent = await body<{ spec: string; reason?: string }>(request);
    this.described.push(sent);
    if (!sent.spec.includes('goals:')) json(response, 400, { error: 'test:8:1: the test needs `goals`', hint: 'name a metric to improve' });
    else json(response, 200, { name: /^name: (.*)$/m.exec(sent.spec)?.[1], phase: 3, new_phase_because: path.endsWith('/tests') ? undefined : 'the plan' });
  }

  #answer({ pathname: path, searchParams }: URL, response: ServerResponse): void {
    if (path.endsWith('/log')) {
      response.writeHead(200, { 'content-type': 'text/plain' }).end(LOG);
      return;
    }
    const body = answer(path, { ...this.#loop, time: Date.now() }, searchParams.get('by'));
    if (body === undefined) json(response, 404, { error: `nothing is known of ${path}`, hint: null });
    else json(response, 200, body);
  }

  async #plan(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = await body<Question>(request);
    this.planned.push(asked);
    json(response, 200, planned(asked));
  }

  async #compare(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = await body<CompareRequest>(request);
    this.compared.push(asked);
    const answer = compare(asked, Date.now());
    if ('status' in answer) json(response, answer.status, { error: answer.error, hint: answer.hint });
    else json(response, 200, answer);
  }

  #mlflow(url: URL, response: ServerResponse): void {
    const body = mlflow(url, this.#loop, models(this.#loop));
    if (body === undefined) json(response, 404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: `nothing is known of ${url.pathname}` });
    else json(response, 200, body);
  }

  #artifact(path: string | null, response: ServerResponse): void {
    const file = artifact(path ?? '');
    if (file) response.writeHead(200, { 'content-type': file.type, 'content-disposition': 'attachment' }).end(file.body);
    else response.writeHead(404).end();
  }

  async #file(path: string, response: ServerResponse): Promise<void> {
    const name = extname(path) ? normalize(path) : 'index.html';
    try {
      const body = await readFile(join(this.dist, name));
      response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  }
}

async function body<T>(request: IncomingMessage): Promise<T> {
  return JSON.parse(await new Response(Readable.toWeb(request) as ReadableStream).text()) as T;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
