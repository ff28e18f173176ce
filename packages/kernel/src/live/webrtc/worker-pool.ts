// mediasoup's workers, each a process with a WebRtcServer (one UDP and one TCP port). They are started when they are needed, and one
// that dies is replaced when it is next needed. Where none can be had, that is a state with a reason, and tried again with back-off.
import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';
import { RuthError, type LiveSettings } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import type { types } from 'mediasoup';
import { listenInfos } from './listen-addresses.ts';

export interface WorkerPoolOptions {
  readonly settings: NonNullable<LiveSettings['webrtc']>;
  readonly logger: Logger;
  /** Program of the worker; where mediasoup itself looks for it unless given. */
  readonly workerBinary?: string;
  /** A viewer goes to another worker than its camera's when that one has this many more to do: being joined by a pipe costs about as much as a viewer. */
  readonly spreadAfter?: number;
}

/** A worker that runs. */
export interface PoolWorker {
  readonly worker: types.Worker;
  readonly server: types.WebRtcServer;
  /** Which of the pool's ports it has. */
  readonly index: number;
  /** Cameras and viewers that it carries. */
  load: number;
}

const START_LIMIT_MS = 10_000;
/** A worker that died sooner than this is replaced only after a while. */
const HEALTHY_AFTER_MS = 10_000;
const SPREAD_AFTER = 8;
const startBackOff = new ExponentialBackoff({ initialDelay: 500, maxDelay: 30_000 });

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #limit: number;
  readonly #running: PoolWorker[] = [];
  readonly #spreadAfter: number;
  #starting: Promise<PoolWorker> | null = null;
  #wait: IBackoff<unknown> | null = null;
  #failure: { readonly reason: string; readonly untilMs: number } | null = null;
  #closed = false;

  /** Workers that ended without being told to. */
  deaths = 0;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#limit = options.settings.workers ?? availableParallelism();
    this.#spreadAfter = options.spreadAfter ?? SPREAD_AFTER;
  }

  get workers(): readonly PoolWorker[] { return this.#running; }

  /** The worker that has least to do, started if need be; but `preferred` as long as it has not much more. Throws `webrtc_unavailable`. */
  async pick(preferred?: PoolWorker): Promise<PoolWorker> {
    const least = this.#running.toSorted((a, b) => a.load - b.load)[0];
    const mayStart = this.#running.length < this.#limit;
    const leastLoad = mayStart || !least ? 0 : least.load;
    if (preferred && preferred.load - leastLoad < this.#spreadAfter) return preferred;
    if (least && (!mayStart || least.load === 0)) return least;
    try {
      return await this.#start();
    } catch (error) {
      // Where no further one can be had, those that run take more.
      if (least && !least.worker.closed) return least;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#starting?.catch(() => undefined);
    await Promise.all(this.#running.slice().map(({ worker }) => ended(worker)));
  }

  #start(): Promise<PoolWorker> {
    return this.#starting ??= this.#startOne().finally(() => { this.#starting = null; });
  }

  async #startOne(): Promise<PoolWorker> {
    if (this.#closed) throw new RuthError('webrtc_unavailable', 'the kernel is stopping');
    if (this.#failure && performance.now() < this.#failure.untilMs) throw new RuthError('webrtc_unavailable', this.#failure.reason);
    // Only who watches over WebRTC pays for the library.
    const mediasoup = await import('mediasoup');
    const program = this.#options.workerBinary ?? mediasoup.workerBin;
    // Set-up may still be building it: nothing to back off from.
    if (!isProgram(program)) throw new RuthError('webrtc_unavailable', 'mediasoup\'s worker is not there (yet); set-up makes it: npm run setup');
    const index = this.#freeIndex();
    let worker: types.Worker | undefined;
    try {
      worker = await started(mediasoup.createWorker, program);
      const { settings } = this.#options;
      const server = await worker.createWebRtcServer({ listenInfos: await listenInfos(settings, settings.port === 0 ? 0 : settings.port + index) });
      if (this.#closed) throw new Error('the kernel is stopping');
      return this.#add({ worker, server, index, load: 0 });
    } catch (cause) {
      worker?.close();
      const reason = `a mediasoup worker does not start: ${(cause as Error).message}`;
      this.#fail(reason);
      this.#options.logger.error({ code: 'webrtc_unavailable', program, err: cause }, reason);
      throw new RuthError('webrtc_unavailable', reason, { cause });
    }
  }

  #add(added: PoolWorker): PoolWorker {
    const startedMs = performance.now();
    const { worker, index } = added;
    this.#running.push(added);
    this.#failure = null;
    worker.on('died', (error) => {
      this.deaths++;
      this.#options.logger.error({ worker: index, pid: worker.pid, reason: error.message }, 'a mediasoup worker died; its viewers connect anew');
      if (performance.now() - startedMs < HEALTHY_AFTER_MS) this.#fail('mediasoup\'s worker dies again and again');
      else this.#wait = null;
    });
    worker.observer.once('close', () => this.#running.splice(this.#running.indexOf(added), 1));
    this.#options.logger.info({ worker: index, pid: worker.pid }, 'a mediasoup worker is ready');
    return added;
  }

  #fail(reason: string): void {
    this.#wait = this.#wait ? this.#wait.next(undefined) : startBackOff.next();
    this.#failure = { reason, untilMs: performance.now() + this.#wait.duration };
  }

  #freeIndex(): number {
    let index = 0;
    while (this.#running.some((other) => other.index === index)) index++;
    return index;
  }
}

async function started(createWorker: (settings: types.WorkerSettings) => Promise<types.Worker>, workerBin: string): Promise<types.Worker> {
  const starting = createWorker({ workerBin, logLevel: 'warn' });
  const late = Promise.withResolvers<never>();
  const limit = setTimeout(() => {
    late.reject(new Error(`it says nothing within ${START_LIMIT_MS} ms`));
    starting.then((worker) => worker.close(), () => undefined);
  }, START_LIMIT_MS);
  try {
    return await Promise.race([starting, late.promise]);
  } finally {
    clearTimeout(limit);
  }
}

/** Closed, and its process gone: its ports are free. */
function ended(worker: types.Worker): Promise<void> {
  return new Promise((resolve) => {
    if (worker.subprocessClosed) return resolve();
    worker.once('subprocessclose', resolve);
    worker.close();
  });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
