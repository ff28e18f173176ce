// Slows whoever guesses passwords: after some failures of a name from an address, of an address, or of a name, each further try has to
// wait twice as long. A device that somebody signed in with before is counted by itself (OWASP, "Slow Down Online Guessing Attacks with Device
// Cookies"): whoever goes on guessing a name locks out strangers, never the person. What is remembered is bounded: the oldest is forgotten.
import { isIPv6 } from 'node:net';
import { RuthError } from '@ruth/protocol';

const FREE_FAILURES = { device: 5, both: 5, address: 20, name: 50 } as const;
const FIRST_WAIT_MS = 15_000;
const LONGEST_WAIT_MS = 15 * 60_000;
/** Without a failure for so long all is forgotten. */
const FORGOTTEN_AFTER_MS = 60 * 60_000;
const MOST_REMEMBERED = 10_000;

/** Who tries. `device`: one that the name has signed in with before, proven by its cookie; null where there is none. */
export interface Attempt { readonly name: string; readonly address: string; readonly device: string | null }

interface Failures { count: number; lastMs: number }

export class SignInAttempts {
  readonly #failures = new Map<string, Failures>();
  readonly #nowMs: () => number;

  /** A clock that only goes forward, in milliseconds. */
  constructor(nowMs: () => number) { this.#nowMs = nowMs; }

  /** Throws `rate_limited` where it is too soon to try again. */
  assertMayTry(attempt: Attempt): void {
    const waitMs = Math.max(...keysOf(attempt).map(([key, free]) => this.#waitMs(key, free)));
    if (waitMs > 0) throw new RateLimited(Math.ceil(waitMs / 1000));
  }

  failed(attempt: Attempt): void {
    for (const [key] of keysOf(attempt)) {
      const count = (this.#recent(key)?.count ?? 0) + 1;
      this.#failures.delete(key);
      this.#failures.set(key, { count, lastMs: this.#nowMs() });
    }
    while (this.#failures.size > MOST_REMEMBERED) this.#failures.delete(this.#failures.keys().next().value!);
  }

  /** Of an address, failures with other names still count. */
  succeeded(attempt: Attempt): void {
    for (const [key] of keysOf(attempt)) if (!key.startsWith('address ')) this.#failures.delete(key);
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

function keysOf({ name, address, device }: Attempt): [key: string, free: number][] {
  if (device !== null) return [[`device ${device} ${name}`, FREE_FAILURES.device]];
  const network = networkOf(address);
  return [[`both ${network} ${name}`, FREE_FAILURES.both], [`address ${network}`, FREE_FAILURES.address], [`name ${name}`, FREE_FAILURES.name]];
}

/** Whoever has one IPv6 address has 2^64 of them: it is the network that counts. */
function networkOf(address: string): string {
  const [plain = ''] = address.split('%');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined || !isIPv6(plain)) return mapped ?? plain;
  const [head = '', tail] = plain.split('::');
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const [first, last] = [groups(head), groups(tail)];
  const all = tail === undefined ? first : [...first, ...Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0'), ...last];
  return `${all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
