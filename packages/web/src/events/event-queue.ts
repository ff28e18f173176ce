// The stored events that a filter lets through, newest first, page by page; and whether newer ones have come since.
import type { EventPage, StoredEvent } from '@ruth/protocol';
import { Observable } from '../observable.ts';
import { ask, type Failure } from '../system/api.ts';
import { eventApiQuery, type EventFilter } from './event-filter.ts';

export interface QueueState {
  /** Null until the first page is there. */
  readonly events: readonly StoredEvent[] | null;
  readonly cursor: string | null;
  readonly loading: boolean;
  readonly failure: Failure | null;
  readonly newer: boolean;
}

const PAGE = 50;
const LOOK_EVERY_MS = 5000;

export class EventQueue extends Observable<QueueState> implements Disposable {
  readonly #filter: EventFilter;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(filter: EventFilter) {
    super({ events: null, cursor: null, loading: false, failure: null, newer: false });
    this.#filter = filter;
  }

  /** From the newest on. */
  async load(): Promise<void> {
    clearTimeout(this.#timer);
    this.set({ loading: true });
    const { value, failure } = await this.#ask(PAGE, null);
    if (this.#ended) return;
    if (value) this.set({ events: value.events, cursor: value.next_cursor, loading: false, failure: null, newer: false });
    else this.set({ loading: false, failure });
    this.#timer = setTimeout(() => void this.#look(), LOOK_EVERY_MS);
  }

  async more(): Promise<void> {
    const { events, cursor, loading } = this.get();
    if (loading || cursor === null) return;
    this.set({ loading: true });
    const { value, failure } = await this.#ask(PAGE, cursor);
    if (this.#ended) return;
    if (value) this.set({ events: [...events ?? [], ...value.events], cursor: value.next_cursor, loading: false, failure: null });
    else this.set({ loading: false, failure });
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  /** What is being reviewed is never moved by what comes: that there is more is only said, unless there was nothing. */
  async #look(): Promise<void> {
    const { value, failure } = await this.#ask(1, null);
    if (this.#ended) return;
    const newest = value?.events[0];
    const { events } = this.get();
    if (newest && (events === null || events.length === 0)) return this.load();
    this.set({ failure, newer: newest !== undefined && newest.event_id !== events?.[0]?.event_id });
    this.#timer = setTimeout(() => void this.#look(), LOOK_EVERY_MS);
  }

  #ask(limit: number, cursor: string | null) {
    const query = eventApiQuery(this.#filter, Date.now() / 1000);
    query.set('limit', String(limit));
    if (cursor !== null) query.set('cursor', cursor);
    return ask<EventPage>(`events?${query}`);
  }
}
