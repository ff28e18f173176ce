// A kernel as a process of its own, all its cameras one and the same, to be killed in every way there is.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kernelSocketPath, type CameraStatus, type Timeline } from '@ruth/protocol';
import { ask, until } from '../../packages/kernel/test/test-kernel.ts';

const SOURCES = join(import.meta.dirname, '../../packages/kernel/src');

export interface KernelRunOptions {
  readonly url: string;
  readonly cameraIds: readonly string[];
  readonly socketDirectory: string;
  readonly ringDirectory: string;
  readonly recordings: string;
  readonly segmentS: number;
  /** Free space below which the oldest recordings are deleted; 0 unless told. */
  readonly minFreeGb?: number;
  /** Serve the cameras over RTSP too. */
  readonly restream?: boolean;
  /** Make live video over WebRTC, too. */
  readonly webrtc?: boolean;
}

export class KernelRun implements AsyncDisposable {
  readonly #options: KernelRunOptions;
  readonly #process: ChildProcess;
  readonly socketPath: string;

  constructor(options: KernelRunOptions) {
    this.#options = options;
    const { url, cameraIds, socketDirectory, ringDirectory, recordings, segmentS, minFreeGb = 0, restream = false, webrtc = false } = options;
    const settings = {
      paths: { socket_directory: socketDirectory, ring_directory: ringDirectory }, log_level: 'warn', models: [], live: { webrtc: { active: webrtc }, ...(restream ? { rtsp: { port: 0 } } : {}) },
      recording: { directory: recordings, segment_s: segmentS, min_free_gb: minFreeGb }, cameras: cameraIds.map((id) => ({ id, url })),
    };
    this.#process = spawn(process.execPath, [join(SOURCES, 'main.ts'), '-c', '-'], { stdio: ['pipe', 'ignore', 'inherit'] });
    this.#process.stdin!.end(JSON.stringify(settings));
    this.socketPath = kernelSocketPath(socketDirectory);
  }

  get<T>(path: string): Promise<T> { return this.call('GET', path); }

  async call<T>(method: string, path: string, request?: unknown): Promise<T> {
    const { status, body } = await ask(this.socketPath, method, path, request);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
    return body as T;
  }

  cameras(): Promise<CameraStatus[]> { return this.get('/v1/cameras'); }
  timeline(cameraId: string, start: number, end: number): Promise<Timeline> { return this.get(`/v1/cameras/${cameraId}/timeline?start=${start}&end=${end}`); }

  /** Every camera has something recorded that is newer than `afterS` (UTC, seconds). */
  async recording(afterS: number): Promise<void> {
    await until(async () => {
      try {
        const timelines = await Promise.all(this.#options.cameraIds.map((id) => this.timeline(id, afterS, afterS + 3600)));
        return timelines.map(({ newest }) => newest);
      } catch (error) {
        return [(error as Error).message];
      }
    }, (newest) => newest.length === this.#options.cameraIds.length && newest.every((time) => typeof time === 'number' && time > afterS), `all cameras record (after ${afterS})`);
  }

  get pid(): number { return this.#process.pid!; }

  /** Ends it as a supervisor does. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await gone;
  }
}

/** Kills at once, and returns when none of them is left. */
export async function killAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself just before.
    }
  }
  await allDead(pids);
}

export async function allDead(pids: readonly number[]): Promise<void> {
  await until(() => pids.filter(alive), (left) => left.length === 0, 'the processes are dead');
}

function alive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}`)) return false;
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
