// Brings stored events to one target, in order. How far it came is in the store: what was stored while the target, or this server, was away is brought
// later, and again where nobody knows whether it arrived (its `event_id` tells). What cannot be delivered after many tries becomes a dead letter.
import { setTimeout as sleep } from 'node:timers/promises';
import { RuthError, type StoredEvent } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { FoundEvent, Store } from '../../store/index.ts';
import { Cooldown, hearingOf, isQuiet } from './hearing.ts';
import type { Target } from './targets.ts';

const BATCH = 64;
const LOOK_EVERY_MS = 5000;
/** Doubling: the last one comes after about half an hour. */
const RETRIES_MS = [1000, 2000, 5000, 15_000, 60_000, 300_000, 900_000] as const;

export interface CourierOptions {
  readonly target: Target;
  readonly store: Store;
  readonly logger: Logger;
  readonly timeZone: string | null;
  readonly asStored: (event: FoundEvent) => Omit<StoredEvent, 'seen' | 'recorded'>;
  readonly picture: (event: FoundEvent) => Promise<Buffer | null>;
  /** Waits between tries, in milliseconds; then it is a dead letter. */
  readonly retriesMs?: readonly number[];
}

export interface CourierState { readonly delivered: number; readonly unheard: number; readonly quiet: number; readonly failed: number; readonly deadLetters: number; readonly lastError: string | null }

export class Courier {
  readonly #options: CourierOptions;
  readonly #cooldown = new Cooldown();
  #state = { delivered: 0, unheard: 0, quiet: 0, failed: 0, deadLetters: 0, lastError: null as string | null };
  #wake = new AbortController();

  constructor(options: CourierOptions) { this.#options = options; }

  get name(): string { return this.#options.target.name; }
  get state(): CourierState { return this.#state; }

  /** There may be something new. */
  poke(): void { this.#wake.abort(); }

  /** Ends when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, logger } = this.#options;
    while (!signal.aborted) {
      try {
        const after = await store.write('courierPosition', this.name);
        const events = await store.read('ownEventsAfter', after, BATCH);
        for (const event of events) {
          if (signal.aborted) return;
          await this.#bring(event, signal);
        }
        if (events.length === BATCH) continue;
      } catch (error) {
        if (!signal.aborted) logger.warn(`${this.name} waits for the store: ${RuthError.from(error).message}`);
      }
      this.#wake = new AbortController();
      await sleep(LOOK_EVERY_MS, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(() => undefined);
    }
  }

  /** Once, at somebody's wish. Throws what the target throws. */
  async again(event: FoundEvent): Promise<void> { await this.#deliver(event); }

  async #bring(event: FoundEvent, signal: AbortSignal): Promise<void> {
    const { target: { hears }, store, timeZone } = this.#options;
    const hearing = hearingOf(hears, event);
    if (hearing === null) this.#state.unheard++;
    else if (isQuiet(hearing, event.atUs / 1000, timeZone) || this.#cooldown.holds(hearing, event)) this.#state.quiet++;
    else {
      const error = await this.#tries(event, signal);
      if (signal.aborted) return;
      if (error !== null) {
        this.#state.deadLetters++;
        this.#options.logger.error(`${this.name}: event ${event.id} could not be delivered and is a dead letter: ${error}`);
        await store.write('buryEvent', { target: this.name, event_id: event.id, at_us: Date.now() * 1000, attempts: this.#retriesMs.length + 1, error: error.slice(0, 500) });
        return;
      }
    }
    await store.write('moveCourier', this.name, event.id);
  }

  get #retriesMs(): readonly number[] { return this.#options.retriesMs ?? RETRIES_MS; }

  /** Null where it arrived, else why not. */
  async #tries(event: FoundEvent, signal: AbortSignal): Promise<string | null> {
    for (const [index, waitMs] of [...this.#retriesMs, null].entries()) {
      try {
        await this.#deliver(event);
        return null;
      } catch (cause) {
        const { message } = RuthError.from(cause);
        this.#state.failed++;
        this.#state.lastError = message;
        if (index === 0) this.#options.logger.warn(`${this.name}: ${message}; it is tried again`);
        if (waitMs === null) return message;
        // With jitter, so that many servers do not come at once.
        await sleep(waitMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return message;
      }
    }
    return null;
  }

  async #deliver(event: FoundEvent): Promise<void> {
    const { target, asStored, picture } = this.#options;
    await target.deliver({ event: asStored(event), picture: () => picture(event).catch(() => null) });
    this.#state.delivered++;
    this.#state.lastError = null;
  }
}
