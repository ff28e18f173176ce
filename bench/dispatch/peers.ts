// Everything around core in the dispatch bench, in a process of its own: real rings of many cameras, a kernel that grants every
// lease, and containers that answer at once. Remembers when each frame was published and when it was asked about.
//
//   argv: directory of sockets, directory of rings, {cameras, models, fps} as JSON
//   parent says: {"collect": true}, {"start": true}, {"stop": true}; is told {"collector": URL} when all is ready, then the figures
import { createServer } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { AddressInfo } from 'node:net';
import { kernelSocketPath, modelSocketPath, ringPath, type InferRequest, type LeaseGrant, type LeaseRequest } from '@ruth/protocol';
import { IpcServer, RingWriter } from '@ruth/transport';
import { monotonicMs, watchCollections, type Collection } from './gc-watch.ts';

/** A delay that is worth an explanation. */
const SLOW_MS = 5;

export interface PeerOptions { readonly cameras: number; readonly models: number; readonly fps: number }
export interface PeerFigures {
  readonly requests: number;
  readonly published: number;
  /** From publication to the request's arrival, of each request: quantiles, and the widest spread of one subscription. */
  readonly delayMs: { readonly least: number; readonly p50: number; readonly p99: number; readonly most: number };
  readonly worstJitterMs: number;
  /** Of the subscription that was looked at least, requests over frames. */
  readonly leastShare: number;
  /** How late the peers' own timers were, at worst. */
  readonly ownLatenessMs: number;
  /** The requests that came latest, the latest first: when they arrived, on the clock that all processes share. */
  readonly slowest: readonly { readonly delayMs: number; readonly atMs: number }[];
  /** Of the peers' own garbage. */
  readonly collections: readonly Collection[];
}

export const cameraIds = (count: number): string[] => Array.from({ length: count }, (_, index) => `camera-${index}`);
export const modelIds = (count: number): string[] => Array.from({ length: count }, (_, index) => `model-${index}`);

if (import.meta.main) {
  const [socketDirectory, ringDirectory, text] = process.argv.slice(2) as [string, string, string];
  const options = JSON.parse(text) as PeerOptions;
  const SLOTS = 8;
  const rings = cameraIds(options.cameras).map((cameraId) => ({
    cameraId, writer: RingWriter.create({ cameraId, width: 64, height: 48, format: 'NV12', slotCount: SLOTS, ringDirectory }), publishedAtMs: new Float64Array(SLOTS),
  }));
  const ringOf = new Map(rings.map((ring) => [ring.cameraId, ring]));

  const kernel = createServer((request, response) => void request.toArray().then((chunks) => {
    const leaseId = request.url!.slice('/v1/leases/'.length);
    if (request.method === 'DELETE') return response.writeHead(204).end();
    const lease = JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as LeaseRequest;
    const grant: LeaseGrant = { ...lease, lease_id: leaseId, frame_reference: ringPath(lease.camera_id, ringDirectory), camera_state: 'streaming' };
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(grant));
  }));
  await new Promise<void>((resolve) => kernel.listen(kernelSocketPath(socketDirectory), resolve));

  let delays = new Map<string, number[]>();
  let published = 0;
  let ownLatenessMs = 0;
  let slowest: { delayMs: number; atMs: number }[] = [];
  let collections: Collection[] = [];
  watchCollections((collection) => collections.push(collection));

  // Takes whatever it is sent, as a collector of traces does.
  const collector = createServer((incoming, response) => void incoming.resume().once('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}')));
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  for (const modelId of modelIds(options.models)) {
    await IpcServer.listen(modelSocketPath(modelId, socketDirectory), {
      handle: async (message) => {
        const { type, camera_id, frame_metadata } = message as Omit<InferRequest, 'type'> & { type?: string };
        if (type === 'describe') {
          return {
            model_id: modelId, model_name: modelId, model_version: '1', supported_tasks: ['detect'], classes: ['person'], keypoint_names: [], skeleton: [],
            input: { width: 64, height: 48 }, device: 'cpu', versions: {}, limits: { max_concurrency: 64, max_batch: 1 },
          };
        }
        if (type === 'health') return { model_id: modelId, status: 'ready', last_canary_age_ms: 0, uptime_ms: performance.now(), counters: {} };
        const key = `${camera_id} ${modelId}`;
        const delayMs = performance.now() - ringOf.get(camera_id)!.publishedAtMs[frame_metadata.frame_id % SLOTS]!;
        if (delayMs > SLOW_MS) slowest.push({ delayMs, atMs: monotonicMs() });
        const known = delays.get(key);
        if (known) known.push(delayMs);
        else delays.set(key, [delayMs]);
        return {
          model_id: modelId, camera_id, frame_id: frame_metadata.frame_id, error: null, metadata: { inference_time_ms: 0.1, queue_ms: 0, preprocess_ms: 0.1, postprocess_ms: 0.1, batch_size: 1, device: 'cpu' },
          detections: [{ class_id: 0, class_name: 'person', confidence: 0.85, bbox: [0.1, 0.1, 0.3, 0.5] }, { class_id: 0, class_name: 'person', confidence: 0.7, bbox: [0.6, 0.2, 0.7, 0.5] }],
        };
      },
      refuse: (error) => ({ error: error.message }),
    });
  }

  // Each camera by its own clock, the phases spread as those of real cameras are.
  const intervalMs = 1000 / options.fps;
  for (const [index, { writer, publishedAtMs }] of rings.entries()) {
    let dueMs = performance.now() + intervalMs * (index / rings.length);
    const firstMs = dueMs;
    const next = (): void => {
      const nowMs = performance.now();
      ownLatenessMs = Math.max(ownLatenessMs, nowMs - dueMs);
      const { frameId } = writer.begin();
      publishedAtMs[frameId % SLOTS] = nowMs;
      writer.publish({ ptsUs: Math.round((dueMs - firstMs) * 1000), capturedAtUs: Date.now() * 1000, colourMatrix: 1, colourRange: 1, epoch: 0 });
      published++;
      dueMs += intervalMs;
      setTimeout(next, Math.max(0, dueMs - performance.now()));
    };
    setTimeout(next, Math.max(0, dueMs - performance.now()));
  }

  process.on('message', (message: { collect?: boolean; start?: boolean; stop?: boolean }) => {
    if (message.collect) globalThis.gc?.();
    else if (message.start) {
      delays = new Map();
      published = 0;
      ownLatenessMs = 0;
      slowest = [];
      collections = [];
    } else if (message.stop) process.send!(figures());
  });
  process.on('disconnect', () => process.exit(0));
  process.send!({ collector: `http://127.0.0.1:${(collector.address() as AddressInfo).port}` });

  function figures(): PeerFigures {
    const all = [...delays.values()].flat().sort((a, b) => a - b);
    const at = (share: number): number => all[Math.min(all.length - 1, Math.floor(all.length * share))] ?? NaN;
    const perCamera = published / rings.length;
    return {
      requests: all.length, published, delayMs: { least: at(0), p50: at(0.5), p99: at(0.99), most: at(1) },
      worstJitterMs: Math.max(...[...delays.values()].map((of) => Math.max(...of) - Math.min(...of))),
      leastShare: delays.size < options.cameras * options.models ? 0 : Math.min(...[...delays.values()].map((of) => of.length)) / perCamera,
      ownLatenessMs, collections, slowest: slowest.sort((a, b) => b.delayMs - a.delayMs).slice(0, 400),
    };
  }
}
