// Looks at what is kept, and brings to the bucket what is not there yet, oldest name first, one file at a time. It remembers nothing on a disk: what was
// copied is what the bucket says. Nothing is ever deleted there. A file that is refused while others are taken waits behind them; a bucket that takes nothing ends the turn.
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError, type CopiesStatus, type KeptFile } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { Refusal, type Bucket } from './bucket.ts';
import { checkedBytes, DamagedFile, Pace } from './checked-bytes.ts';
import type { KeptRecordings } from './kept-recordings.ts';
import { Refusals } from './refusals.ts';

const LOOK_EVERY_MS = 30_000;
/** Looking takes at most this share of the time, however much is kept. */
const LOOKING_SHARE = 0.05;
const MOST_IN_A_TURN = 1000;
/** So many refusals without anything being taken are the bucket's, not the files'. */
const REFUSALS_OF_BUCKET = 3;
const backOff = new ExponentialBackoff({ initialDelay: 1000, maxDelay: 300_000 });

export interface CopierOptions {
  readonly kept: KeptRecordings;
  readonly bucket: Bucket;
  readonly bucketName: string;
  /** What the name of each copy begins with; the rest is the file's own. */
  readonly prefix: string;
  readonly maxMbps: number;
  readonly logger: Logger;
  readonly lookEveryMs?: number;
  /** Files that are refused wait by it. */
  readonly refusals?: Refusals;
}

export class Copier {
  readonly #options: CopierOptions;
  readonly #pace: Pace;
  /** Kept files that lie in the bucket, and their bytes; null until it was asked. */
  #copied: Map<string, number> | null = null;
  #damaged = new Set<string>();
  #state: CopiesStatus['state'] = 'looking';
  #waiting = { files: 0, bytes: 0 };
  #lastCopiedAt: number | null = null;
  #error: RuthError | null = null;
  readonly #refusals: Refusals;
  #refusedInARow = 0;
  #wait: IBackoff<unknown> | null = null;
  readonly counters = { copied: 0, copiedBytes: 0, failures: 0 };

  constructor(options: CopierOptions) {
    this.#options = options;
    this.#pace = new Pace(options.maxMbps);
    this.#refusals = options.refusals ?? new Refusals();
  }

  get status(): CopiesStatus {
    const refused = this.#refusals.newest;
    return {
      bucket: this.#options.bucketName, state: this.#state, copied_files: this.#copied?.size ?? 0, waiting_files: this.#waiting.files, waiting_bytes: this.#waiting.bytes,
      damaged_files: this.#damaged.size, refused_files: this.#refusals.count, refusal: refused && `${refused.file}: ${refused.error.message}`, last_copied_at: this.#lastCopiedAt, error: this.#error?.message ?? null,
    };
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, lookEveryMs = LOOK_EVERY_MS } = this.#options;
    while (!signal.aborted) {
      let pauseMs: number;
      try {
        const { left, lookedMs } = await this.#turn(signal);
        if (this.#error !== null) logger.info('copies go on');
        [this.#error, this.#wait] = [null, null];
        pauseMs = left > 0 ? 0 : Math.max(lookEveryMs, lookedMs / LOOKING_SHARE);
      } catch (cause) {
        if (signal.aborted) return;
        const error = RuthError.from(cause);
        if (error.message !== this.#error?.message) logger.warn({ code: error.code, waiting_files: this.#waiting.files }, `nothing is copied: ${error.message}`);
        this.counters.failures++;
        [this.#error, this.#state] = [error, 'failing'];
        this.#wait = this.#wait ? this.#wait.next(undefined) : backOff.next();
        pauseMs = this.#wait.duration;
      }
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Copies what there is to copy, as much as fits in a turn. How many files are left, and what finding them took. */
  async #turn(signal: AbortSignal): Promise<{ left: number; lookedMs: number }> {
    const { kept, bucket, prefix } = this.#options;
    const known = this.#copied ?? new Map<string, number>();
    if (this.#copied === null) for await (const { name, bytes } of bucket.list(prefix, signal)) known.set(name, bytes);
    const startedMs = performance.now();
    const [copied, damaged, next, waiting, behind] = [new Map<string, number>(), new Set<string>(), [] as KeptFile[], { files: 0, bytes: 0 }, new Set<string>()];
    let due = 0;
    for await (const file of kept.files(signal)) {
      if (known.get(file.file) === file.bytes) copied.set(file.file, file.bytes);
      else if (this.#damaged.has(file.file)) damaged.add(file.file);
      else {
        waiting.files++;
        waiting.bytes += file.bytes;
        behind.add(file.file);
        if (this.#refusals.holds(file.file)) continue;
        due++;
        if (next.length < MOST_IN_A_TURN) next.push(file);
      }
    }
    this.#refusals.keepOnly((file) => behind.has(file));
    const lookedMs = performance.now() - startedMs;
    [this.#copied, this.#damaged, this.#waiting] = [copied, damaged, waiting];
    const left = due - next.length;
    // Where the bucket took nothing, the newest tells whether it does now: the oldest may be those that it never takes.
    if (this.#refusedInARow >= REFUSALS_OF_BUCKET && next.length > 1) next.unshift(next.pop()!);
    if (this.#refusedInARow < REFUSALS_OF_BUCKET) this.#state = next.length > 0 ? 'copying' : 'ok';
    for (const file of next) {
      if (!await this.#copy(file, signal)) continue;
      waiting.files--;
      waiting.bytes -= file.bytes;
    }
    if (left === 0 && this.#refusedInARow < REFUSALS_OF_BUCKET) this.#state = 'ok';
    return { left, lookedMs };
  }

  /** False where it waits on. Throws what is not this file's alone. */
  async #copy(kept: KeptFile, signal: AbortSignal): Promise<boolean> {
    const { logger, bucket, prefix } = this.#options;
    try {
      const source = await this.#options.kept.read(kept, signal);
      try {
        const body = Readable.from(checkedBytes(source, kept, this.#pace, signal), { objectMode: false });
        await bucket.put(`${prefix}${kept.file}`, { body, bytes: kept.bytes, sha256: kept.sha256 }, signal);
      } finally {
        // The kernel is not to wait for who will not read on.
        source.destroy();
      }
    } catch (cause) {
      // It is no longer kept, or was never to be had: others are copied all the same.
      if (cause instanceof RuthError && cause.code === 'not_recorded') return true;
      if (signal.aborted) throw cause;
      if (cause instanceof Refusal) return this.#refused(kept, cause);
      if (!(cause instanceof DamagedFile)) throw cause;
      this.#damaged.add(kept.file);
      logger.error({ file: kept.file }, cause.message);
      return true;
    }
    this.#refusals.delete(kept.file);
    if (this.#refusedInARow >= REFUSALS_OF_BUCKET) this.#refusals.soon();
    [this.#refusedInARow, this.#wait] = [0, null];
    this.#copied!.set(kept.file, kept.bytes);
    this.#lastCopiedAt = Date.now() / 1000;
    this.counters.copied++;
    this.counters.copiedBytes += kept.bytes;
    return true;
  }

  /** Throws where nothing else is taken either. */
  #refused({ file }: KeptFile, refusal: Refusal): false {
    this.counters.failures++;
    const isNew = this.#refusals.add(file, refusal);
    if (++this.#refusedInARow >= REFUSALS_OF_BUCKET) throw refusal;
    if (isNew) this.#options.logger.warn({ file, code: refusal.code }, `a file is not taken, and is tried again later: ${refusal.message}`);
    return false;
  }
}
