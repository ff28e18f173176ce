// A core as a process of its own, and a model container that answers it at once with people of a test's choice.
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PROCESS_FLAGS } from '@ruth/cli';
import { modelSocketPath, type Detection, type InferRequest } from '@ruth/protocol';
import { IpcServer } from '@ruth/transport';

export const MODEL = 'finder';

export interface CoreRunOptions {
  readonly socketDirectory: string;
  readonly ringDirectory: string;
  readonly cameraIds: readonly string[];
  readonly desiredFps: number;
}

/** Resolves when it is ready. */
export async function startCore({ socketDirectory, ringDirectory, cameraIds, desiredFps }: CoreRunOptions): Promise<ChildProcess> {
  // As `ruth up` starts it: what one start has compiled serves the next.
  const core = spawn(process.execPath, [...PROCESS_FLAGS, join(import.meta.dirname, '../../packages/core/src/main.ts'), '-c', '-'], {
    stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, NODE_COMPILE_CACHE: join(socketDirectory, 'compiled') },
  });
  core.stdin.on('error', () => undefined).end(JSON.stringify({
    paths: { socket_directory: socketDirectory, ring_directory: ringDirectory, data_directory: join(socketDirectory, 'data') }, log_level: 'info',
    cameras: cameraIds.map((id) => ({ id, url: 'rtsp://127.0.0.1/1' })), models: [{ id: MODEL }], subscriptions: [{ camera: '*', model: MODEL, desired_fps: desiredFps }],
  }));
  await saysReady(core);
  return core;
}

/** By its log. */
export async function saysReady(process: ChildProcess): Promise<void> {
  for await (const line of createInterface(process.stdout!)) if (line.includes('"ready"')) break;
  process.stdout!.resume();
}

export function instantContainer(socketDirectory: string, boxes: (frameId: number) => readonly Detection['bbox'][]): Promise<IpcServer> {
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
      const detections = boxes(frame_metadata.frame_id).map((bbox) => ({ class_id: 0, class_name: 'person', confidence: 0.9, bbox }));
      return { model_id: MODEL, camera_id, frame_id: frame_metadata.frame_id, detections, metadata: { inference_time_ms: 0.1 }, error: null };
    },
    refuse: (error) => ({ error: error.message }),
  });
}

export async function end(process: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const gone = new Promise((resolve) => process.once('exit', resolve));
  process.kill(signal);
  await gone;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN);
}
