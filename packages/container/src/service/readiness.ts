// Ready means that a canary gave the expected answer lately; nothing else does. In busy times too: a frame that was answered shows that
// the model runs, not that it is right.
import { RuthError, type ErrorCode } from '@ruth/protocol/base';
import type { PoolResult } from '../pool/request-queue.ts';

export interface ReadinessOptions {
  /** From canary to canary; `ready` lasts three times as long. */
  readonly canaryIntervalMs: number;
  canary(): Promise<PoolResult>;
  onChange(status: 'ready' | 'degraded', cause: RuthError | null): void;
}

/** What a canary may cost: a model that takes long is looked at less often. */
const MOST_SHARE = 0.01;
/** The latter two: of a model on a server elsewhere. */
const OF_THE_MODEL: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['inference_failed', 'unreachable', 'timeout']);
/** After a failure the next look comes sooner. */
const SOONER = 10;

export class Readiness implements Disposable {
  readonly counters = { canaries: 0, canary_failures: 0 };
  readonly #options: ReadinessOptions;
  readonly #timer: NodeJS.Timeout;
  /** The canaries of the start have just succeeded. */
  #succeededAt = performance.now();
  #begunAt = performance.now();
  #intervalMs: number;
  #failed = false;
  #underWay = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
    this.#intervalMs = options.canaryIntervalMs;
    this.#timer = setInterval(() => void this.#check(), options.canaryIntervalMs / SOONER);
    this.#timer.unref();
  }

  get status(): 'ready' | 'degraded' {
    return this.#failed || this.ageMs > 3 * this.#intervalMs ? 'degraded' : 'ready';
  }

  /** Since a canary last gave the expected answer. */
  get ageMs(): number {
    return performance.now() - this.#succeededAt;
  }

  /** Only failures of the model count; a frame that is gone says nothing of it. A canary says when it is well again. */
  failed(error: RuthError): void {
    if (OF_THE_MODEL.has(error.code)) this.#set(true, error);
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
    const sinceMs = performance.now() - this.#begunAt;
    // Timers come a little early or late.
    if (this.#underWay || (!this.#failed && sinceMs < this.#intervalMs * 0.95)) return;
    this.#underWay = true;
    this.#begunAt = performance.now();
    this.counters.canaries++;
    try {
      const { inferenceMs } = await this.#options.canary();
      this.#intervalMs = Math.max(this.#options.canaryIntervalMs, inferenceMs / MOST_SHARE);
      this.#succeededAt = performance.now();
      this.#set(false, null);
    } catch (cause) {
      this.counters.canary_failures++;
      this.failed(RuthError.from(cause));
    } finally {
      this.#underWay = false;
    }
  }
}
