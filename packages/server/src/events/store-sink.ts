// The store as the sink of the events that are followed.
import type { CoreEvent, KernelEvent } from '@ruth/protocol';
import type { EventRecorder, EventSink } from '@ruth/transport/follow';
import type { EventSource, Store } from '../store/index.ts';
import type { KeptEvent } from './event-row.ts';

export type StoreRecorder = EventRecorder<EventSource, CoreEvent | KernelEvent, KeptEvent>;

export function storeSink(store: Store): EventSink<EventSource, KeptEvent> {
  return {
    async append({ source, after, position, kept }) {
      const events = kept.flatMap(({ event }) => event ?? []);
      await store.write('append', { source, after, position, events, tracks: kept.flatMap(({ track }) => track ?? []) });
      return events.length;
    },
    positionOf: (source) => store.write('positionOf', source),
  };
}
