// The bytes of a file on their way: no faster than they may be, and the last of them only where all are what they should be.
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol';

/** Spreads bytes over time: `turn` waits until as many may go as went before. */
export class Pace {
  readonly #bytesPerMs: number;
  #freeAtMs = 0;

  /** Megabits a second; Infinity for no limit. */
  constructor(maxMbps: number) { this.#bytesPerMs = maxMbps * 1e6 / 8 / 1000; }

  async turn(bytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    const waitMs = this.#freeAtMs - nowMs;
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + bytes / this.#bytesPerMs;
    if (waitMs > 1) await delay(waitMs, undefined, { signal });
  }
}

/** What was read is not what was recorded: `sha256` is another one, or there are fewer or more bytes. */
export class DamagedFile extends RuthError {
  constructor(file: string) { super('invalid_state', `${file} is not what was recorded: see "ruth verify"`); }
}

/** Throws `DamagedFile` before the last chunk, so that who takes the bytes never has all of them. */
export async function* checkedBytes(source: AsyncIterable<Buffer>, { file, sha256 }: { readonly file: string; readonly sha256: string }, pace: Pace, signal: AbortSignal): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let last: Buffer | null = null;
  for await (const chunk of source) {
    if (last !== null) yield last;
    hash.update(chunk);
    await pace.turn(chunk.length, signal);
    last = chunk;
  }
  if (hash.digest('hex') !== sha256) throw new DamagedFile(file);
  if (last !== null) yield last;
}
