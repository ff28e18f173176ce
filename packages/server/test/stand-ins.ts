// Small kernels and cores for the server's tests: real HTTP, real WebSockets and real server-sent events on real Unix sockets.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerResponse } from 'node:http';
import fastifyWebsocket from '@fastify/websocket';
import {
  DROP_CAUSES, PERMISSIONS, coreSocketPath, kernelSocketPath, supervisorSocketPath, type CameraStatus, type CoreEvent, type KernelEvent, type ErrorBody, type IntentStatus, type Look, type LookLatencies, type ModelStatus, type MqttConfig, type OidcConfig, type ProcessHealth, type RecordedAnswer, type RecordedAt, type RecordedQuery, type SceneConfig, type StorageStatus, type SubscriptionStatus, type SupervisedProcessStatus, type Timeline,
} from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { startServer, type Identify, type Identity, type RunningServer, type StoreAddress } from '@ruth/server';
import { fastify, type FastifyInstance } from 'fastify';
import type { WebSocket } from 'ws';

export const camera = (id: string, over: Partial<CameraStatus> = {}): CameraStatus => ({
  camera_id: id, name: id, note: null, url: `rtsp://127.0.0.1:8554/${id}`, state: 'streaming', last_error: null, codec: 'h264', width: 640, height: 360, fps: 25,
  decode_level: 'all', leased_fps: 5, frame_reference: `/dev/shm/vas_frames_${id}`, viewers: 0,
  counters: { packets: 1, keyframes: 1, bytes: 1, decoded: 1, published: 1, reconnects: 0, decode_errors: 0, restarts: 0 }, drops: {}, pid: 1,
  bitrate_bps: 4e6, keyframe_interval_s: 2, packets_lost: 0, audio_codec: null, decoder: 'software', detect: null,
  recording: { state: 'off', cause: null, bytes_written: 0, segments: 0, drops: {} }, live: { mse_viewers: 0, webrtc_viewers: 0, rtsp_clients: 0 }, ...over,
});

export const model = (id: string, over: Partial<ModelStatus> = {}): ModelStatus => ({
  model_id: id, model_name: id, state: 'up', supported_tasks: ['detect'], classes: ['person'], keypoint_names: [], skeleton: [],
  device: 'cpu', license: null, last_error: null, ...over,
});

export const subscription = (cameraId: string, modelId: string, over: Partial<SubscriptionStatus> = {}): SubscriptionStatus => ({
  camera_id: cameraId, model_id: modelId, state: 'running', desired_fps: 5, achieved_fps: 5, due: 10, sent: 10, answered: 10, failed: 0,
  drops: Object.fromEntries(DROP_CAUSES.map((cause) => [cause, 0])),
  latency_ms: { p50: 80, p95: 120 }, last_error: null, ...over,
});

export const look = (cameraId: string, modelId: string, frameId: number, over: Partial<Look> = {}): Look => ({
  camera_id: cameraId, model_id: modelId, frame_id: frameId, captured_at: 1_700_000_000, pts_us: frameId * 40_000, epoch: 1, width: 640, height: 360,
  detections: [], metadata: {}, error: null, error_code: null, ...over,
});

const health = (name: string, uptimeMs = 1): ProcessHealth => ({ process: name, status: 'ready', version: '0.1.0', pid: 1, uptime_ms: uptimeMs });
const notFound = (what: string): ErrorBody => ({ error: `no camera ${what}`, error_code: 'camera_not_found' });

export interface StandIn extends AsyncDisposable { close(): Promise<void> }

/** `live` gets each WebSocket of a camera's live view. */
export async function startKernel(directory: string, cameras: () => CameraStatus[], live: (socket: WebSocket, cameraId: string, stream: string) => void = () => undefined, timeline?: (cameraId: string) => Timeline | 'recording_off', recorded?: (cameraId: string, at: number) => RecordedAt): Promise<StandInKernel> {
  const app = fastify({ forceCloseConnections: true });
  await app.register(fastifyWebsocket);
  const storage: StorageStatus = { directory: '/recordings', bytes: 4e9, segments: 120, free_bytes: 6e10, total_bytes: 1e11, state: 'ok', message: null, repaired: null };
  app.get('/v1/health', (): ProcessHealth => ({ ...health('kernel'), recording: { state: storage.state, message: storage.message, since: 1_700_000_000 } }));
  app.get('/v1/cameras', () => cameras());
  app.get('/v1/storage', () => storage);
  app.get<{ Params: { id: string }; Querystring: { stream?: string } }>('/v1/cameras/:id/live', {
    websocket: true,
    preHandler: async (request, reply) => {
      if (!cameras().some((known) => known.camera_id === request.params.id)) return reply.code(404).send(notFound(request.params.id));
    },
  }, (socket, request) => live(socket, request.params.id, request.query.stream ?? 'main'));
  app.get<{ Params: { id: string } }>('/v1/cameras/:id/timeline', (request, reply) => {
    const answer = timeline?.(request.params.id) ?? 'recording_off';
    return answer === 'recording_off' ? reply.code(409).send({ error: 'nothing is recorded', error_code: answer } satisfies ErrorBody) : answer;
  });
  app.post<{ Body: RecordedQuery }>('/v1/recorded', ({ body }): RecordedAnswer => (
    { cameras: Object.fromEntries(Object.entries(body.cameras).map(([id, instants]) => [id, instants.map((at) => recorded?.(id, at) ?? false)])) }
  ));
  const events = serveEvents(app);
  await app.listen({ path: kernelSocketPath(directory) });
  const close = async (): Promise<void> => {
    for (const client of app.websocketServer.clients) client.terminate();
    events.end();
    await app.close();
  };
  return { storage, connections: events.connections, close, [Symbol.asyncDispose]: close, publish: (event) => events.publish(event) };
}

