// Brings the events of one process into the store, in batches, each exactly once. What waits is bounded: while the store cannot be
// written to, later events are let go, and once it can they are asked for again from where the store is.
import { setTimeout as sleep } from 'node:timers/promises';
import { RuthError, type CoreEvent, type KernelEvent } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import type { EventSource, Store, StreamPosition } from '../store/index.ts';
import { keptOf, type KeptEvent } from './event-row.ts';

const MOST_WAITING = 8192;
const MOST_WAITING_CHARACTERS = 8 * 1024 * 1024;
const BATCH = 512;
/** Events that come one by one are written together. */
const GATHER_MS = 20;
/** What is not kept moves the position now and then only. */
const POSITION_EVERY_MS = 5000;
const backOff = new ExponentialBackoff({ initialDelay: 100, maxDelay: 5000 });

export interface EventRecorderOptions {
  readonly source: EventSource;
  readonly store: Store;
  readonly logger: Logger;
  /** Where the store is. */
  readonly position: StreamPosition;
  /** Lets the source send anew what comes after `position`. */
  readonly resume: () => void;
}

interface Waiting { readonly position: StreamPosition; readonly kept: KeptEvent | null; readonly characters: number }

export class EventRecorder {
  readonly counters = { stored: 0, batches: 0, failures: 0, lettingGo: 0 };
  readonly #options: EventRecorderOptions;
  /** In the store. */
  #stored: StreamPosition;
  #storedMs = -Infinity;
  /** Of the newest that was offered. */
  #offered: StreamPosition;
  readonly #waiting: Waiting[] = [];
  #waitingCharacters = 0;
  /** Events are let go until the source sends them again. */
  #isBehind = false;
  #wake: (() => void) | null = null;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#stored = this.#offered = options.position;
  }

  get waiting(): number { return this.#waiting.length; }
  /** The source is to be asked for what comes after this. */
  get position(): StreamPosition { return this.#offered; }

  /** The source begins to send what comes after what it was asked for. */
  opened(): void {
    this.#isBehind = false;
  }

  offer(event: CoreEvent | KernelEvent, text: string): void {
    const isAgain = event.id <= this.#offered.lastId;
    // A gap with a lower id: the ids of the source began anew.
    const epoch = this.#offered.epoch + (isAgain && event.type === 'gap' ? 1 : 0);
    if (this.#isBehind || (isAgain && epoch === this.#offered.epoch)) return;
    if (this.#waiting.length >= MOST_WAITING || this.#waitingCharacters >= MOST_WAITING_CHARACTERS) {
      this.counters.lettingGo++;
      this.#isBehind = true;
      this.#options.logger.warn(`events of ${this.#options.source} wait for the store: later ones will be fetched again once it can be written to`);
      return;
    }
    // Nothing was missed by a store that never followed.
    const isFirstGap = event.type === 'gap' && this.#offered.lastId < 0;
    this.#offered = { epoch, lastId: event.id };
    this.#waiting.push({ position: this.#offered, kept: isFirstGap ? null : keptOf(event, text), characters: text.length });
    this.#waitingCharacters += text.length;
    this.#wake?.();
  }

  /** Ends when `signal` aborts, after a last try to store what waits. */
  async run(signal: AbortSignal): Promise<void> {
    let wait: IBackoff<unknown> | null = null;
    while (!signal.aborted) {
      if (this.#waiting.length === 0) await this.#woken(signal);
      if (this.#waiting.length < BATCH) await sleep(GATHER_MS, undefined, { signal }).catch(() => undefined);
      try {
        await this.#store();
        wait = null;
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
    const kept = batch.flatMap((waiting) => waiting.kept ?? []);
    const events = kept.flatMap(({ event }) => event ?? []);
    const tracks = kept.flatMap(({ track }) => track ?? []);
    const { source, store } = this.#options;
    if (events.length === 0 && tracks.length === 0 && performance.now() - this.#storedMs < POSITION_EVERY_MS) {
      this.#forget(batch.length);
      return;
    }
    try {
      await store.write('append', { source, after: this.#stored, position, events, tracks });
    } catch (error) {
      if ((error as RuthError).code !== 'conflict') throw error;
      // The answer to a batch before was lost on its way, or another server writes into the same database.
      await this.#catchUp();
      return;
    }
    this.#stored = position;
    this.#storedMs = performance.now();
    this.#forget(batch.length);
    this.counters.stored += events.length;
    this.counters.batches++;
  }

  async #catchUp(): Promise<void> {
    const stored = await this.#options.store.write('positionOf', this.#options.source);
    const isIn = ({ position }: Waiting): boolean => position.epoch < stored.epoch || (position.epoch === stored.epoch && position.lastId <= stored.lastId);
    this.#stored = stored;
    const firstNew = this.#waiting.findIndex((waiting) => !isIn(waiting));
    this.#forget(firstNew < 0 ? this.#waiting.length : firstNew);
  }

  #forget(count: number): void {
    for (const { characters } of this.#waiting.splice(0, count)) this.#waitingCharacters -= characters;
  }

  #failed({ code, message }: RuthError, delayMs: number): void {
    this.counters.failures++;
    this.#options.logger.error({ code, waiting: this.#waiting.length, next_try_in_ms: Math.round(delayMs) }, `events of ${this.#options.source} could not be stored: ${message}`);
  }
}
