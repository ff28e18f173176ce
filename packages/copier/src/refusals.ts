// Files that the bucket does not take though it takes others: each is tried again after a minute, two, four, up to six hours, and meanwhile holds nothing up.
import type { RuthError } from '@ruth/protocol';

const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 6 * 3_600_000;

interface Refused { readonly error: RuthError; readonly tries: number; againMs: number }

export class Refusals {
  readonly #refused = new Map<string, Refused>();
  readonly #firstWaitMs: number;
  readonly #nowMs: () => number;

  /** `nowMs`: of a clock that nobody sets. */
  constructor({ firstWaitMs = FIRST_WAIT_MS, nowMs = (): number => performance.now() }: { readonly firstWaitMs?: number; readonly nowMs?: () => number } = {}) {
    this.#firstWaitMs = firstWaitMs;
    this.#nowMs = nowMs;
  }

  get count(): number { return this.#refused.size; }
  /** Of the one that was refused last. */
  get newest(): { readonly file: string; readonly error: RuthError } | null {
    const last = [...this.#refused].at(-1);
    return last ? { file: last[0], error: last[1].error } : null;
  }

  /** Whether it is to wait. */
  holds(file: string): boolean { return (this.#refused.get(file)?.againMs ?? -Infinity) > this.#nowMs(); }

  /** False where that was known. */
  add(file: string, error: RuthError): boolean {
    const before = this.#refused.get(file);
    const tries = (before?.tries ?? 0) + 1;
    this.#refused.delete(file);
    this.#refused.set(file, { error, tries, againMs: this.#nowMs() + Math.min(LONGEST_WAIT_MS, this.#firstWaitMs * 2 ** (tries - 1)) });
    return before?.error.message !== error.message;
  }

  /** It was taken. */
  delete(file: string): void { this.#refused.delete(file); }

  /** The bucket took nothing, and takes things again: so may these be. */
  soon(): void {
    for (const refused of this.#refused.values()) refused.againMs = Math.min(refused.againMs, this.#nowMs() + this.#firstWaitMs);
  }

  /** What is no longer kept is no concern any more. */
  keepOnly(isKept: (file: string) => boolean): void {
    for (const file of this.#refused.keys()) if (!isKept(file)) this.#refused.delete(file);
  }
}
