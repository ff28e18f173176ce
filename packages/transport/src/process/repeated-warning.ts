// What goes wrong again and again, as long as it lasts: said at once, and then once in ten minutes, with how often it was meanwhile. A log of a day without NATS, or of a camera that is
// off, stays one that can be read.
import type { Logger } from './logger.ts';

const AGAIN_AFTER_MS = 600_000;

export class RepeatedWarning {
  readonly #logger: Logger;
  readonly #nowMs: () => number;
  /** Of what is going wrong; null where it is well. */
  #said: { readonly message: string; readonly atMs: number; unsaid: number } | null = null;

  constructor(logger: Logger, nowMs: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  /** Another message than the last one is said at once. */
  warn(fields: object, message: string): void {
    const said = this.#said;
    if (said?.message === message && this.#nowMs() - said.atMs < AGAIN_AFTER_MS) {
      said.unsaid++;
      return;
    }
    this.#said = { message, atMs: this.#nowMs(), unsaid: 0 };
    this.#logger.warn({ ...fields, ...(said?.message === message && { times: said.unsaid + 1 }) }, message);
  }

  /** It is well again: what goes wrong next is said at once. */
  over(): void { this.#said = null; }
}
