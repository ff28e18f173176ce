// WHEP for players of any make, passed on to the kernel: an offer, its answer, and the session that the two make. Each request
// asks anew whether the camera may be seen. (The page's own signalling goes the way of live-proxy.ts.)
import { RuthError } from '@ruth/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Upstream } from './upstream.ts';

const PASSED_ON = ['content-type', 'if-match'];
const PASSED_BACK = ['content-type', 'etag', 'accept-post', 'accept-patch', 'allow', 'retry-after'];
/** The first viewer waits until a process of mediasoup has started. */
const ANSWER_TIMEOUT_MS = 12_000;
const SESSION = /^[0-9a-f-]{36}$/;

/** `routes` is a context of its own: it takes bodies of every type as text, and leaves it to the kernel what it thinks of them. */
export function addWhep(routes: FastifyInstance, kernel: Upstream): void {
  routes.removeAllContentTypeParsers();
  routes.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  const resource = '/api/v1/cameras/:id/whep';
  routes.route({ method: ['POST', 'OPTIONS'], url: resource, handler: (request, reply) => pass(kernel, request, reply) });
  routes.route({ method: ['PATCH', 'DELETE'], url: `${resource}/:session`, handler: (request, reply) => pass(kernel, request, reply) });
}

async function pass(kernel: Upstream, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { id, session } = request.params as { id: string; session?: string };
  if (session !== undefined && !SESSION.test(session)) throw new RuthError('not_found', 'there is no such WHEP session');
  const path = `/v1/cameras/${id}/whep${session === undefined ? '' : `/${session}`}`;
  const headers = Object.fromEntries(PASSED_ON.flatMap((name) => { const value = request.headers[name]; return typeof value === 'string' ? [[name, value]] : []; }));
  const answer = await kernel.ask(request.method as 'POST', path, { headers, body: typeof request.body === 'string' ? request.body : null, timeoutMs: ANSWER_TIMEOUT_MS });
  for (const name of PASSED_BACK) if (answer.headers[name] !== undefined) void reply.header(name, answer.headers[name]);
  const { location } = answer.headers;
  if (typeof location === 'string') void reply.header('location', `/api${location}`);
  // As bytes: what is text already gets no charset added.
  return reply.code(answer.statusCode).send(answer.text === '' ? undefined : Buffer.from(answer.text));
}
