// The kernel's side of one camera: keeps an ingest child alive, tells it what is wanted, and knows how it is. A child that
// dies is restarted with back-off, one that shows no sign of life is ended; no other camera notices.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ringPath, redactUrls, RuthError, type CameraSettings, type CameraStatus, type Settings } from '@ruth/protocol';
import { sweepOrphanRings, type Logger } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { lastError, NOTHING_WANTED, type FromIngest, type IngestSettings, type IngestStatus, type ToIngest, type Wants } from './messages.ts';

export interface CameraProcessOptions {
  readonly camera: CameraSettings;
  readonly settings: Pick<Settings, 'ringDirectory' | 'recording' | 'decoding' | 'cameraAddresses'>;
  readonly logger: Logger;
  /** Where what is recorded of the camera ends, us UTC; asked for each child. */
  readonly recordedUntilUs?: () => number;
  /** All that a child says but its status. */
  readonly onMessage: (message: Exclude<FromIngest, { type: 'status' }>) => void;
  /** A new status is there. */
  readonly onStatus: () => void;
  /** The child is gone, and with it all that it was making. */
  readonly onGone: (reason: string) => void | Promise<void>;
}

const SILENCE_LIMIT_MS = 6000;
/** On a busy machine that starts many cameras at once, loading takes long. */
const START_LIMIT_MS = 60_000;
const KILL_AFTER_MS = 2000;
const HEALTHY_AFTER_MS = 30_000;
const restartBackOff = new ExponentialBackoff({ initialDelay: 300, maxDelay: 15_000 });

const NOTHING: IngestStatus = {
  state: 'connecting', last_error: null, codec: null, width: null, height: null, fps: null, decode_level: 'none', frame_reference: null,
  counters: { packets: 0, keyframes: 0, bytes: 0, decoded: 0, published: 0, reconnects: 0, decode_errors: 0 }, drops: {}, epoch: 0,
  bitrate_bps: null, keyframe_interval_s: null, packets_lost: 0, audio_codec: null, decoder: null, detect: null,
  recording: { state: 'off', cause: null, bytes_written: 0, segments: 0, drops: {} },
};

export class CameraProcess {
  readonly camera: CameraSettings;
  readonly frameReference: string;
  readonly #options: CameraProcessOptions;
  readonly #stop = new AbortController();
  #child: ChildProcess | null = null;
  #status = NOTHING;
  /** What children before this one had counted. */
  #earlier: Pick<IngestStatus, 'counters' | 'drops'> = NOTHING;
  #restarts = 0;
  #wants = NOTHING_WANTED;
  #running: Promise<void> | null = null;

  constructor(options: CameraProcessOptions) {
    this.#options = options;
    this.camera = options.camera;
    this.frameReference = ringPath(options.camera.id, options.settings.ringDirectory);
  }

