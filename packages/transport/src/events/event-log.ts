// The ordered stream of a process's events: ids grow by one, the newest are kept for consumers that come back, bounded in
// count and bytes. An event is written once, as text, for all consumers, and is emitted once it is in the store.
import { EVENT_VERSION, type GapEvent } from '@ruth/protocol';
import { EventStore } from './event-store.ts';

const MAX_EVENTS = 4096;
const MAX_BYTES = 4 * 1024 * 1024;
/** Events that consumers who keep up have not yet taken. */
const RECENT = 32;

export interface EventLogOptions {
  /** Wall clock, milliseconds UTC. */
  readonly utcMs: () => number;
  /** Where they are kept: ids go on after those that it holds. Memory of this process unless told, for the next two options. */
  readonly store?: EventStore;
  readonly maxEvents?: number;
  readonly maxBytes?: number;
}

/** What every event has. */
type Envelope = Pick<GapEvent, 'id' | 'version' | 'at'>;
/** An event without what the log gives it. */
export type EventContent<E extends Envelope> = E extends Envelope ? Omit<E, keyof Envelope> : never;

export interface LoggedEvent { readonly id: number; readonly text: string }

export class EventLog<E extends Envelope> {
  readonly #utcMs: () => number;
  readonly #store: EventStore;
  /** The newest, by id modulo their count: as they are for consumers that keep up, also where one is too long for the store. */
  readonly #recent = new Array<LoggedEvent | undefined>(RECENT);
  #nextId: number;
  readonly #listeners = new Set<() => void>();

  constructor({ utcMs, maxEvents = MAX_EVENTS, maxBytes = MAX_BYTES, store = EventStore.inMemory(maxBytes, maxEvents) }: EventLogOptions) {
    this.#utcMs = utcMs;
    this.#store = store;
    // From the clock, so that ids go on growing over a restart and no consumer takes the new events for old ones.
    this.#nextId = store.newestId === null ? Math.floor(utcMs()) * 1000 : store.newestId + 1;
  }

  get newestId(): number { return this.#nextId - 1; }

  append(content: EventContent<E>): E {
    const event = { id: this.#nextId++, version: EVENT_VERSION, at: this.#utcMs() / 1000, ...content } as unknown as E;
    const text = JSON.stringify(event);
    this.#store.append(event.id, text);
    this.#recent[event.id % RECENT] = { id: event.id, text };
    for (const listener of this.#listeners) listener();
    return event;
  }

  /**
   * The event after that id; null where there is none yet. Where the log does not reach back so far, or never gave out
   * such an id, a `gap` whose id resumes at the oldest event there is.
   */
  after(id: number): LoggedEvent | null {
    if (id === this.newestId) return null;
    const next = id + 1;
    const oldest = this.#oldestId();
    if (next >= oldest && next < this.#nextId) {
      const recent = this.#recent[next % RECENT];
      return recent?.id === next ? recent : { id: next, text: this.#store.read(next)! };
    }
    const gap: GapEvent = { id: oldest - 1, version: EVENT_VERSION, at: this.#utcMs() / 1000, type: 'gap', asked_after: id, oldest };
    return { id: gap.id, text: JSON.stringify(gap) };
  }

  /** Calls `listener` after each new event, until the returned function is called. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next id where there is none. The newest is at hand also where it does not fit into the store. */
  #oldestId(): number {
    return this.#store.oldestId ?? (this.#recent[this.newestId % RECENT]?.id === this.newestId ? this.newestId : this.#nextId);
  }
}
