// Holds one lease at the kernel: takes it, renews it at a third of its life, gives it back. A kernel that is away is
// asked again with growing pauses, for as long as it takes. A change of the rate is told at once, under the same id.
import { randomUUID } from 'node:crypto';
import { RuthError, type LeaseGrant, type LeaseRequest } from '@ruth/protocol';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import type { Clock } from './clock.ts';

export const LEASE_TTL_MS = 5000;
/** A node's processes start at once: that the kernel is not there yet is no failure for so long. */
const STARTING_MS = 5000;
const backOff = new ExponentialBackoff({ initialDelay: 100, maxDelay: 2000 });

/** What of the kernel a lease needs; KernelClient is one. */
export interface LeaseIssuer {
  putLease(leaseId: string, request: LeaseRequest, signal: AbortSignal): Promise<LeaseGrant>;
  deleteLease(leaseId: string): Promise<void>;
}

export interface LeaseOptions {
  readonly cameraId: string;
  readonly fps: number;
  readonly kernel: LeaseIssuer;
  readonly clock: Clock;
  onGrant(grant: LeaseGrant): void;
  /** The first attempt that failed, and the first one to fail after a grant; a kernel that is not there yet is told after some seconds. */
  onFailure(error: RuthError): void;
  /** Unrenewed for its whole life: there may be no frames. */
  onExpiry(): void;
}

export class Lease {
  readonly id = randomUUID();
  readonly #options: LeaseOptions;
  #fps: number;
  #grantedAtMs: number | null = null;
  #failure: RuthError | null = null;
  #beganAtMs: number | null = null;
  #isFailureTold = false;
  #wasGranted = false;
  /** Aborts when it is to be asked for again, or no more. */
  #pause = new AbortController();
  /** Of the request under way: each has its own, for what hangs on a signal that lives long lives as long. */
  #attempt = new AbortController();

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#fps = options.fps;
  }

  /** Why it is not granted, or not renewed; null while it is, and before the first answer. */
  get failure(): RuthError | null { return this.#failure; }
  get isGranted(): boolean { return this.#grantedAtMs !== null; }

  get fps(): number { return this.#fps; }
  set fps(fps: number) {
    if (fps === this.#fps) return;
    this.#fps = fps;
    this.#pause.abort();
  }

  /** Holds the lease until `signal` aborts, then gives it back. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, kernel } = this.#options;
    let wait: IBackoff<unknown> | null = null;
    signal.addEventListener('abort', () => {
      this.#attempt.abort();
      this.#pause.abort();
    }, { once: true });
    while (!signal.aborted) {
      this.#pause = new AbortController();
      const granted = await this.#runOnce(signal);
      if (granted) wait = null;
      else wait = wait === null ? backOff.next() : wait.next(undefined);
      await clock.sleep(wait?.duration ?? LEASE_TTL_MS / 3, this.#pause.signal);
    }
    // A lease that cannot be given back ends by itself.
    await kernel.deleteLease(this.id).catch(() => undefined);
  }

  async #runOnce(signal: AbortSignal): Promise<boolean> {
    const { cameraId, kernel, clock } = this.#options;
    this.#attempt = new AbortController();
    this.#beganAtMs ??= clock.monotonicMs();
    try {
      const grant = await kernel.putLease(this.id, { camera_id: cameraId, fps: this.#fps, ttl_ms: LEASE_TTL_MS }, this.#attempt.signal);
      if (signal.aborted) return false;
      this.#grantedAtMs = clock.monotonicMs();
      this.#failure = null;
      this.#isFailureTold = false;
      this.#wasGranted = true;
      this.#options.onGrant(grant);
      return true;
    } catch (cause) {
      if (signal.aborted) return false;
      const error = RuthError.from(cause);
      this.#failure = error;
      if (!this.#isFailureTold && !this.#isStarting(error)) {
        this.#isFailureTold = true;
        this.#options.onFailure(error);
      }
      if (this.#grantedAtMs !== null && clock.monotonicMs() - this.#grantedAtMs >= LEASE_TTL_MS) {
        this.#grantedAtMs = null;
        this.#options.onExpiry();
      }
      return false;
    }
  }

  #isStarting({ code }: RuthError): boolean {
    return code === 'unreachable' && !this.#wasGranted && this.#options.clock.monotonicMs() - this.#beganAtMs! < STARTING_MS;
  }
}
