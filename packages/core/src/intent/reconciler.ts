// Brings each camera to what is intended, again and again until it is. Cameras do not wait for one another: one that fails is
// tried again with growing pauses, and a newer intent is tried at once.
import { RuthError } from '@ruth/protocol';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import type { Clock } from '../clock.ts';

const backOff = new ExponentialBackoff({ initialDelay: 200, maxDelay: 30_000 });

export interface ReconcilerOptions {
  /** Makes the camera what is intended of it NOW. May be called any number of times, never twice at once for one camera. */
  apply(cameraId: string): Promise<void>;
  readonly clock: Clock;
  /** The first failure after a success. */
  onFailure(cameraId: string, error: RuthError): void;
}

interface Work {
  running: boolean;
  /** Something changed since the attempt that runs began. */
  dirty: boolean;
  failure: RuthError | null;
  wake: AbortController;
  tried: PromiseWithResolvers<void>;
}

export class Reconciler implements AsyncDisposable {
  readonly #options: ReconcilerOptions;
  readonly #work = new Map<string, Work>();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** What is intended, or what it depends on, may be another than before. Resolves when it was tried once. */
  touch(cameraId: string): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.resolve();
    const work = this.#work.get(cameraId) ?? { running: false, dirty: false, failure: null, wake: new AbortController(), tried: Promise.withResolvers<void>() };
    this.#work.set(cameraId, work);
    // Of the attempt that begins after this.
    const { promise } = work.tried;
    work.dirty = true;
    work.wake.abort();
    if (!work.running) {
      const running = this.#run(cameraId, work).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
    return promise;
  }

  /** `failure` is that of the last attempt, of which there will be more. */
  state(cameraId: string): { readonly busy: boolean; readonly failure: RuthError | null } {
    const work = this.#work.get(cameraId);
    return { busy: work?.running ?? false, failure: work?.failure ?? null };
  }

  /** Lets the attempts that run end, and makes no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #run(cameraId: string, work: Work): Promise<void> {
    const { signal } = this.#stop;
    let wait: IBackoff<unknown> | null = null;
    work.running = true;
    while (!signal.aborted) {
      const { tried } = work;
      work.dirty = false;
      work.tried = Promise.withResolvers();
      work.wake = new AbortController();
      await this.#attempt(cameraId, work);
      tried.resolve();
      if (work.dirty) {
        wait = null;
        continue;
      }
      if (work.failure === null) break;
      wait = wait === null ? backOff.next() : wait.next(undefined);
      await this.#options.clock.sleep(wait.duration, AbortSignal.any([signal, work.wake.signal]));
    }
    work.running = false;
    work.tried.resolve();
    if (work.failure === null) this.#work.delete(cameraId);
  }

  async #attempt(cameraId: string, work: Work): Promise<void> {
    try {
      await this.#options.apply(cameraId);
      work.failure = null;
    } catch (cause) {
      const error = RuthError.from(cause);
      if (work.failure === null) this.#options.onFailure(cameraId, error);
      work.failure = error;
    }
  }
}
