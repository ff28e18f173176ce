// Recordings for the page and for other programs: what the kernel serves of them, byte for byte, to whoever may see the
// camera. An answer is handed on as it comes, at the pace of whoever reads it; a reader that goes ends the kernel's work.
import type { Readable } from 'node:stream';
import { RuthError } from '@ruth/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Agent, errors } from 'undici';
import type { Upstream } from './upstream.ts';

const CONNECT_TIMEOUT_MS = 3000;
/** A picture may have to wait for others, and for a keyframe long before it. */
const ANSWER_TIMEOUT_MS = 30_000;
/** Half as many may read files at once, as the kernel has it. */
const MAX_REQUESTS = 128;
const PASSED_TO_KERNEL = ['range', 'accept'] as const;
const PASSED_TO_PAGE = ['content-type', 'content-length', 'content-range', 'content-disposition', 'accept-ranges', 'cache-control', 'etag'] as const;
const OF_A_CAMERA = ['timeline', 'keyframes', 'snapshot.jpg', 'hls/index.m3u8', 'hls/:file/:name', 'segments/:name'];

/** The guard has looked at who asks. */
export function addRecordings(app: FastifyInstance, kernel: Upstream): void {
  const agent = new Agent({ connect: { socketPath: kernel.socketPath, timeout: CONNECT_TIMEOUT_MS }, connections: MAX_REQUESTS, headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS });
  app.addHook('onClose', async () => { await agent.destroy(); });
  let running = 0;
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    if (running >= MAX_REQUESTS) throw new RuthError('overloaded', `${MAX_REQUESTS} requests for recordings are being answered already`);
    running++;
    reply.raw.once('close', () => { running--; });
    return passOn(agent, request, reply);
  };
  for (const path of OF_A_CAMERA) app.get(`/api/v1/cameras/:id/${path}`, handler);
  app.route({ method: ['PUT', 'DELETE'], url: '/api/v1/cameras/:id/kept', handler });
  app.get('/api/v1/storage', handler);
  app.post('/api/v1/exports', handler);
  app.post('/api/v1/clips', handler);
  app.get('/api/v1/exports/:id/file', handler);
  app.route({ method: ['GET', 'DELETE'], url: '/api/v1/exports/:id', handler });
}

/** The kernel has the same routes: what this server's router understood, its router understands in the same way. */
async function passOn(agent: Agent, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const headers: Record<string, string> = {};
  for (const name of PASSED_TO_KERNEL) if (typeof request.headers[name] === 'string') headers[name] = request.headers[name];
  const body = request.body === undefined || request.body === null ? null : JSON.stringify(request.body);
  if (body !== null) headers['content-type'] = 'application/json';
  try {
    const answer = await agent.request({ origin: 'http://kernel', path: request.url.slice('/api'.length), method: request.method, headers, body, signal: gone.signal });
    // What nobody foresaw is told as everywhere: with its words in the log.
    if (answer.statusCode === 500) throw new RuthError('internal', `the kernel failed at ${request.method} ${request.url.slice(0, 200)}: ${(await answer.body.text()).slice(0, 500)}`);
    for (const name of PASSED_TO_PAGE) {
      const value = answer.headers[name];
      if (typeof value === 'string') void reply.header(name, value);
    }
    void reply.code(answer.statusCode);
    // Whoever is gone while it is read has been told enough.
    (answer.body as Readable).on('error', () => undefined);
    return await reply.send(answer.statusCode === 204 ? await answer.body.dump().then(() => undefined) : answer.body);
  } catch (cause) {
    if (cause instanceof RuthError) throw cause;
    if (gone.signal.aborted) throw new RuthError('cancelled', 'the reader is gone', { cause });
    if (cause instanceof errors.HeadersTimeoutError) throw new RuthError('timeout', `the kernel did not answer within ${ANSWER_TIMEOUT_MS / 1000} s`, { cause });
    throw new RuthError('unreachable', 'kernel cannot be reached', { cause });
  }
}
