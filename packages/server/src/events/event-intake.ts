// The events of one process on their way in: to the store, each exactly once, and to the pages that listen, as they come. The pages
// do not wait for the store, and the store not for the pages.
import type { CoreEvent, KernelEvent, Validator } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { EventFollower, EventRecorder, type StreamPosition } from '@ruth/transport/follow';
import type { EventSource, Store } from '../store/index.ts';
import { keepWith, storeSink, type StoreRecorder } from './store-sink.ts';
import { isSuperseded, MOST_REPLAYED, type LiveHub } from './live-hub.ts';
import type { StoredEventTraces } from './stored-event-traces.ts';

/** What a newer one would take the place of is not live any more when it comes this late: the server was away. */
const LIVE_WITHIN_S = 5;

export interface EventIntakeOptions<E> {
  readonly source: EventSource;
  readonly socketPath: string;
  readonly event: Validator<E>;
  readonly store: Store;
  readonly hub: LiveHub;
  readonly logger: Logger;
  /** Each event, once, as it comes. */
  readonly onEvent?: (event: E) => void;
  /** Events are in the store. */
  readonly onStored?: () => void;
  /** Where storing is traced; nowhere unless told. */
  readonly traces?: StoredEventTraces | null;
  /** Of a site: waits until what was missed has come by way of it. */
  readonly filled?: (() => Promise<boolean>) | null;
}

export class EventIntake<E extends CoreEvent | KernelEvent> {
  readonly source: EventSource;
  readonly recorder: StoreRecorder;
  readonly #follower: EventFollower<E>;
  readonly #hub: LiveHub;
  readonly #onEvent: ((event: E) => void) | undefined;
  #publishedId = -1;

  private constructor({ source, socketPath, event, store, hub, logger, onEvent, onStored, traces = null, filled = null }: EventIntakeOptions<E>, position: StreamPosition) {
    this.source = source;
    this.#hub = hub;
    this.#onEvent = onEvent;
    this.recorder = new EventRecorder({ source, sink: storeSink(store, { traces, filled, ...(onStored && { onStored }) }), keep: keepWith(traces), logger, position, resume: () => this.#follower.restart() });
    this.#follower = new EventFollower<E>({
      name: source, socketPath, logger, event,
      after: () => this.recorder.position.lastId,
      onOpen: () => this.recorder.opened(),
      onEvent: (received, text) => this.#receive(received, text),
    });
  }

  /** Begins where the store is. Throws `store_unavailable`. */
  static async begin<E extends CoreEvent | KernelEvent>(options: EventIntakeOptions<E>): Promise<EventIntake<E>> {
    const { source, store, hub } = options;
    for (const text of await store.write('newestEvents', source, MOST_REPLAYED)) hub.remember({ source, event: JSON.parse(text) as E, text });
    return new EventIntake(options, await store.write('positionOf', source));
  }

  /** Ends when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#follower.run(signal), this.recorder.run(signal)]);
  }

  #receive(event: E, text: string): void {
    this.recorder.offer(event, text);
    // Sent again for the store.
    if (event.id <= this.#publishedId && event.type !== 'gap') return;
    this.#publishedId = event.id;
    if (isSuperseded(event) && event.at < Date.now() / 1000 - LIVE_WITHIN_S) return;
    this.#hub.publish(event, text, this.source);
    this.#onEvent?.(event);
  }
}
