// The ordered stream of a process's events: ids grow by one, the newest are kept for consumers that come back, bounded in
// count and bytes. An event is written once, as text, for all consumers.
import { EVENT_VERSION, type GapEvent } from '@ruth/protocol';

const MAX_EVENTS = 4096;
const MAX_BYTES = 32 * 1024 * 1024;

export interface EventLogOptions {
  /** Wall clock, milliseconds UTC. */
  readonly utcMs: () => number;
  readonly maxEvents?: number;
  readonly maxBytes?: number;
}

/** What every event has. */
type Envelope = Pick<GapEvent, 'id' | 'version' | 'at'>;
/** An event without what the log gives it. */
export type EventContent<E extends Envelope> = E extends Envelope ? Omit<E, keyof Envelope> : never;

export interface LoggedEvent { readonly id: number; readonly text: string }

export class EventLog<E extends Envelope> {
  readonly #options: Required<EventLogOptions>;
  readonly #events: LoggedEvent[] = [];
  /** Of #events, those before it were let go and await their removal. */
  #first = 0;
  #bytes = 0;
  #nextId: number;
  readonly #listeners = new Set<() => void>();

  constructor({ utcMs, maxEvents = MAX_EVENTS, maxBytes = MAX_BYTES }: EventLogOptions) {
    this.#options = { utcMs, maxEvents, maxBytes };
    // From the clock, so that ids go on growing over a restart and no consumer takes the new events for old ones.
    this.#nextId = Math.floor(utcMs()) * 1000;
  }

  get newestId(): number { return this.#nextId - 1; }

  append(content: EventContent<E>): E {
    const event = { id: this.#nextId++, version: EVENT_VERSION, at: this.#options.utcMs() / 1000, ...content } as unknown as E;
    const text = JSON.stringify(event);
    this.#events.push({ id: event.id, text });
    this.#bytes += text.length;
    while (this.#events.length - this.#first > this.#options.maxEvents || (this.#bytes > this.#options.maxBytes && this.#events.length - this.#first > 1)) {
      this.#bytes -= this.#events[this.#first++]!.text.length;
    }
    if (this.#first >= this.#options.maxEvents) this.#first -= this.#events.splice(0, this.#first).length;
    for (const listener of this.#listeners) listener();
    return event;
  }

  /**
   * The event after that id; null where there is none yet. Where the log does not reach back so far, or never gave out
   * such an id, a `gap` whose id resumes at the oldest event there is.
   */
  after(id: number): LoggedEvent | null {
    const oldest = this.#events[this.#first]?.id ?? this.#nextId;
    if (id === this.newestId) return null;
    if (id >= oldest - 1 && id < this.newestId) return this.#events[this.#first + id + 1 - oldest]!;
    const gap: GapEvent = { id: oldest - 1, version: EVENT_VERSION, at: this.#options.utcMs() / 1000, type: 'gap', asked_after: id, oldest };
    return { id: gap.id, text: JSON.stringify(gap) };
  }

  /** Calls `listener` after each new event, until the returned function is called. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
