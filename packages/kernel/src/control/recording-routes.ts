// Recordings over the control API: what is recorded, how it plays, exports, clips, pictures. Times are seconds UTC.
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { assertId, ClipRequest, ExportRequest, KeepRequest, MOST_INSTANTS, RecordedQuery, RuthError, validator, type RecordedAnswer, type RecordedAt } from '@ruth/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseRange, type ByteRange } from '../record/playback/byte-range.ts';
import type { Playback } from '../record/playback/index.ts';
import { findFile } from '../record/playback/recorded-parts.ts';
import type { LivePictures } from '../record/playback/snapshots.ts';

/** `Kernel` is one. */
export interface RecordingControl {
  readonly playback: Playback;
  live(id: string): LivePictures;
}

type Query = Readonly<Record<string, unknown>>;
const exportRequest = validator(ExportRequest);
const clipRequest = validator(ClipRequest);
const keepRequest = validator(KeepRequest);
const recordedQuery = validator(RecordedQuery);
const NEVER_CHANGES = 'private, max-age=31536000, immutable';
const LARGEST_WIDTH = 8192;

const cameraOf = (request: FastifyRequest): string => assertId((request.params as { id: string }).id, 'camera');
const exportOf = (request: FastifyRequest): string => assertId((request.params as { id: string }).id, 'export');
const usOf = (seconds: number): number => Math.round(seconds * 1e6);

export function addRecordingRoutes(routes: FastifyInstance, kernel: RecordingControl): void {
  routes.get('/v1/cameras/:id/timeline', async (request) => {
    const [startUs, endUs] = [timeOf(request.query, 'start'), timeOf(request.query, 'end')];
    if (startUs >= endUs) throw new RuthError('bad_request', 'start must lie before end');
    return kernel.playback.recorded.archive.timeline(cameraOf(request), startUs, endUs);
  });
  routes.get('/v1/cameras/:id/keyframes', async (request) => kernel.playback.keyframes(cameraOf(request), timeOf(request.query, 'at')));
  for (const method of ['PUT', 'DELETE'] as const) {
    routes.route({ method, url: '/v1/cameras/:id/kept', handler: async (request, reply) => {
      const { start, end } = keepRequest.parse(request.body);
      if (!(start >= 0 && start < end)) throw new RuthError('bad_request', 'start must lie before end');
      await kernel.playback.recorded.archive.keep(cameraOf(request), usOf(start), usOf(end), method === 'PUT');
      return reply.code(204).send();
    } });
  }
  routes.post('/v1/recorded', async (request): Promise<RecordedAnswer> => {
    const { cameras } = recordedQuery.parse(request.body);
    if (Object.values(cameras).reduce((sum, { length }) => sum + length, 0) > MOST_INSTANTS) throw new RuthError('bad_request', `at most ${MOST_INSTANTS} instants can be asked for at once`);
    const answers = await Promise.all(Object.entries(cameras).map(async ([id, instants]): Promise<[string, RecordedAt[]]> => [id, await kernel.playback.recordedAt(id, instants.map(usOf))]));
    return { cameras: Object.fromEntries(answers) };
  });
  routes.get('/v1/kept', async (request) => {
    const { after = '' } = request.query as Query;
    if (typeof after !== 'string' || after.length > 256) throw new RuthError('bad_request', 'after must be the name of the last file that is known');
    return kernel.playback.recorded.archive.kept(after);
  });
  routes.get('/v1/storage', async () => kernel.playback.storage());
  addMediaRoutes(routes, kernel);
  addExportRoutes(routes, kernel);
  routes.get('/v1/cameras/:id/snapshot.jpg', async (request, reply) => {
    const camera = cameraOf(request);
    const width = widthOf(request.query);
    const { playback } = kernel;
    const signal = goneSignal(reply);
    const { at } = request.query as Query;
    const jpeg = at === undefined ? playback.snapshots.live(kernel.live(camera), width, signal)
      : playback.snapshots.past(playback.recorded.archive, camera, timeOf(request.query, 'at'), width, signal);
    return reply.header('cache-control', 'no-store').type('image/jpeg').send(await jpeg);
  });
}

