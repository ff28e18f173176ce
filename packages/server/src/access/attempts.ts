// Slows whoever guesses passwords: after some failures of a name from an address, of an address, or of a name, each further try has to
// wait twice as long. What is remembered is bounded: the oldest is forgotten.
import { RuthError } from '@ruth/protocol';

const FREE_FAILURES = { both: 5, address: 20, name: 50 } as const;
const FIRST_WAIT_MS = 15_000;
const LONGEST_WAIT_MS = 15 * 60_000;
/** Without a failure for so long all is forgotten. */
const FORGOTTEN_AFTER_MS = 60 * 60_000;
const MOST_REMEMBERED = 10_000;

interface Failures { count: number; lastMs: number }

export class SignInAttempts {
  readonly #failures = new Map<string, Failures>();
  readonly #nowMs: () => number;

  /** A clock that only goes forward, in milliseconds. */
  constructor(nowMs: () => number) { this.#nowMs = nowMs; }

  /** Throws `rate_limited` where it is too soon to try again. */
  assertMayTry(name: string, address: string): void {
    const waitMs = Math.max(...keysOf(name, address).map(([key, free]) => this.#waitMs(key, free)));
    if (waitMs > 0) throw new RateLimited(Math.ceil(waitMs / 1000));
  }

  failed(name: string, address: string): void {
    for (const [key] of keysOf(name, address)) {
      const count = (this.#recent(key)?.count ?? 0) + 1;
      this.#failures.delete(key);
      this.#failures.set(key, { count, lastMs: this.#nowMs() });
    }
    while (this.#failures.size > MOST_REMEMBERED) this.#failures.delete(this.#failures.keys().next().value!);
  }

  /** Of an address, failures with other names still count. */
  succeeded(name: string, address: string): void {
    for (const [key] of keysOf(name, address)) if (!key.startsWith('address ')) this.#failures.delete(key);
  }

  #recent(key: string): Failures | null {
    const failures = this.#failures.get(key);
    return failures && this.#nowMs() - failures.lastMs < FORGOTTEN_AFTER_MS ? failures : null;
  }

  #waitMs(key: string, free: number): number {
    const failures = this.#recent(key);
    if (!failures || failures.count < free) return 0;
    return failures.lastMs + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures.count - free)) - this.#nowMs();
  }
}

export class RateLimited extends RuthError {
  readonly retryAfterS: number;
  constructor(retryAfterS: number) {
    super('rate_limited', `too many failed sign-ins; try again in ${retryAfterS} s`);
    this.retryAfterS = retryAfterS;
  }
}

function keysOf(name: string, address: string): [key: string, free: number][] {
  return [[`both ${address} ${name}`, FREE_FAILURES.both], [`address ${address}`, FREE_FAILURES.address], [`name ${name}`, FREE_FAILURES.name]];
}
