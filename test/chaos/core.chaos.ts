// Kills core again and again, at random moments, while cameras are recorded and watched and a consumer follows its events. What the
// kernel does must not notice; what core had emitted, which lies in shared memory, must all reach the consumer; and core must
// be at work again within two seconds. RUTH_CHAOS_BLOWS (50) and RUTH_CHAOS_SEED repeat a run.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { coreEventsPath, type CameraStatus, type Detection } from '@ruth/protocol';
import { EventStore } from '@ruth/transport';
import WebSocket from 'ws';
import { hdClip } from '../../bench/hd-clip.ts';
import { cpuMs } from '../../bench/process-cpu.ts';
import type { Bench } from '../../bench/runner.ts';
import { ClipCamera } from './clip-camera.ts';
import { end, instantContainer, quantile, startCore } from './core-run.ts';
import { EventConsumer } from './event-consumer.ts';
import { KernelRun } from './kernel-run.ts';
import { play, recordedFiles } from './recording-check.ts';
import { seededRun } from './seeded-run.ts';

const CAMERAS = ['north', 'south'];
/** As packages/core/src/kept-events.ts has it. */
const STORE_BYTES = 8 * 1024 * 1024;
const STORE_EVENTS = 16_384;
const PATIENCE_MS = 60_000;

export const bench: Bench = async (report) => {
  const { blows: wanted, seed, random } = seededRun(50);
  const clip = await hdClip(640, 360);
  const folder = mkdtempSync(join(tmpdir(), 'ruth-chaos-'));
  const rings = mkdtempSync('/dev/shm/ruth-chaos-');
  const recordings = join(folder, 'recordings');
  const [readyMs, backMs, readyCpuMs, emittedNotSeen]: [number[], number[], number[], string[]] = [[], [], [], []];
  report(`seed ${seed}`);
  try {
    await using camera = await ClipCamera.start(clip.path);
    await using container = await instantContainer(folder, walkers);
    void container;
    let events = 0;
    let viewer: Viewed;
    let drops: Record<string, number> = {};
    {
      await using kernel = new KernelRun({ url: camera.url, cameraIds: CAMERAS, socketDirectory: folder, ringDirectory: rings, recordings, segmentS: 5 });
      await kernel.recording(Date.now() / 1000);
      using watching = new Viewer(kernel.socketPath, CAMERAS[0]!);
      using consumer = new EventConsumer(folder);
      const start = { socketDirectory: folder, ringDirectory: rings, cameraIds: CAMERAS, desiredFps: 12 };
      let core = await startCore(start);
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
          await end(core, 'SIGKILL');
          const emitted = leftBehind(rings);
          core = await startCore(start);
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
        await end(core, 'SIGTERM');
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

/** Three people who walk, so that there are tracks and events of them. */
function walkers(frameId: number): Detection['bbox'][] {
  const x = (frameId % 200) / 250;
  return [0.1, 0.4, 0.7].map((y) => [x, y, x + 0.1, y + 0.2]);
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
