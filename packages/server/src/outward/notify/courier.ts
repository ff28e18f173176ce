// Brings stored events of one node to one target, in order. How far it came is in the store: what was stored while the target, or the server, was away is brought
// later, and again where nobody knows whether it arrived (its `event_id` tells). A target that takes nothing is waited for; an event that alone is not taken becomes a dead letter.
import { setTimeout as sleep } from 'node:timers/promises';
import { ERRORS, RuthError } from '@ruth/protocol';
import type { FoundEvent } from '../../store/index.ts';
import type { CourierCounts, CourierOptions, CourierState } from './courier-options.ts';
import { Folding } from './folding.ts';
import { Cooldown, hearingOf, isQuiet } from './hearing.ts';

const BATCH = 64;
const LOOK_EVERY_MS = 5000;
/** Then whether a later event is taken decides. */
const RETRIES_MS = [1000, 2000, 5000, 15_000] as const;
const WAIT_MS = 30_000;
/** So far the store may be behind what was looked through and is of no concern. */
const MOST_UNMOVED = 1000;

interface Untaken { readonly attempts: number; readonly error: string }

export class Courier {
  readonly counts: CourierCounts;
  readonly node: string | null;
  readonly #options: CourierOptions;
  readonly #cooldown = new Cooldown();
  readonly #folding: Folding;
  #wake = new AbortController();
  /** Up to here there is nothing else of this node. */
  #seenTo = 0;
  #moved = 0;
  /** Delivered before one that stood before them; of one batch. */
  readonly #ahead = new Set<number>();

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#folding = new Folding(options.folding);
    this.node = options.node ?? null;
    this.counts = options.counts ?? { delivered: 0, unheard: 0, quiet: 0, failed: 0, deadLetters: 0, lastError: null };
  }

  get name(): string { return this.#options.target.name; }
  get state(): CourierState { return this.#isThere() ? this.counts : { ...this.counts, lastError: 'it is not there' }; }

  /** There may be something new, or the target be there again. */
  poke(): void { this.#wake.abort(); }

  /** Ends when `signal` aborts; what is being delivered then is waited for, and noted. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, lookEveryMs = LOOK_EVERY_MS } = this.#options;
    let problem: string | null = null;
    while (!signal.aborted) {
      // What comes from here on wakes it.
      this.#wake = new AbortController();
      try {
        if (this.#mayBring() && this.#isThere() && await this.#bringSome(signal)) continue;
        problem = null;
      } catch (error) {
        const { code, message } = RuthError.from(error);
        if (!signal.aborted && code !== 'conflict' && problem !== message) logger.warn(`${this.name} waits for the store: ${message}`);
        // oxlint-disable-next-line no-useless-assignment -- the next round reads it
        problem = message;
      }
      await sleep(lookEveryMs, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(() => undefined);
    }
  }

  /** Once, at somebody's wish. Throws what the target throws. */
  async again(event: FoundEvent): Promise<void> { await this.#deliver(event); }

  #mayBring(): boolean { return this.#options.mayBring?.() ?? true; }
  #isThere(): boolean { return this.#options.target.isThere?.() ?? true; }

  /** True where there is more. */
  async #bringSome(signal: AbortSignal): Promise<boolean> {
    const { store } = this.#options;
    const position = await store.write('courierPosition', this.name, this.node);
    // Another server, or none, brought it from there: the database may have been put back.
    if (position !== this.#moved) {
      [this.#moved, this.#seenTo] = [position, position];
      this.#ahead.clear();
    }
    const { events, seenTo } = await store.read('eventsOfNode', this.node, this.#seenTo, BATCH);
    const { takesMany = false } = this.#options.target;
    const brought = takesMany ? await this.#bringAtOnce(events) : 0;
    for (const [index, event] of events.entries()) {
      if (index < brought) continue;
      if (signal.aborted || !this.#mayBring()) return false;
      const later = events.slice(index + 1);
      const waitsMs = this.#options.target.folds && !this.#ahead.has(event.id) && this.#fits(event) ? this.#folding.waitMs(event) : 0;
      if (waitsMs > 0) {
        await this.#bringMeanwhile(later, signal);
        await sleep(waitsMs, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(() => undefined);
        return true;
      }
      if (!this.#ahead.delete(event.id) && this.#isHeard(event)) {
        const alike = this.#options.target.folds ? this.#folding.alike(event, later.filter((one) => !this.#ahead.has(one.id) && this.#fits(one))) : [];
        const untaken = await this.#tryUntilTaken(event, later, signal, alike);
        if (untaken === null) {
          this.#folding.told(event);
          for (const { id } of alike) this.#ahead.add(id);
          await this.#move(event.id);
        }
        else if (untaken === 'stopped') return false;
        else await this.#bury(event, untaken);
      }
      this.#seenTo = event.id;
      // Those after it at once again.
      if (takesMany) return true;
    }
    this.#seenTo = seenTo;
    const last = events.at(-1)?.id ?? 0;
    if (last > this.#moved) await this.#move(last);
    else if (seenTo - this.#moved >= MOST_UNMOVED) await this.#move(seenTo);
    return events.length === BATCH;
  }

  /** All at once, to a target that takes them in that order: how many of the first are done with. */
  async #bringAtOnce(events: readonly FoundEvent[]): Promise<number> {
    const { hears } = this.#options;
    const heard = events.filter((event) => !this.#ahead.has(event.id) && hearingOf(hears, event) !== null);
    const results = await Promise.allSettled(heard.map((event) => this.#deliver(event)));
    const failed = results.findIndex(({ status }) => status === 'rejected');
    const brought = failed < 0 ? events : events.slice(0, events.indexOf(heard[failed]!));
    for (const { id } of brought) this.#ahead.delete(id);
    for (const [index, { id }] of heard.entries()) if (failed >= 0 && index > failed && results[index]!.status === 'fulfilled') this.#ahead.add(id);
    this.#seenTo = brought.at(-1)?.id ?? this.#seenTo;
    if (failed > 0) await this.#move(this.#seenTo);
    return brought.length;
  }

  #isHeard(event: FoundEvent): boolean {
    const { hears, timeZone } = this.#options;
    const hearing = hearingOf(hears, event);
    if (hearing === null) this.counts.unheard++;
    else if (isQuiet(hearing, event.atUs / 1000, timeZone) || this.#cooldown.holds(hearing, event)) this.counts.quiet++;
    else return true;
    return false;
  }

  /** As `#isHeard`, uncounted. */
  #fits(event: FoundEvent): boolean {
    const { hears, timeZone } = this.#options;
    const hearing = hearingOf(hears, event);
    return hearing !== null && !isQuiet(hearing, event.atUs / 1000, timeZone) && !this.#cooldown.holds(hearing, event);
  }

  /** What is told by itself does not wait behind what waits for others like it. One that is not taken has its turn later. */
  async #bringMeanwhile(later: readonly FoundEvent[], signal: AbortSignal): Promise<void> {
    for (const event of later) {
      if (signal.aborted || !this.#mayBring()) return;
      if (this.#ahead.has(event.id) || !this.#folding.isAlone(event) || !this.#fits(event)) continue;
      try {
        await this.#deliver(event);
        this.#ahead.add(event.id);
      } catch (cause) {
        this.#failed(cause);
        return;
      }
    }
  }

  /**
   * Null where it arrived; 'stopped' where nothing more is to be tried. While nothing else arrives either, the target is away, and it is tried again; where a later
   * event does, it is this one that the target does not take.
   */
  async #tryUntilTaken(event: FoundEvent, later: readonly FoundEvent[], signal: AbortSignal, alike: readonly FoundEvent[]): Promise<Untaken | 'stopped' | null> {
    const { name, logger, retriesMs = RETRIES_MS, waitMs = WAIT_MS } = { name: this.name, ...this.#options };
    let isLaterTaken = false;
    for (let attempts = 1; ; attempts++) {
      if (!await this.#isReady(signal)) return 'stopped';
      try {
        await this.#deliver(event, alike);
        return null;
      } catch (cause) {
        const error = this.#failed(cause);
        const isRefused = !ERRORS[RuthError.from(cause).code].retryable;
        if (isLaterTaken || (isRefused && later.some(({ id }) => this.#ahead.has(id)))) return { attempts, error };
        if (attempts === 1) logger.warn(`${name}: ${error}; it is tried again`);
      }
      isLaterTaken = attempts > retriesMs.length && await this.#isReady(signal) && await this.#isLaterTaken(event, later);
      // The target may have come back between the two.
      if (isLaterTaken) continue;
      // With jitter, so that many servers do not come at once.
      await sleep((retriesMs[attempts - 1] ?? waitMs) * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Waits for a target that says that it is not there. False where nothing is to be brought any more. */
  async #isReady(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted && this.#mayBring()) {
      if (this.#isThere()) return true;
      this.#wake = new AbortController();
      await sleep(this.#options.lookEveryMs ?? LOOK_EVERY_MS, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(() => undefined);
    }
    return false;
  }

  async #isLaterTaken({ id }: FoundEvent, later: readonly FoundEvent[]): Promise<boolean> {
    if (later.some((event) => this.#ahead.has(event.id))) return true;
    const fits = (event: FoundEvent): boolean => this.#fits(event);
    const next = later.find(fits) ?? (await this.#options.store.read('eventsOfNode', this.node, later.at(-1)?.id ?? id, BATCH)).events.find(fits);
    if (!next) return false;
    try {
      await this.#deliver(next);
      this.#ahead.add(next.id);
      return true;
    } catch (cause) {
      this.#failed(cause);
      return false;
    }
  }

  #failed(cause: unknown): string {
    const { message } = RuthError.from(cause);
    this.counts.failed++;
    this.counts.lastError = message;
    return message;
  }

  async #move(eventId: number): Promise<void> {
    await this.#options.store.write('moveCourier', this.name, eventId, this.node);
    this.#moved = eventId;
  }

  async #bury(event: FoundEvent, { attempts, error }: Untaken): Promise<void> {
    this.counts.deadLetters++;
    this.#options.logger.error(`${this.name}: event ${event.id} is not taken, though a later one is, and is a dead letter: ${error}`);
    await this.#options.store.write('buryEvent', { target: this.name, event_id: event.id, at_us: Date.now() * 1000, attempts, error: error.slice(0, 500) }, this.node);
    this.#moved = event.id;
  }

  async #deliver(event: FoundEvent, alike: readonly FoundEvent[] = []): Promise<void> {
    const { target, hears, asStored, picture, names } = this.#options;
    await target.deliver({ event: asStored(event), alike: alike.map(asStored), names, picture: async () => (alike.length > 0 ? null : picture(event).catch(() => null)) });
    for (const one of [event, ...alike]) {
      const hearing = hearingOf(hears, one);
      if (hearing) this.#cooldown.heard(hearing, one);
    }
    this.counts.delivered += 1 + alike.length;
    this.counts.lastError = null;
  }
}