  get status(): Omit<CameraStatus, 'viewers' | 'live'> {
    const { camera } = this;
    const { epoch: _, ...status } = this.#status;
    return {
      camera_id: camera.id, name: camera.name, note: camera.note, url: redactUrls(camera.url), ...status,
      leased_fps: this.#wants.fps, pid: this.#child?.pid ?? null,
      counters: { ...sum(this.#earlier.counters, status.counters), restarts: this.#restarts },
      drops: sum(this.#earlier.drops, status.drops),
    };
  }

  /** What the camera sends at present. */
  get stream(): Pick<IngestStatus, 'codec' | 'width' | 'height' | 'epoch'> { return this.#status; }

  start(): void { this.#running ??= this.#run(); }

  get wants(): Wants { return this.#wants; }

  want(change: Partial<Wants>): void {
    const wants = { ...this.#wants, ...change };
    if (isDeepStrictEqual(wants, this.#wants)) return;
    this.#wants = wants;
    this.#tell({ type: 'want', wants });
  }

  /** Ends the child: asks, and after two seconds kills. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let wait: IBackoff<unknown> | null = null;
    while (!signal.aborted) {
      const startedMs = performance.now();
      const reason = await this.#runOnce(signal);
      await this.#bury(reason);
      if (signal.aborted) return;
      if (performance.now() - startedMs > HEALTHY_AFTER_MS) wait = null;
      wait = wait ? wait.next(undefined) : restartBackOff.next();
      const waitMs = wait.duration;
      this.#options.logger.warn({ camera: this.camera.id, reason, retry_in_ms: Math.round(waitMs) }, 'ingest process ended');
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
      this.#restarts++;
    }
  }

  /** One child, from fork to exit; returns what ended it. */
  async #runOnce(signal: AbortSignal): Promise<string> {
    const child = fork(new URL('./main.ts', import.meta.url), [], {
      // Little runs here, and seldom: waking V8's helper threads, to collect the small heap or to compile, costs more than they save.
      execArgv: ['--single-threaded'], serialization: 'advanced', stdio: ['ignore', this.#options.logger.level === 'silent' ? 'ignore' : 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    let killTimer: NodeJS.Timeout | undefined;
    let reason: string | null = null;
    const end = (why: string): void => {
      if (reason !== null) return;
      reason = why;
      child.kill('SIGTERM');
      killTimer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    };
    let silence = setTimeout(() => end('it did not start'), START_LIMIT_MS);
    const onAbort = (): void => end('shutting down');
    signal.addEventListener('abort', onAbort, { once: true });
    child.on('message', (message: FromIngest) => {
      if (message.type === 'status') {
        this.#status = message.status;
        clearTimeout(silence);
        silence = setTimeout(() => end('it shows no sign of life'), SILENCE_LIMIT_MS);
        this.#options.onStatus();
      } else this.#options.onMessage(message);
    });
    child.on('error', (error) => end(error.message));
    const { id, url, transport, stallTimeoutMs, slotCount, detectUrl, audio, recording: wanted } = this.camera;
    const { ringDirectory, recording, cameraAddresses: addresses, decoding: { hardware } } = this.#options.settings;
    const firstEpoch = Math.max(Math.floor(Date.now() / 1000), this.#status.epoch + 1);
    const settings: IngestSettings = {
      cameraId: id, url, transport, stallTimeoutMs, slotCount, ringDirectory, detectUrl, audio, addresses, hardware, firstEpoch,
      recording: recording === null || !wanted.active ? null : { directory: recording.directory, segmentS: recording.segmentS, notBeforeUs: this.#options.recordedUntilUs?.() ?? 0 },
    };
    this.#tell({ type: 'start', settings, wants: this.#wants, logLevel: this.#options.logger.level });
    if (signal.aborted) onAbort();
    try {
      const [code, name] = await once(child, 'exit') as [number | null, string | null];
      return reason ?? (name === null ? `exit code ${code}` : name);
    } catch (error) {
      return (error as Error).message;
    } finally {
      clearTimeout(silence);
      clearTimeout(killTimer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Nothing of a dead child stays: neither its ring nor the belief that it streams. */
  async #bury(reason: string): Promise<void> {
    const { counters, drops, epoch } = this.#status;
    this.#earlier = { counters: sum(this.#earlier.counters, counters), drops: sum(this.#earlier.drops, drops) };
    this.#child = null;
    this.#status = { ...NOTHING, state: 'down', epoch, last_error: lastError(new RuthError('internal', `the ingest process ended: ${reason}`)) };
    sweepOrphanRings({ ringDirectory: this.#options.settings.ringDirectory });
    await this.#options.onGone(reason);
  }

  #tell(message: ToIngest): void {
    // A child that is just ending takes no message; its `exit` is what counts.
    if (this.#child?.connected) this.#child.send(message, () => undefined);
  }
}

function sum<T extends Record<string, number>>(a: T, b: T): T {
  const total: Record<string, number> = { ...a };
  for (const [key, value] of Object.entries(b)) total[key] = (total[key] ?? 0) + value;
  return total as T;
}
