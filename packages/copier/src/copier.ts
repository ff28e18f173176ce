// Looks at what is kept, and brings to the bucket what is not there yet, oldest name first, one file at a time. It remembers nothing on a disk: what was
// copied is what the bucket says. Nothing is ever deleted there.
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError, type CopiesStatus, type KeptFile } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import type { Bucket } from './bucket.ts';
import { checkedBytes, DamagedFile, Pace } from './checked-bytes.ts';
import type { KeptRecordings } from './kept-recordings.ts';

const LOOK_EVERY_MS = 30_000;
/** Looking takes at most this share of the time, however much is kept. */
const LOOKING_SHARE = 0.05;
const MOST_IN_A_TURN = 1000;
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
  readonly counters = { copied: 0, copiedBytes: 0, failures: 0 };

  constructor(options: CopierOptions) {
    this.#options = options;
    this.#pace = new Pace(options.maxMbps);
  }

  get status(): CopiesStatus {
    return {
      bucket: this.#options.bucketName, state: this.#state, copied_files: this.#copied?.size ?? 0, waiting_files: this.#waiting.files, waiting_bytes: this.#waiting.bytes,
      damaged_files: this.#damaged.size, last_copied_at: this.#lastCopiedAt, error: this.#error?.message ?? null,
    };
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, lookEveryMs = LOOK_EVERY_MS } = this.#options;
    let wait: IBackoff<unknown> | null = null;
    while (!signal.aborted) {
      let pauseMs: number;
      try {
        const { left, lookedMs } = await this.#turn(signal);
        if (this.#error !== null) logger.info('copies go on');
        [this.#error, wait] = [null, null];
        pauseMs = left > 0 ? 0 : Math.max(lookEveryMs, lookedMs / LOOKING_SHARE);
      } catch (cause) {
        if (signal.aborted) return;
        const error = RuthError.from(cause);
        if (error.message !== this.#error?.message) logger.warn({ code: error.code, waiting_files: this.#waiting.files }, `nothing is copied: ${error.message}`);
        this.counters.failures++;
        [this.#error, this.#state] = [error, 'failing'];
        wait = wait ? wait.next(undefined) : backOff.next();
        pauseMs = wait.duration;
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
    const [copied, damaged, next, waiting] = [new Map<string, number>(), new Set<string>(), [] as KeptFile[], { files: 0, bytes: 0 }];
    for await (const file of kept.files(signal)) {
      if (known.get(file.file) === file.bytes) copied.set(file.file, file.bytes);
      else if (this.#damaged.has(file.file)) damaged.add(file.file);
      else {
        waiting.files++;
        waiting.bytes += file.bytes;
        if (next.length < MOST_IN_A_TURN) next.push(file);
      }
    }
    const lookedMs = performance.now() - startedMs;
    [this.#copied, this.#damaged, this.#waiting] = [copied, damaged, waiting];
    this.#state = next.length > 0 ? 'copying' : 'ok';
    for (const file of next) {
      await this.#copy(file, signal);
      waiting.files--;
      waiting.bytes -= file.bytes;
    }
    if (waiting.files === 0) this.#state = 'ok';
    return { left: waiting.files, lookedMs };
  }

  async #copy(kept: KeptFile, signal: AbortSignal): Promise<void> {
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
      if (cause instanceof RuthError && cause.code === 'not_recorded') return;
      if (!(cause instanceof DamagedFile)) throw cause;
      this.#damaged.add(kept.file);
      return logger.error({ file: kept.file }, cause.message);
    }
    this.#copied!.set(kept.file, kept.bytes);
    this.#lastCopiedAt = Date.now() / 1000;
    this.counters.copied++;
    this.counters.copiedBytes += kept.bytes;
  }
}
