// What the whole system costs beside inference: one real 1080p25 RTSP camera, one detector at 5 fps, every process as it
// runs for a user. CPU time of kernel, ingest, core and container, less what the container's threads spend inside ONNX
// Runtime (their own CPU clocks say it, see inference-cpu.ts), over FFmpeg decoding the same clip to nothing in real time, side by side
// in the same seconds. Beside it the same over decoding as fast as it goes (`..._unpaced_...`), which finds its caches warm. The camera is not counted.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { coreSocketPath, DEFAULT_RING_DIRECTORY, kernelSocketPath, type CameraStatus, type SubscriptionStatus } from '@ruth/protocol';
import { CLIP_FPS, hdClip } from './hd-clip.ts';
import { inferenceCpu } from './inference-cpu.ts';
import { get, Processes } from './processes.ts';
import type { Bench } from './runner.ts';

const DETECTOR_FPS = 5;
const ROUNDS = 3;
const WINDOW_MS = 7000;
const FLOOR_FRAMES = 250;
const LOOKS_BEFORE_START = 12;
const START_LIMIT_MS = 20_000;
const ROOT = join(import.meta.dirname, '..');
const YOLOV8N = join(ROOT, '..', 'shared', 'data', 'models', 'yolov8n.onnx');
const BUILT_IN = 'centernet-coco';
/** From /proc: clock ticks a second, which Linux fixes for programs. */
const TICKS_PER_SECOND = 100;

/** CPU milliseconds since the start of each part, and when that was. */
interface Reading { floor: number; kernel: number; ingest: number; core: number; container: number; inference: number; atMs: number }

export const bench: Bench = async (report) => {
  const work = mkdtempSync(join(tmpdir(), 'ruth-system-'));
  const rings = mkdtempSync(join(DEFAULT_RING_DIRECTORY, 'ruth-system-'));
  await using processes = new Processes();
  try {
    const clip = await hdClip();
    const model = modelFolder(work);
    const camera = await processes.start('packages/kernel/src/live/rtsp-main.ts', [clip.path]);
    const config = join(work, 'ruth.yaml');
    writeFileSync(config, JSON.stringify({
      paths: { socket_directory: work, ring_directory: rings }, cameras: [{ id: 'camera', url: camera.details.url }],
      models: [{ id: model.id, folder: model.folder }], subscriptions: [{ camera: 'camera', model: model.id, desired_fps: DETECTOR_FPS }],
    }));
    const inferenceFolder = join(work, 'inference-cpu');
    mkdirSync(inferenceFolder);
    const container = await processes.start('packages/container/src/main.ts', ['-c', config, model.folder], {
      nodeOptions: ['--import', join(import.meta.dirname, 'inference-cpu.ts')], env: { RUTH_BENCH_INFERENCE_CPU: inferenceFolder },
    });
    const kernel = await processes.start('packages/kernel/src/main.ts', ['-c', config]);
    const core = await processes.start('packages/core/src/main.ts', ['-c', config]);

    const floor = spawn(process.execPath, [join(import.meta.dirname, 'paced-decode.ts'), clip.path, String(CLIP_FPS)], { stdio: ['ignore', 'ignore', 'inherit'] });
    processes.adopt(floor);

    const cameraStatus = (): Promise<CameraStatus> => get(kernelSocketPath(work), '/v1/cameras/camera');
    const subscription = async (): Promise<SubscriptionStatus> => (await get<SubscriptionStatus[]>(coreSocketPath(work), '/v1/subscriptions'))[0]!;
    const read = async (): Promise<Reading> => {
      const { pid: ingest } = await cameraStatus();
      return {
        floor: cpuMs(floor.pid!), kernel: cpuMs(kernel.pid), ingest: cpuMs(ingest!), core: cpuMs(core.pid), container: cpuMs(container.pid),
        inference: inferenceCpu(inferenceFolder).cpuMs, atMs: performance.now(),
      };
    };
    const startBy = performance.now() + START_LIMIT_MS;
    while ((await subscription()).answered < LOOKS_BEFORE_START) {
      if (performance.now() > startBy) throw new Error(`no looks within ${START_LIMIT_MS} ms: ${JSON.stringify((await subscription()).last_error ?? (await cameraStatus()).last_error)}`);
      await delay(200);
    }

    const rounds: Record<string, number>[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      const [before, looksBefore] = [await read(), await subscription()];
      await delay(WINDOW_MS);
      const [after, looksAfter] = [await read(), await subscription()];
      const unpacedMs = await decodeFloorMs(clip.path);
      // The camera's own rate: its counters are some hundred milliseconds old.
      const frames = (after.atMs - before.atMs) / 1000 * CLIP_FPS;
      const perFrame = (part: keyof Reading): number => (after[part] - before[part]) / frames;
      const floorMs = perFrame('floor');
      const looks = looksAfter.answered - looksBefore.answered;
      const beside = perFrame('container') - perFrame('inference');
      const ratio = (perFrame('kernel') + perFrame('ingest') + perFrame('core') + beside) / floorMs;
      rounds.push({
        ratio, unpacedRatio: ratio * floorMs / unpacedMs, kernel: perFrame('kernel') / floorMs, ingest: perFrame('ingest') / floorMs, core: perFrame('core') / floorMs, beside: beside / floorMs,
        floorMs, looksPerSecond: looks * 1000 / (after.atMs - before.atMs), inferenceMs: (after.inference - before.inference) / looks, latencyMs: looksAfter.latency_ms?.p50 ?? NaN,
      });
      report(`round ${round}: everything but inference ${ratio.toFixed(2)} x decoding (${floorMs.toFixed(2)} ms a frame), ${looks} looks at ${frames.toFixed(0)} frames`);
    }
    const middle = (key: string): number => Number(rounds.map((round) => round[key]!).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!.toFixed(3));
    return {
      noninference_cpu_over_decode: middle('ratio'), noninference_cpu_over_unpaced_decode: middle('unpacedRatio'),
      kernel_over_decode: middle('kernel'), ingest_over_decode: middle('ingest'), core_over_decode: middle('core'), container_beside_inference_over_decode: middle('beside'),
      decode_ms_per_frame: middle('floorMs'), inference_cpu_ms: middle('inferenceMs'), looks_per_second: middle('looksPerSecond'), latency_p50_ms: middle('latencyMs'),
      model: model.id, clip: clip.content, rounds: ROUNDS,
    };
  } finally {
    await processes[Symbol.asyncDispose]();
    for (const folder of [work, rings]) rmSync(folder, { recursive: true, force: true });
  }
};

/** A folder with weights: those of the shared test data by our recipe, else the built-in detector. */
function modelFolder(work: string): { id: string; folder: string } {
  if (!existsSync(YOLOV8N)) return { id: BUILT_IN, folder: join(ROOT, 'models', BUILT_IN) };
  const folder = join(work, 'yolov8n');
  mkdirSync(folder);
  copyFileSync(join(import.meta.dirname, 'models', 'yolov8n', 'model.yaml'), join(folder, 'model.yaml'));
  copyFileSync(YOLOV8N, join(folder, 'yolov8n.onnx'));
  return { id: 'yolov8n', folder };
}

async function decodeFloorMs(clip: string): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'decode-floor.ts'), clip, String(FLOOR_FRAMES)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const text = Buffer.concat(await child.stdout.toArray() as Buffer[]).toString();
  return (JSON.parse(text) as { cpu_ms_per_frame: number }).cpu_ms_per_frame;
}

/** User and system time of a process with all its threads, also those that ended. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 1000 / TICKS_PER_SECOND;
}
