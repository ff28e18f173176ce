// Kills core again and again, at random moments, while cameras are recorded and watched and a consumer follows its events. What the
// kernel does must not notice; what core had emitted, which lies in shared memory, must all reach the consumer; and core must
// be at work again within two seconds. RUTH_CHAOS_BLOWS (50) and RUTH_CHAOS_SEED repeat a run.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { PROCESS_FLAGS } from '@ruth/cli';
import { coreEventsPath, modelSocketPath, type CameraStatus, type InferRequest } from '@ruth/protocol';
import { EventStore, IpcServer } from '@ruth/transport';
import WebSocket from 'ws';
import { hdClip } from '../../bench/hd-clip.ts';
import { cpuMs } from '../../bench/process-cpu.ts';
import type { Bench } from '../../bench/runner.ts';
import { ClipCamera } from './clip-camera.ts';
import { EventConsumer } from './event-consumer.ts';
import { KernelRun } from './kernel-run.ts';
import { play, recordedFiles } from './recording-check.ts';

const CAMERAS = ['north', 'south'];
const MODEL = 'finder';
/** As packages/core/src/kept-events.ts has it. */
const STORE_BYTES = 8 * 1024 * 1024;
const STORE_EVENTS = 16_384;
const PATIENCE_MS = 60_000;

export const bench: Bench = async (report) => {
  const wanted = Number(process.env.RUTH_CHAOS_BLOWS ?? 50);
  const seed = Number(process.env.RUTH_CHAOS_SEED ?? Date.now() % 1e6);
  let drawn = 0;
  const random = (): number => createHash('sha256').update(`${seed} ${drawn++}`).digest().readUInt32BE() / 2 ** 32;
  const clip = await hdClip(640, 360);
  const folder = mkdtempSync(join(tmpdir(), 'ruth-chaos-'));
  const rings = mkdtempSync('/dev/shm/ruth-chaos-');
  const recordings = join(folder, 'recordings');
  const [readyMs, backMs, readyCpuMs, emittedNotSeen]: [number[], number[], number[], string[]] = [[], [], [], []];
  report(`seed ${seed}`);
  try {
    await using camera = await ClipCamera.start(clip.path);
    await using container = await instantContainer(folder);
    void container;
    let events = 0;
    let viewer: Viewed;
    let drops: Record<string, number> = {};
    {
      await using kernel = new KernelRun({ url: camera.url, cameraIds: CAMERAS, socketDirectory: folder, ringDirectory: rings, recordings, segmentS: 5 });
      await kernel.recording(Date.now() / 1000);
      using watching = new Viewer(kernel.socketPath, CAMERAS[0]!);
      using consumer = new EventConsumer(folder);
      let core = await startCore(folder, rings);
      try {
        const looked = async (afterMs: number): Promise<number> => {
          for (const end = performance.now() + PATIENCE_MS; consumer.lastLookAtMs <= afterMs;) {
            if (performance.now() > end) throw new Error('core does not look again');
            await delay(1);
          }
          return consumer.lastLookAtMs;
        };
        await looked(0);
        for (let blow = 1; blow <= wanted; blow++) {
          await delay(200 + random() * 1500);
          const struckMs = performance.now();
          core.kill('SIGKILL');
          await once(core, 'exit');
          const emitted = leftBehind(rings);
          core = await startCore(folder, rings);
          readyMs.push(performance.now() - struckMs);
          readyCpuMs.push(cpuMs(core.pid!));
          backMs.push(await looked(performance.now()) - struckMs);
          for (const [id, text] of emitted) if (consumer.events.get(id) !== text) emittedNotSeen.push(`${id}: ${text.slice(0, 100)}`);
          report(`blow ${blow} of ${wanted}: ready after ${Math.round(readyMs.at(-1)!)} ms, looks again after ${Math.round(backMs.at(-1)!)} ms; ${emitted.size} events were left behind`);
        }
        for (const wrong of [...consumer.wrong, ...emittedNotSeen]) report(`  LOST: ${wrong}`);
        emittedNotSeen.push(...consumer.wrong);
        events = consumer.events.size;
      } finally {
        core.kill('SIGTERM');
        if (core.exitCode === null && core.signalCode === null) await once(core, 'exit');
      }
      const statuses: CameraStatus[] = await kernel.cameras();
      drops = Object.fromEntries(statuses.flatMap(({ camera_id: id, recording }) => Object.entries(recording.drops).map(([cause, count]) => [`${id} ${cause}`, count])));
      viewer = { ...watching };
    }
    let [pictures, missing, unplayable] = [0, 0, 0];
    for (const id of CAMERAS) {
      const files = recordedFiles(recordings).filter((file) => file.startsWith(`${id}/`)).sort().map((file) => join(recordings, file));
      const found = await camera.missing(files);
      pictures += found.pictures;
      missing += found.missing;
      for (const file of files) await play(file).catch((error: unknown) => { unplayable++; report(`  UNPLAYABLE: ${(error as Error).message}`); });
    }
    return {
      kills: backMs.length, recorded_frames_lost: missing, events_lost: emittedNotSeen.length, restart_p95_ms: quantile(backMs, 0.95), restart_max_ms: quantile(backMs, 1),
      ready_p50_ms: quantile(readyMs, 0.5), ready_p95_ms: quantile(readyMs, 0.95), ready_cpu_p50_ms: quantile(readyCpuMs, 0.5), recorded_frames: pictures, unplayable, recording_drops: drops, events,
      live_fragments: viewer.fragments, live_longest_silence_ms: Math.round(viewer.longestSilenceMs), live_reconnects: viewer.reconnects, cameras: CAMERAS.length, seed,
    };
  } finally {
    for (const path of [folder, rings]) rmSync(path, { recursive: true, force: true });
  }
};

