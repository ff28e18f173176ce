// Ready means that an inference succeeded recently. A real one counts; in quiet times a canary shows it.
import type { PoolResult } from '../pool/session-pool.ts';
import { RuthError } from '@ruth/protocol';

export interface ReadinessOptions {
  /** Longest time without an inference before a canary is run. */
  readonly canaryIntervalMs: number;
  canary(): Promise<PoolResult>;
  onChange(status: 'ready' | 'degraded', cause: RuthError | null): void;
}

export class Readiness implements Disposable {
  readonly counters = { canaries: 0, canary_failures: 0 };
  readonly #options: ReadinessOptions;
  readonly #timer: NodeJS.Timeout;
  /** The canaries of the start have just succeeded. */
  #succeededAt = performance.now();
  #failed = false;
  #underWay = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#check(), options.canaryIntervalMs);
    this.#timer.unref();
  }

  get status(): 'ready' | 'degraded' {
    return this.#failed || this.ageMs > 3 * this.#options.canaryIntervalMs ? 'degraded' : 'ready';
  }

  /** Since an inference last succeeded. */
  get ageMs(): number {
    return performance.now() - this.#succeededAt;
  }

  succeeded(): void {
    this.#succeededAt = performance.now();
    this.#set(false, null);
  }

  /** Only failures of the model count; a frame that is gone says nothing of it. */
  failed(error: RuthError): void {
    if (error.code === 'inference_failed') this.#set(true, error);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #set(failed: boolean, cause: RuthError | null): void {
    if (this.#failed === failed) return;
    this.#failed = failed;
    this.#options.onChange(failed ? 'degraded' : 'ready', cause);
  }

  async #check(): Promise<void> {
    if (this.#underWay || (!this.#failed && this.ageMs < this.#options.canaryIntervalMs * 0.9)) return;
    this.#underWay = true;
    this.counters.canaries++;
    try {
      await this.#options.canary();
      this.succeeded();
    } catch (cause) {
      this.counters.canary_failures++;
      this.failed(RuthError.from(cause));
    } finally {
      this.#underWay = false;
    }
  }
}
