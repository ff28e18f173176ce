// A server with people in it, over a kernel that answers everything it is asked: whatever comes through is seen.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fastifyWebsocket from '@fastify/websocket';
import { kernelSocketPath, type ErrorBody, type ExportStatus, type LiveInit, type RecordedAnswer, type RecordedQuery, type NewUser, type UserInfo, type Verification, type VerificationRequest } from '@ruth/protocol';
import type { StoreAddress } from '@ruth/server';
import { fastify } from 'fastify';
import { WebSocket } from 'ws';
import { camera, look, startCore, startPlace, subscription, type StandInWithEvents, type Place } from './stand-ins.ts';
import type { CoreEvent } from '@ruth/protocol';

export const ADMIN_TOKEN = 'a-fixed-token-for-the-tests-of-access';
export const CAMERAS = ['yard', 'vault'] as const;
const PASSWORD = 'correct horse battery';

export type Headers = Record<string, string>;
export interface Asked { readonly status: number; readonly text: string; readonly headers: globalThis.Headers }

export interface AccessPlace extends AsyncDisposable {
  readonly place: Place;
  readonly url: string;
  readonly core: StandInWithEvents<CoreEvent>;
  /** What the kernel was asked: method and address. */
  readonly askedOfKernel: readonly string[];
  /** Each WebSocket for MSE that the kernel ever had, in their order; a camera's init is the first that each is sent. */
  readonly mse: readonly WebSocket[];
  ask(method: string, path: string, headers?: Headers, body?: unknown): Promise<Asked>;
  /** 'open', or the status that refused. */
  upgrade(path: string, headers?: Headers): Promise<{ answer: number | 'open'; socket: WebSocket }>;
  /** Somebody new, with a password of their own; gives the headers of their session. */
  add(user: Omit<NewUser, 'password'>): Promise<Headers>;
  signIn(name: string, password: string): Promise<Asked>;
}

export const WHEP_SESSION = '00000000-0000-4000-8000-000000000001';
export const admin: Headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
export const cookieOf = ({ headers }: Asked, url: string): Headers => ({ cookie: headers.getSetCookie()[0]!.split(';')[0]!, origin: url });