async function startCore(socketDirectory: string, ringDirectory: string): Promise<ChildProcess> {
  // As `ruth up` starts it: what one start has compiled serves the next.
  const core = spawn(process.execPath, [...PROCESS_FLAGS, join(import.meta.dirname, '../../packages/core/src/main.ts'), '-c', '-'], {
    stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, NODE_COMPILE_CACHE: join(socketDirectory, 'compiled') },
  });
  core.stdin.on('error', () => undefined).end(JSON.stringify({
    paths: { socket_directory: socketDirectory, ring_directory: ringDirectory, data_directory: join(socketDirectory, 'data') }, log_level: 'info',
    cameras: CAMERAS.map((id) => ({ id, url: 'rtsp://127.0.0.1/1' })), models: [{ id: MODEL }], subscriptions: [{ camera: '*', model: MODEL, desired_fps: 12 }],
  }));
  for await (const line of createInterface(core.stdout)) if (line.includes('"ready"')) break;
  core.stdout.resume();
  return core;
}

/** The newest events that a dead core had emitted, read from a copy of its store. */
function leftBehind(ringDirectory: string): Map<number, string> {
  const copy = join(ringDirectory, 'copy_of_events');
  copyFileSync(coreEventsPath(ringDirectory), copy);
  using store = EventStore.open(copy, STORE_BYTES, STORE_EVENTS);
  const newest = store.newestId;
  const events = new Map<number, string>();
  if (newest === null) return events;
  // Those before were left behind by cores before it.
  for (let id = Math.max(store.oldestId!, newest - 500); id <= newest; id++) events.set(id, store.read(id)!);
  return events;
}

/** Answers at once with people who walk, so that there are tracks and events of them. */
function instantContainer(socketDirectory: string): Promise<IpcServer> {
  return IpcServer.listen(modelSocketPath(MODEL, socketDirectory), {
    handle: async (message) => {
      const { type, camera_id, frame_metadata } = message as Omit<InferRequest, 'type'> & { type?: string };
      if (type === 'describe') {
        return {
          model_id: MODEL, model_name: MODEL, model_version: '1', supported_tasks: ['detect'], classes: ['person'], keypoint_names: [], skeleton: [],
          input: { width: 64, height: 48 }, device: 'cpu', versions: {}, limits: { max_concurrency: 4, max_batch: 1 },
        };
      }
      if (type === 'health') return { model_id: MODEL, status: 'ready', last_canary_age_ms: 0, uptime_ms: performance.now(), counters: {} };
      const x = (frame_metadata.frame_id % 200) / 250;
      const people = [0.1, 0.4, 0.7].map((y) => ({ class_id: 0, class_name: 'person', confidence: 0.9, bbox: [x, y, x + 0.1, y + 0.2] }));
      return { model_id: MODEL, camera_id, frame_id: frame_metadata.frame_id, detections: people, metadata: { inference_time_ms: 0.1 }, error: null };
    },
    refuse: (error) => ({ error: error.message }),
  });
}

interface Viewed { readonly fragments: number; readonly longestSilenceMs: number; readonly reconnects: number }

/** Watches a camera live over the kernel's WebSocket. */
class Viewer implements Disposable, Viewed {
  fragments = 0;
  longestSilenceMs = 0;
  reconnects = 0;
  #closed = false;
  #lastMs = 0;
  readonly #url: string;
  #socket: WebSocket | null = null;

  constructor(kernelSocket: string, cameraId: string) {
    this.#url = `ws+unix:${kernelSocket}:/v1/cameras/${cameraId}/live`;
    this.#connect();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#socket?.terminate();
  }

  #connect(): void {
    const socket = this.#socket = new WebSocket(this.#url);
    socket.on('error', () => undefined).on('message', (_data, isBinary) => {
      if (!isBinary) return;
      const nowMs = performance.now();
      if (this.#lastMs > 0) this.longestSilenceMs = Math.max(this.longestSilenceMs, nowMs - this.#lastMs);
      this.#lastMs = nowMs;
      this.fragments++;
    }).on('close', () => {
      if (this.#closed) return;
      this.reconnects++;
      setTimeout(() => this.#connect(), 100);
    });
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN);
}
