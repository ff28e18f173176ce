// WHEP for players of any make, passed on to the kernel: an offer, its answer, and the session that the two make. Each request
// asks anew whether the camera may be seen, and a session ends when who began it may not see it any more. (The page's own signalling goes the way of live-proxy.ts.)
import { EventEmitter } from 'node:events';
import { RuthError } from '@ruth/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { OpenConnection } from './access/index.ts';
import type { Upstream, UpstreamAnswer } from './upstream.ts';

const PASSED_ON = ['content-type', 'if-match'];
const PASSED_BACK = ['content-type', 'etag', 'accept-post', 'accept-patch', 'allow', 'retry-after'];
/** The first viewer waits until a process of mediasoup has started. */
const ANSWER_TIMEOUT_MS = 12_000;
const SESSION = /^[0-9a-f-]{36}$/;

/** Sessions that are watched over; of more the oldest go on until their players end them. */
const MOST_SESSIONS = 1024;

/** What a player watches, as long as it is not known to have ended. */
class WhepSession extends EventEmitter<{ close: [] }> implements OpenConnection {
  readonly #end: () => Promise<unknown>;

  constructor(end: () => Promise<unknown>) {
    super();
    this.#end = end;
  }

  /** A kernel that is away has no sessions. */
  close(): void {
    void this.#end().catch(() => undefined);
    this.ended();
  }

  ended(): void { this.emit('close'); }
}

/** `routes` is a context of its own: it takes bodies of every type as text, and leaves it to the kernel what it thinks of them. `piped`: filled with the sessions of cameras that come over a pipe. */
export function addWhep(routes: FastifyInstance, kernel: Upstream, piped: Set<string> | null, keep: (request: FastifyRequest, session: OpenConnection) => void): void {
  const sessions = new Map<string, WhepSession>();
  const begun = (request: FastifyRequest, path: string): void => {
    const session = new WhepSession(() => kernel.ask('DELETE', path));
    const id = path.slice(path.lastIndexOf('/') + 1);
    session.on('close', () => {
      sessions.delete(path);
      piped?.delete(id);
    });
    sessions.set(path, session);
    if (request.isPiped) piped?.add(id);
    if (sessions.size > MOST_SESSIONS) sessions.values().next().value!.ended();
    keep(request, session);
  };
  routes.removeAllContentTypeParsers();
  routes.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  const resource = '/api/v1/cameras/:id/whep';
  routes.route({ method: ['POST', 'OPTIONS'], url: resource, handler: async (request, reply) => {
    const answer = await pass(kernel, request, reply);
    if (answer.statusCode === 201 && typeof answer.headers.location === 'string') begun(request, answer.headers.location);
    return reply;
  } });
  routes.route({ method: ['PATCH', 'DELETE'], url: `${resource}/:session`, handler: async (request, reply) => {
    const answer = await pass(kernel, request, reply);
    if (request.method === 'DELETE' || answer.statusCode === 404) sessions.get(pathOf(request))?.ended();
    return reply;
  } });
}

/** At the kernel. */
function pathOf({ params, isPiped }: FastifyRequest): string {
  const { id, session } = params as { id: string; session?: string };
  return `/v1/${isPiped ? 'piped' : 'cameras'}/${id}/whep${session === undefined ? '' : `/${session}`}`;
}

async function pass(kernel: Upstream, request: FastifyRequest, reply: FastifyReply): Promise<UpstreamAnswer> {
  const { session } = request.params as { session?: string };
  if (session !== undefined && !SESSION.test(session)) throw new RuthError('not_found', 'there is no such WHEP session');
  const headers = Object.fromEntries(PASSED_ON.flatMap((name) => { const value = request.headers[name]; return typeof value === 'string' ? [[name, value]] : []; }));
  const answer = await kernel.ask(request.method as 'POST', pathOf(request), { headers, body: typeof request.body === 'string' ? request.body : null, timeoutMs: ANSWER_TIMEOUT_MS });
  for (const name of PASSED_BACK) if (answer.headers[name] !== undefined) void reply.header(name, answer.headers[name]);
  const { location } = answer.headers;
  if (typeof location === 'string') void reply.header('location', `/api${location.replace(/^\/v1\/piped\//, '/v1/cameras/')}`);
  // As bytes: what is text already gets no charset added.
  void reply.code(answer.statusCode).send(answer.text === '' ? undefined : Buffer.from(answer.text));
  return answer;
}
