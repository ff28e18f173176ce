// Brings the events of one process to where they are kept, the sink, in batches, each exactly once. What waits is bounded: while the sink cannot
// be written to, later events are let go, and once it can they are asked for again from where the sink is.
import { setTimeout as sleep } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { RepeatedWarning, type Logger } from '../process/index.ts';

const MOST_WAITING = 8192;
const MOST_WAITING_CHARACTERS = 8 * 1024 * 1024;
const BATCH = 512;
const GATHER_MS = 20;
/** What is not kept moves the position now and then only. */
const POSITION_EVERY_MS = 5000;
const backOff = new ExponentialBackoff({ initialDelay: 100, maxDelay: 5000 });

/** Where in the stream of a source. */
export interface StreamPosition {
  /** Grows where the ids of the source began anew. */
  readonly epoch: number;
  /** -1 before the first. */
  readonly lastId: number;
}

/** What every followed event has. */
export interface FollowedEvent { readonly id: number; readonly type: string }

export interface SinkBatch<S extends string, K> {
  readonly source: S;
  /** Where the recorder believes the sink to be. */
  readonly after: StreamPosition;
  /** Where it is with this batch in it. */
  readonly position: StreamPosition;
  readonly kept: readonly K[];
}

/** Keeps batches whole or not at all, each together with its position. */
export interface EventSink<S extends string, K> {
  /** How many events it keeps of them. Throws `conflict` where it is not where the batch believes it to be; then nothing is kept. */
  append(batch: SinkBatch<S, K>): Promise<number>;
  positionOf(source: S): Promise<StreamPosition>;
}

export interface EventRecorderOptions<S extends string, E extends FollowedEvent, K> {
  readonly source: S;
  readonly sink: EventSink<S, K>;
  /** What is to be kept of an event; null where nothing is. `text`: as it was written. */
  readonly keep: (event: E, text: string, position: StreamPosition) => K | null;
  readonly logger: Logger;
  /** Where the sink is. */
  readonly position: StreamPosition;
  /** Lets the source send anew what comes after `position`. */
  readonly resume: () => void;
  /** Events that come one by one are written together; 20 ms unless told. */
  readonly gatherMs?: number;
}

interface Waiting<K> { readonly position: StreamPosition; readonly kept: K | null; readonly characters: number }

export class EventRecorder<S extends string, E extends FollowedEvent, K> {
  readonly counters = { stored: 0, batches: 0, failures: 0, lettingGo: 0 };
  readonly #options: EventRecorderOptions<S, E, K>;
  readonly #warning: RepeatedWarning;
  /** In the sink. */
  #stored: StreamPosition;
  #storedMs = -Infinity;
  /** Of the newest that was offered. */
  #offered: StreamPosition;
  readonly #waiting: Waiting<K>[] = [];
  #waitingCharacters = 0;
  /** Events are let go until the source sends them again. */
  #isBehind = false;
  #wake: (() => void) | null = null;

  constructor(options: EventRecorderOptions<S, E, K>) {
    this.#options = options;
    this.#warning = new RepeatedWarning(options.logger);
    this.#stored = this.#offered = options.position;
  }

  get waiting(): number { return this.#waiting.length; }
  /** The source is to be asked for what comes after this. */
  get position(): StreamPosition { return this.#offered; }

  /** The source begins to send what comes after what it was asked for. */
  opened(): void {
    this.#isBehind = false;
  }

  offer(event: E, text: string): void {
    const isAgain = event.id <= this.#offered.lastId;
    // A gap with a lower id: the ids of the source began anew.
    const epoch = this.#offered.epoch + (isAgain && event.type === 'gap' ? 1 : 0);
    if (this.#isBehind || (isAgain && epoch === this.#offered.epoch)) return;
    if (this.#waiting.length >= MOST_WAITING || this.#waitingCharacters >= MOST_WAITING_CHARACTERS) {
      this.counters.lettingGo++;
      this.#isBehind = true;
      this.#options.logger.warn(`events of ${this.#options.source} wait to be stored: later ones will be fetched again once that goes on`);
      return;
    }
    // Nothing was missed by a sink that never followed.
    const isFirstGap = event.type === 'gap' && this.#offered.lastId < 0;
    this.#offered = { epoch, lastId: event.id };
    this.#waiting.push({ position: this.#offered, kept: isFirstGap ? null : this.#options.keep(event, text, this.#offered), characters: text.length });
    this.#waitingCharacters += text.length;
    this.#wake?.();
  }

  /** Ends when `signal` aborts, after a last try to store what waits. */
  async run(signal: AbortSignal): Promise<void> {
    let wait: IBackoff<unknown> | null = null;
    while (!signal.aborted) {
      if (this.#waiting.length === 0) await this.#woken(signal);
      if (this.#waiting.length < BATCH) await sleep(this.#options.gatherMs ?? GATHER_MS, undefined, { signal }).catch(() => undefined);
      try {
        await this.#store();
        wait = null;
        this.#warning.over();
      } catch (error) {
        if (signal.aborted) break;
        wait = wait ? wait.next(undefined) : backOff.next();
        this.#failed(RuthError.from(error), wait.duration);
        await sleep(wait.duration, undefined, { signal }).catch(() => undefined);
      }
      if (this.#isBehind && this.#waiting.length === 0) this.#options.resume();
    }
    while (this.#waiting.length > 0) {
      const left = this.#waiting.length;
      await this.#store().catch(() => undefined);
      if (this.#waiting.length === left) return;
    }
  }

  #woken(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    signal.addEventListener('abort', () => resolve(), { once: true });
    return promise.finally(() => { this.#wake = null; });
  }

  async #store(): Promise<void> {
    const batch = this.#waiting.slice(0, BATCH);
    const position = batch.at(-1)?.position;
    if (!position) return;
    const kept = batch.flatMap((waiting) => (waiting.kept === null ? [] : [waiting.kept]));
    const { source, sink } = this.#options;
    if (kept.length === 0 && performance.now() - this.#storedMs < POSITION_EVERY_MS) {
      this.#forget(batch.length);
      return;
    }
    let stored: number;
    try {
      stored = await sink.append({ source, after: this.#stored, position, kept });
    } catch (error) {
      if ((error as RuthError).code !== 'conflict') throw error;
      // The answer to a batch before was lost on its way, or another one writes to the same sink.
      await this.#catchUp();
      return;
    }
    this.#stored = position;
    this.#storedMs = performance.now();
    this.#forget(batch.length);
    this.counters.stored += stored;
    this.counters.batches++;
  }

  async #catchUp(): Promise<void> {
    const stored = await this.#options.sink.positionOf(this.#options.source);
    const isIn = ({ position }: Waiting<K>): boolean => position.epoch < stored.epoch || (position.epoch === stored.epoch && position.lastId <= stored.lastId);
    this.#stored = stored;
    const firstNew = this.#waiting.findIndex((waiting) => !isIn(waiting));
    this.#forget(firstNew < 0 ? this.#waiting.length : firstNew);
  }

  #forget(count: number): void {
    for (const { characters } of this.#waiting.splice(0, count)) this.#waitingCharacters -= characters;
  }

  #failed({ code, message }: RuthError, delayMs: number): void {
    this.counters.failures++;
    this.#warning.warn({ code, waiting: this.#waiting.length, next_try_in_ms: Math.round(delayMs) }, `events of ${this.#options.source} could not be stored: ${message}`);
  }
}