/** `store`: a file of its own unless given. `cameras`: that the node has, both unless told. `site`: it is one of several. */
export async function startAccessPlace(store?: StoreAddress, { cameras = CAMERAS, site, pageDirectory, trustedProxies }: { cameras?: readonly string[]; site?: boolean; pageDirectory?: string; trustedProxies?: string[] } = {}): Promise<AccessPlace> {
  const stack = new AsyncDisposableStack();
  const place = stack.use(await startPlace({ identify: null, adminToken: ADMIN_TOKEN, ...(store === undefined ? {} : { store }), ...(site ? { site: { node: 'here', caFile: null, pipesFromViewers: 100 } } : {}), ...(pageDirectory === undefined ? {} : { pageDirectory }), ...(trustedProxies === undefined ? {} : { trustedProxies }) }));
  const askedOfKernel: string[] = [];
  const mse: WebSocket[] = [];
  const kernel = await startEverythingKernel(place.directory, cameras, askedOfKernel, mse);
  stack.defer(() => kernel.close());
  const core = stack.use(await startCore(place.directory, {
    models: () => [], subscriptions: () => cameras.map((id) => subscription(id, 'detector')), latest: (id) => [look(id, 'detector', 1)],
  }));
  const { url } = place;
  const ask: AccessPlace['ask'] = async (method, path, headers = {}, body = undefined) => {
    const isSdp = path.endsWith('/whep') && method === 'POST';
    const response = await fetch(`${url}${path}`, {
      method, redirect: 'manual', headers: { ...headers, ...(isSdp ? { 'content-type': 'application/sdp' } : body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(isSdp ? { body: 'v=0' } : body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  const signIn: AccessPlace['signIn'] = (name, password) => ask('POST', '/api/v1/session', {}, { name, password });
  return {
    place, url, core, askedOfKernel, mse, ask, signIn,
    async upgrade(path, headers = {}) {
      const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, { headers });
      socket.on('error', () => undefined);
      const answer = await Promise.race([
        once(socket, 'open').then(() => 'open' as const), once(socket, 'unexpected-response').then(([, response]) => (response as { statusCode: number }).statusCode),
      ]);
      return { answer, socket };
    },
    async add(user) {
      const made = await ask('POST', '/api/v1/users', admin, { ...user, password: 'for one time only' });
      assert.equal(made.status, 201, made.text);
      assert.equal((JSON.parse(made.text) as UserInfo).role, user.role);
      const headers = cookieOf(await signIn(user.name, 'for one time only'), url);
      assert.equal((await ask('PUT', '/api/v1/session/password', headers, { next: PASSWORD })).status, 204);
      return headers;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function startEverythingKernel(directory: string, cameras: readonly string[], asked: string[], mse: WebSocket[]) {
  const app = fastify({ forceCloseConnections: true });
  app.addHook('onRequest', async ({ method, url }) => { asked.push(`${method} ${url}`); });
  await app.register(fastifyWebsocket);
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.get('/v1/cameras', () => cameras.map((id) => camera(id)));
  // Exports are named after their camera.
  app.get<{ Params: { id: string } }>('/v1/exports/:id', ({ params: { id } }, reply): ExportStatus => (!cameras.includes(id) ? reply.code(404).send({ error: 'no such export', error_code: 'not_found' } satisfies ErrorBody) as never : { export_id: id, camera_id: id, start: 1, end: 2, state: 'done', progress: 1, bytes: 1, gaps: [], error: null }));
  // Verifications are named after the camera that they are of; `all` is of all. A new one is of what was asked for.
  const verification = (id: string, of: string[] | null): Verification => ({ verification_id: id, cameras: of, decode: false, state: 'done', began_at: 1, ended_at: 2, files_done: 1, files: 1, results: [], error: null, error_code: null });
  app.get('/v1/verifications', () => [...cameras.map((id) => verification(id, [id])), verification('all', null)]);
  app.get<{ Params: { id: string } }>('/v1/verifications/:id', ({ params: { id } }) => verification(id, id === 'all' ? null : [id]));
  app.post<{ Body: VerificationRequest }>('/v1/verifications', ({ body }, reply) => reply.code(202).send(verification('new', body.cameras ?? null)));
  // The smaller stream is a quarter of it.
  app.get<{ Params: { id: string }; Querystring: { stream?: string } }>('/v1/cameras/:id/live', { websocket: true }, (socket, { params: { id }, query: { stream = 'main' } }) => {
    mse.push(socket);
    const [width, height] = stream === 'detect' ? [160, 120] : [320, 240];
    socket.send(JSON.stringify({ type: 'init', camera_id: id, mime: `video/mp4; codecs="of ${cameras.join(' and ') || 'nobody'}"`, width, height, pts_origin_us: 0, epoch: mse.length } satisfies LiveInit));
    socket.send(Buffer.from('an init segment'));
  });
  app.get('/v1/cameras/:id/webrtc', { websocket: true }, (socket) => socket.send(`video at ${cameras.join(' and ') || 'nobody'}`));
  // What is even is recorded.
  app.post<{ Body: RecordedQuery }>('/v1/recorded', ({ body }): RecordedAnswer => (
    { cameras: Object.fromEntries(Object.entries(body.cameras).map(([id, instants]) => [id, instants.map((at) => cameras.includes(id) && at % 2 === 0)])) }
  ));
  // Whose offer says so comes when as many watch as may.
  app.post<{ Params: { id: string }; Body: string }>('/v1/cameras/:id/whep', ({ params: { id }, body }, reply) => (body.endsWith('too late') ? reply.code(503).send({ error: '256 watch this camera already', error_code: 'overloaded' } satisfies ErrorBody) : reply.code(201).header('location', `/v1/cameras/${id}/whep/${WHEP_SESSION}`).type('application/sdp').send('v=0')));
  // The yard comes over pipes, and nothing else.
  app.get<{ Params: { id: string } }>('/v1/piped/:id', { websocket: true }, (socket, { params: { id } }) => (id === 'yard' ? socket.send(JSON.stringify({ type: 'ready' })) : socket.close(4503, 'webrtc_unavailable')));
  // What a kernel says that fails as nobody foresaw.
  app.get('/v1/cameras/:id/keyframes', (request, reply) => ((request.query as { at?: string }).at === '500' ? reply.code(500).send({ error: 'ENOENT: no such file, open \'/srv/recordings/secret-place/1.mp4\'', error_code: 'internal' } satisfies ErrorBody) : reply.type('text/plain').send(`something of ${request.url}`)));
  app.get('/v1/events', (_request, reply) => { reply.hijack(); reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n'); });
  app.all('/v1/*', (request, reply) => reply.type('text/plain').send(`something of ${request.url} at ${cameras.join(' and ') || 'nobody'}`));
  await app.listen({ path: kernelSocketPath(directory) });
  return app;
}
