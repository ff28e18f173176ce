// A model that a person has as a file: its bytes go through to the supervisor as they come, which keeps them until a job has tried them.
import { PassThrough, type Readable } from 'node:stream';
import { assertId, ErrorBody, ModelUpload, ModelUploadQuery, RuthError, validator } from '@ruth/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { identityOf, type Audit } from '../access/index.ts';
import { limitBody } from '../request-guard.ts';
import type { Upstream } from '../upstream.ts';

const modelUpload = validator(ModelUpload);
/** For all of it, over a slow line. */
const UPLOAD_LIMIT_MS = 60 * 60_000;
/** Without a byte. */
const IDLE_LIMIT_MS = 30_000;

export function addModelUploads(app: FastifyInstance, { supervisor, audit }: { supervisor: Upstream; audit: Audit }): void {
  app.delete<{ Params: { id: string } }>('/api/v1/model-uploads/:id', async (request, reply) => {
    await supervisor.send('DELETE', `/v1/model-uploads/${assertId(request.params.id, 'model upload')}`, null, null);
    audit.note(identityOf(request), { action: 'removed a sent model', detail: request.params.id, address: request.ip });
    return reply.code(204).send();
  });
  void app.register(async (routes) => {
    routes.removeAllContentTypeParsers();
    routes.addContentTypeParser('application/octet-stream', (_request, body, done) => done(null, body));
    routes.post<{ Querystring: ModelUploadQuery }>('/api/v1/model-uploads', { schema: { querystring: ModelUploadQuery, response: { 201: ModelUpload, default: ErrorBody } } }, async (request, reply) => {
      const bytes = Number(request.headers['content-length'] ?? NaN);
      if (!Number.isSafeInteger(bytes)) throw new RuthError('bad_request', 'Content-Length must say how many bytes come');
      const { file_name: name } = request.query;
      const upload = await passOn(request, (body, signal) => supervisor.upload(`/v1/model-uploads?file_name=${encodeURIComponent(name)}`, body, bytes, modelUpload, { timeoutMs: UPLOAD_LIMIT_MS, signal }));
      audit.note(identityOf(request), { action: 'sent a model', detail: `${name}, ${bytes} bytes, sha256 ${upload.sha256}`, address: request.ip });
      return reply.code(201).send(upload);
    });
  });
}

/** Where it fails half-way, the connection stays for the answer: what still comes is let go. */
async function passOn<T>(request: FastifyRequest, send: (body: Readable, signal: AbortSignal) => Promise<T>): Promise<T> {
  const { raw } = request;
  limitBody(request, UPLOAD_LIMIT_MS);
  const body = new PassThrough();
  body.on('error', () => undefined);
  const stop = new AbortController();
  const idle = setTimeout(() => stop.abort(new RuthError('timeout', `nothing more of the file came within ${IDLE_LIMIT_MS / 1000} s`)), IDLE_LIMIT_MS);
  const onData = (): void => { idle.refresh(); };
  const onClose = (): void => { if (!raw.complete) stop.abort(new RuthError('cancelled', 'the sender is gone')); };
  raw.on('data', onData).on('close', onClose).pipe(body);
  try {
    return await send(body, stop.signal);
  } finally {
    clearTimeout(idle);
    raw.off('data', onData).off('close', onClose).unpipe(body).resume();
    // Nothing is answered to what still comes; it may not come for ever.
    limitBody(request, IDLE_LIMIT_MS);
    body.destroy();
  }
}