function addMediaRoutes(routes: FastifyInstance, kernel: RecordingControl): void {
  routes.get('/v1/cameras/:id/hls/index.m3u8', async (request, reply) => {
    const end = (request.query as Query).end;
    const text = await kernel.playback.playlist(cameraOf(request), { startUs: timeOf(request.query, 'start'), endUs: end === undefined ? null : timeOf(request.query, 'end') }, goneSignal(reply));
    return reply.header('cache-control', 'no-store').type('application/vnd.apple.mpegurl').send(text);
  });
  // A file whose media is moved by so many ticks; what a playlist names.
  routes.get('/v1/cameras/:id/hls/:file/:name', async (request, reply) => {
    const { file, name } = request.params as { file: string; name: string };
    const [, ticks] = /^(\d{1,13})\.mp4$/.exec(name) ?? [];
    return sendFile(kernel, request, reply, ticks === undefined ? '' : file, Number(ticks));
  });
  routes.get('/v1/cameras/:id/segments/:name', async (request, reply) => {
    const [, file] = /^(\d{1,15})\.mp4$/.exec((request.params as { name: string }).name) ?? [];
    return sendFile(kernel, request, reply, file ?? '', 0);
  });
}

async function sendFile(kernel: RecordingControl, request: FastifyRequest, reply: FastifyReply, fileId: string, shiftTicks: number): Promise<FastifyReply> {
  const { archive, files } = kernel.playback.recorded;
  const segment = await findFile(archive, cameraOf(request), fileId);
  if (segment === null) throw new RuthError('not_recorded', 'there is no such file, or not any more');
  const { sha256, bytes } = segment;
  void reply.header('cache-control', sha256 === null ? 'no-store' : NEVER_CHANGES);
  if (sha256 !== null) void reply.header('etag', `"${sha256.slice(0, 32)}-${shiftTicks}"`);
  return sendRange(request, reply, bytes, (range) => files.read(segment, range, shiftTicks));
}

function addExportRoutes(routes: FastifyInstance, kernel: RecordingControl): void {
  routes.post('/v1/exports', async (request, reply) => {
    const { camera_id, start, end } = exportRequest.parse(request.body);
    return reply.code(201).send(await kernel.playback.recorded.exports.create({ cameraId: camera_id, startUs: usOf(start), endUs: usOf(end) }));
  });
  routes.post('/v1/clips', async (request, reply) => {
    const { camera_id, at, pre_s, post_s } = clipRequest.parse(request.body);
    return reply.code(201).send(await kernel.playback.recorded.exports.create({ cameraId: camera_id, startUs: usOf(at - pre_s), endUs: usOf(at + post_s) }));
  });
  routes.get('/v1/exports/:id', async (request) => kernel.playback.recorded.exports.status(exportOf(request)));
  routes.delete('/v1/exports/:id', async (request, reply) => {
    await kernel.playback.recorded.exports.remove(exportOf(request));
    return reply.code(204).send();
  });
  routes.get('/v1/exports/:id/file', async (request, reply) => {
    const { path, bytes, name } = kernel.playback.recorded.exports.file(exportOf(request));
    void reply.header('content-disposition', `attachment; filename="${name}"`).header('cache-control', 'private, no-cache');
    return sendRange(request, reply, bytes, async ({ begin, end }) => createReadStream(path, { start: begin, end: end - 1 }));
  });
}

/** An MP4, or the range of it that is asked for. */
async function sendRange(request: FastifyRequest, reply: FastifyReply, bytes: number, read: (range: ByteRange) => Promise<Readable>): Promise<FastifyReply> {
  const range = parseRange(request.headers.range, bytes);
  void reply.header('accept-ranges', 'bytes').type('video/mp4');
  if (range === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${bytes}`).type('text/plain').send('');
  const { begin, end } = range ?? { begin: 0, end: bytes };
  if (range !== null) void reply.code(206).header('content-range', `bytes ${begin}-${end - 1}/${bytes}`);
  void reply.header('content-length', end - begin);
  if (request.method === 'HEAD') return reply.send(Readable.from([]));
  return reply.send(await read({ begin, end }));
}

/** Us. Throws `bad_request`. */
function timeOf(query: unknown, key: string): number {
  const text = (query as Query)[key];
  if (typeof text !== 'string' || !/^\d{1,11}(\.\d{1,9})?$/.test(text)) throw new RuthError('bad_request', `${key} must be a time in seconds since 1970, UTC, as in ${key}=${Math.floor(Date.now() / 1000)}`);
  return usOf(Number(text));
}

function widthOf(query: unknown): number | null {
  const { width } = query as Query;
  if (width === undefined) return null;
  if (typeof width !== 'string' || !/^\d{1,5}$/.test(width) || Number(width) < 16 || Number(width) > LARGEST_WIDTH) throw new RuthError('bad_request', `width must be a number of pixels, 16 to ${LARGEST_WIDTH}`);
  return Number(width);
}

/** Aborted when the asker is gone before it was answered. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => { if (!reply.raw.writableFinished) gone.abort(); });
  return gone.signal;
}
