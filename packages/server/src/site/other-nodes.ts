// Asks the servers of other nodes, in the name of who asks here: with their cookie or token, which those servers judge by themselves. Every wait is
// limited; a node that does not answer is not asked again for some seconds, so that it holds up nobody.
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { ERRORS, ErrorBody, RuthError, validator, type ErrorCode, type Validator } from '@ruth/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Agent, errors, type Dispatcher } from 'undici';
import { SESSION_COOKIE } from '../access/access.ts';
import type { LiveSource } from '../live-source.ts';
import { awayError, PASSED_ON_BY, type SiteNodeInfo } from './site.ts';

const CONNECT_TIMEOUT_MS = 3000;
/** A rule test may take 25 s, a picture 30. A change of a model may take longer, and is made on its own node. */
const PASS_TIMEOUT_MS = 35_000;
const ANSWER_TIMEOUT_MS = 5000;
const MAX_ANSWER_BYTES = 16 << 20;
const MAX_REQUESTS = 256;
/** After a failure: of one that should be there, and of one that is known to be away. */
const REST_MS = { lives: 3000, draining: 3000, unknown: 3000, away: 15_000 } as const;
const PASSED_ON = ['accept', 'content-type', 'range', 'if-match', 'if-none-match'] as const;
const PASSED_BACK = ['content-type', 'content-length', 'content-range', 'content-disposition', 'accept-ranges', 'cache-control', 'etag', 'location', 'accept-post', 'accept-patch', 'allow', 'retry-after'] as const;
const NO_URL = 'it does not tell where its server is reached: site.server_url of its ruth.yaml';
const errorBody = validator(ErrorBody);
/** Nodes that are asked the same. */
const AT_ONCE = 64;

export interface NodeAnswer<T> { readonly node: SiteNodeInfo; readonly value: T | RuthError }

export class OtherNodes implements AsyncDisposable {
  readonly #agent: Agent;
  /** PEM of who vouches for the other servers; undefined for whom this machine trusts. */
  readonly ca: string | undefined;
  readonly #failedMs = new Map<string, { readonly atMs: number; readonly why: string }>();
  #running = 0;

