// Live video over WebRTC, through mediasoup. One per kernel; whatever happens in here, nothing else of the kernel notices.
import type { LiveSettings } from '@ruth/protocol';
import { WebRtcCamera, type WebRtcCameraOptions } from './webrtc-camera.ts';
import { WhepSessions } from './whep-sessions.ts';
import { WorkerPool, type WorkerPoolOptions } from './worker-pool.ts';

export interface WebRtcOptions extends Omit<WorkerPoolOptions, 'settings'> {
  readonly settings: NonNullable<LiveSettings['webrtc']>;
}

export class WebRtc implements AsyncDisposable {
  readonly whep = new WhepSessions();
  readonly #pool: WorkerPool;

  /** Starts nothing: the first viewer does. */
  constructor(options: WebRtcOptions) { this.#pool = new WorkerPool(options); }

  camera(options: Omit<WebRtcCameraOptions, 'pool'>): WebRtcCamera { return new WebRtcCamera({ ...options, pool: this.#pool }); }

  /** Processes of mediasoup, and how much each carries. */
  get workers(): { readonly pid: number; readonly load: number }[] { return this.#pool.workers.map(({ worker, load }) => ({ pid: worker.pid, load })); }

  /** Workers that ended without being told to. */
  get workerDeaths(): number { return this.#pool.deaths; }

  async [Symbol.asyncDispose](): Promise<void> { await this.#pool.close(); }
}