/** `storage` may be changed while it runs. */
export interface StandInKernel extends StandInWithEvents<KernelEvent> { readonly storage: StorageStatus }

export interface StandInWithEvents<E> extends StandIn {
  /** `Last-Event-ID` of every connection to the event stream. */
  readonly connections: (string | undefined)[];
  publish(event: E): void;
}

export async function startCore(directory: string, state: { models(): ModelStatus[]; subscriptions(): SubscriptionStatus[]; latest(cameraId: string): Look[] | null; scene?(cameraId: string): SceneConfig; latencies?(): LookLatencies; uptimeMs?(): number }): Promise<StandInWithEvents<CoreEvent>> {
  const app = fastify({ forceCloseConnections: true });
  app.get('/v1/health', () => health('core', state.uptimeMs?.()));
  app.get('/v1/models', () => state.models());
  app.get('/v1/subscriptions', () => state.subscriptions());
  app.get('/v1/latencies', () => state.latencies?.() ?? { since: 1, bounds_ms: [], models: [] } satisfies LookLatencies);
  app.get('/v1/intent', (): IntentStatus => ({ revision: null, cameras: {} }));
  app.get<{ Params: { id: string } }>('/v1/cameras/:id/scene', (request) => state.scene?.(request.params.id) ?? {});
  app.get<{ Querystring: { camera: string } }>('/v1/detections/latest', (request, reply) => {
    const looks = state.latest(request.query.camera);
    return looks ?? reply.code(404).send(notFound(request.query.camera));
  });
  const events = serveEvents(app);
  await app.listen({ path: coreSocketPath(directory) });
  const close = async (): Promise<void> => {
    events.end();
    await app.close();
  };
  return { connections: events.connections, close, [Symbol.asyncDispose]: close, publish: (event) => events.publish(event) };
}

/** `more` adds what else of a supervisor a test needs. */
export async function startSupervisor(directory: string, processes: () => SupervisedProcessStatus[], more: (app: FastifyInstance) => void = () => undefined): Promise<StandIn> {
  const app = fastify({ forceCloseConnections: true });
  app.get('/v1/processes', () => processes());
  more(app);
  await app.listen({ path: supervisorSocketPath(directory) });
  const close = (): Promise<void> => app.close();
  return { close, [Symbol.asyncDispose]: close };
}

/** GET /v1/events of a stand-in. */
function serveEvents(app: FastifyInstance): { connections: (string | undefined)[]; publish(event: CoreEvent | KernelEvent): void; end(): void } {
  const streams = new Set<ServerResponse>();
  const connections: (string | undefined)[] = [];
  app.get('/v1/events', (request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
    reply.raw.write(': hello\n\n');
    connections.push(request.headers['last-event-id'] as string | undefined);
    streams.add(reply.raw);
    reply.raw.on('close', () => streams.delete(reply.raw));
  });
  return {
    connections,
    publish(event) { for (const stream of streams) stream.write(`id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`); },
    end() { for (const stream of streams) stream.destroy(); },
  };
}

/** For tests of other things than who may do what. */
export const everyone: Identity = { name: 'everyone', kind: 'person', userId: null, permissions: new Set(PERMISSIONS), cameras: null, mustChange: false, sessionHash: null };

export interface Place extends AsyncDisposable { readonly directory: string; readonly server: RunningServer; readonly url: string }

/** A server on a free port over an empty socket directory; disposing it removes both. */
export async function startPlace(over: { models?: string[]; pageDirectory?: string; host?: string; /** Everybody may do everything unless given; null: as people sign in. */ identify?: Identify | null; adminToken?: string; store?: StoreAddress; oidc?: OidcConfig; environment?: Record<string, string>; site?: { node: string; caFile: string | null; pipesFromViewers?: number }; trustedProxies?: string[]; mqtt?: MqttConfig } = {}): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-server-'));
  const server = await startServer({
    host: over.host ?? '127.0.0.1', port: 0, socketDirectory: directory, models: over.models ?? [], pageDirectory: over.pageDirectory ?? directory, store: over.store ?? { kind: 'sqlite', file: join(directory, 'ruth.sqlite') }, logger: createLogger('server', 'fatal'),
    ...(over.identify === null ? {} : { identify: over.identify ?? (async () => everyone) }), ...(over.adminToken === undefined ? {} : { adminToken: over.adminToken }), ...(over.oidc === undefined ? {} : { oidc: over.oidc }), ...(over.environment === undefined ? {} : { environment: over.environment }), ...(over.mqtt === undefined ? {} : { mqtt: over.mqtt }), ...(over.site === undefined ? {} : { site: over.site }), ...(over.trustedProxies === undefined ? {} : { trustedProxies: over.trustedProxies }),
  });
  return {
    directory, server, url: server.url,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Waits until `check` holds; for states that become true by themselves and tell nobody. */
export async function until(check: () => boolean | Promise<boolean>, what: string, timeoutMs = 90_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