  /** Throws `invalid_config`. */
  constructor(caFile: string | null) {
    try {
      this.ca = caFile === null ? undefined : readFileSync(caFile, 'utf8');
    } catch (cause) {
      throw new RuthError('invalid_config', `site.server_ca_file cannot be read: ${(cause as Error).message}`, { cause });
    }
    this.#agent = new Agent({
      connect: { timeout: CONNECT_TIMEOUT_MS, ...(this.ca === undefined ? {} : { ca: this.ca }) }, connections: 64, headersTimeout: PASS_TIMEOUT_MS, bodyTimeout: PASS_TIMEOUT_MS,
    });
  }

  /** What a node's server is sent: who asks, and that it was passed on. */
  headersFor(request: FastifyRequest): Record<string, string> {
    const { authorization } = request.headers;
    const session = request.cookies[SESSION_COOKIE];
    return {
      [PASSED_ON_BY]: 'server', ...(authorization === undefined ? {} : { authorization }),
      // The guard has seen that it comes from a page of this server.
      ...(session === undefined ? {} : { cookie: `${SESSION_COOKIE}=${session}`, 'sec-fetch-site': 'same-origin' }),
    };
  }

  /** Answers `request` with what the node's server answers, as it comes. Throws `node_away`, `overloaded`. */
  async passOn(node: SiteNodeInfo, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> { return (await this.passOnOr(null, node, request, reply))!; }

  /** Null where that is `overloaded`, and `instead` knows another way. */
  async passOnOr(instead: (() => Promise<boolean>) | null, node: SiteNodeInfo, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | null> {
    if (this.#running >= MAX_REQUESTS) throw new RuthError('overloaded', `${MAX_REQUESTS} requests are being passed on to other nodes already`);
    const gone = new AbortController();
    this.#running++;
    reply.raw.once('close', () => {
      this.#running--;
      gone.abort();
    });
    const headers = this.headersFor(request);
    for (const name of PASSED_ON) if (typeof request.headers[name] === 'string') headers[name] = request.headers[name];
    const answer = await this.#send(node, { path: request.url, method: request.method, headers, body: bodyOf(request), signal: gone.signal });
    // Who is known here and not there was not signed out: the two do not look into one database.
    if (answer.statusCode === 401) throw this.#mistrust(node, await answer.body.dump().then(() => undefined));
    const refusal = instead !== null && answer.statusCode === ERRORS.overloaded.httpStatus ? await answer.body.text() : null;
    if (instead !== null && refusal !== null && toldBy(refusal)?.error_code === 'overloaded' && await instead()) return null;
    for (const name of PASSED_BACK) {
      const value = answer.headers[name];
      if (typeof value === 'string') void reply.header(name, value);
    }
    void reply.code(answer.statusCode);
    if (refusal !== null) return reply.send(refusal);
    // Whoever is gone while it is read has been told enough.
    (answer.body as Readable).on('error', () => undefined);
    return reply.send(answer.statusCode === 204 ? await answer.body.dump().then(() => undefined) : answer.body);
  }

  /** A WebSocket of a node's server, of the same address unless told. Throws `node_away`. */
  live(node: SiteNodeInfo, request: FastifyRequest, path: string = request.url): LiveSource {
    if (node.serverUrl === null) throw awayError(node, NO_URL);
    return { address: `${node.serverUrl.replace(/^http/, 'ws')}${path}`, name: `the node ${node.id}`, headers: this.headersFor(request), ca: this.ca };
  }

  /** The answer of `GET path` as text. Throws what the node's server answers, `node_away`. */
  async text(node: SiteNodeInfo, request: FastifyRequest, path: string): Promise<string> { return this.#ask(node, request, 'GET', path); }

  async get<T>(node: SiteNodeInfo, request: FastifyRequest, path: string, schema: Validator<T>): Promise<T> {
    return schema.parse(JSON.parse(await this.#ask(node, request, 'GET', path)), 'internal');
  }

  /** What each of them answers, or why it could not be asked. */
  async all<T>(nodes: readonly SiteNodeInfo[], request: FastifyRequest, path: string, schema: Validator<T>): Promise<NodeAnswer<T>[]> {
    const rest = nodes.values();
    const answers: NodeAnswer<T>[] = [];
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (const node of rest) answers.push({ node, value: await this.get(node, request, path, schema).catch((cause: unknown) => RuthError.from(cause)) });
    }));
    return answers.toSorted((one, other) => (one.node.id < other.node.id ? -1 : 1));
  }

  /** Asks with a body of its own. */
  async post<T>(node: SiteNodeInfo, request: FastifyRequest, path: string, body: unknown, schema: Validator<T>, timeoutMs: number): Promise<T> {
    return schema.parse(JSON.parse(await this.#ask(node, request, 'POST', path, JSON.stringify(body), timeoutMs)), 'internal');
  }

  /** Sends what the request brought. Throws what the node's server answers, `node_away`. */
  async repeat(node: SiteNodeInfo, request: FastifyRequest): Promise<void> {
    const json = request.body === undefined ? undefined : JSON.stringify(request.body);
    await this.#ask(node, request, request.method, request.url, json);
  }

  async [Symbol.asyncDispose](): Promise<void> { await this.#agent.destroy(); }

  async #ask(node: SiteNodeInfo, request: FastifyRequest, method: Dispatcher.HttpMethod, path: string, json?: string, timeoutMs = ANSWER_TIMEOUT_MS): Promise<string> {
    const headers = { ...this.headersFor(request), ...(json === undefined ? {} : { 'content-type': 'application/json' }) };
    const answer = await this.#send(node, { path, method, headers, body: json ?? null, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, signal: AbortSignal.timeout(2 * timeoutMs) });
    if (Number(answer.headers['content-length'] ?? 0) > MAX_ANSWER_BYTES) throw new RuthError('internal', `the node ${node.id} answers ${path} with too much`);
    const text = await answer.body.text().catch((cause: unknown) => { throw this.#failure(node, cause); });
    if (answer.statusCode < 300) return text;
    if (answer.statusCode === 401) throw this.#mistrust(node);
    const told = toldBy(text);
    if (told !== null && told.error_code in ERRORS) throw new RuthError(told.error_code as ErrorCode, told.error, { problems: told.problems ?? [] });
    throw new RuthError('internal', `the node ${node.id} answers ${path} with status ${answer.statusCode}`);
  }

  async #send(node: SiteNodeInfo, options: Omit<Dispatcher.RequestOptions, 'origin'>): Promise<Dispatcher.ResponseData> {
    const { id, serverUrl, state } = node;
    if (serverUrl === null) throw awayError(node, NO_URL);
    const failed = this.#failedMs.get(id);
    if (failed && performance.now() - failed.atMs < REST_MS[state]) throw awayError(node, failed.why);
    try {
      const answer = await this.#agent.request({ origin: serverUrl, ...options });
      this.#failedMs.delete(id);
      return answer;
    } catch (cause) {
      throw this.#failure(node, cause);
    }
  }

  #failure(node: SiteNodeInfo, cause: unknown): RuthError {
    if ((cause as Error).name === 'AbortError') return new RuthError('cancelled', 'the reader is gone', { cause });
    const isLate = cause instanceof errors.HeadersTimeoutError || cause instanceof errors.BodyTimeoutError || (cause as Error).name === 'TimeoutError';
    const why = isLate ? 'it did not answer in time' : `its server cannot be reached (${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message})`;
    // One slow answer is not the end of a node.
    if (!isLate) this.#failedMs.set(node.id, { atMs: performance.now(), why });
    return awayError(node, why, cause);
  }

  #mistrust(node: SiteNodeInfo, cause?: unknown): RuthError {
    return awayError(node, 'its server does not know who asks: do all nodes have the same DATABASE_URL (and RUTH_ADMIN_TOKEN, where that is used)?', cause);
  }
}

/** Null where it is no error. */
function toldBy(text: string): ErrorBody | null {
  const told: unknown = text.startsWith('{') ? JSON.parse(text) : null;
  return errorBody.check(told) ? told : null;
}

function bodyOf({ body }: FastifyRequest): string | Buffer | Readable | null {
  if (body === undefined || body === null) return null;
  return typeof body === 'string' || body instanceof Buffer || typeof (body as Readable).pipe === 'function' ? body as string | Buffer | Readable : JSON.stringify(body);
}
