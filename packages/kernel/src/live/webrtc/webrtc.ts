// Live video over WebRTC, through mediasoup. One per kernel; whatever happens in here, nothing else of the kernel notices.
import { RuthError, type LiveSettings } from '@ruth/protocol';
import type { Pipes } from './pipes/index.ts';
import { WebRtcCamera, type WebRtcCameraOptions } from './webrtc-camera.ts';
import { WhepSessions } from './whep-sessions.ts';
import { WorkerPool, type WorkerPoolOptions } from './worker-pool.ts';

export interface WebRtcOptions extends Omit<WorkerPoolOptions, 'settings'> {
  readonly settings: NonNullable<LiveSettings['webrtc']>;
  /** Null where this node is by itself. */
  readonly pipes?: LiveSettings['pipes'];
}

export class WebRtc implements AsyncDisposable {
  readonly whep = new WhepSessions();
  readonly #options: WebRtcOptions;
  readonly #pool: WorkerPool;
  #pipes: Pipes | null = null;

  /** Starts nothing: the first viewer does. */
  constructor(options: WebRtcOptions) {
    this.#options = options;
    this.#pool = new WorkerPool(options);
  }

  camera(options: Omit<WebRtcCameraOptions, 'pool'>): WebRtcCamera { return new WebRtcCamera({ ...options, pool: this.#pool }); }

  /** Processes of mediasoup, and how much each carries. */
  get workers(): { readonly pid: number; readonly load: number }[] { return this.#pool.workers.map(({ worker, load }) => ({ pid: worker.pid, load })); }

  /** Workers that ended without being told to. */
  get workerDeaths(): number { return this.#pool.deaths; }

  /** Of cameras to and from other nodes. Their code is loaded by the first. Throws `not_found` where this node is by itself. */
  async openPipes(): Promise<Pipes> {
    const { pipes, settings: webrtc } = this.#options;
    if (!pipes) throw new RuthError('not_found', 'this node is by itself: ruth.yaml names no site');
    const { Pipes } = await import('./pipes/index.ts');
    return this.#pipes ??= new Pipes({ pool: this.#pool, webrtc, pipes });
  }

  /** Null until there was one. */
  get pipes(): Pipes | null { return this.#pipes; }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pipes?.[Symbol.dispose]();
    await this.#pool.close();
  }
}
