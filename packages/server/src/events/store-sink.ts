// The store as the sink of the events that are followed.
import type { CoreEvent, KernelEvent } from '@ruth/protocol';
import type { EventRecorder, EventSink } from '@ruth/transport/follow';
import type { EventSource, Store } from '../store/index.ts';
import { keptOf, type KeptEvent } from './event-row.ts';
import type { StoredEventTraces } from './stored-event-traces.ts';

export type StoreRecorder = EventRecorder<EventSource, CoreEvent | KernelEvent, KeptEvent>;

export interface StoreSinkOptions {
  readonly traces?: StoredEventTraces | null;
  /** Whether what a gap tells of came into the store by another way; it waits until that is known. */
  readonly filled?: (() => Promise<boolean>) | null;
  /** Events were added. */
  readonly onStored?: () => void;
}

export function storeSink(store: Store, { traces = null, filled = null, onStored }: StoreSinkOptions = {}): EventSink<EventSource, KeptEvent> {
  return {
    async append({ source, after, position, kept }) {
      let events = kept.flatMap(({ event }) => event ?? []);
      const isGap = ({ series: { type } }: (typeof events)[number]): boolean => type === 'gap';
      if (filled && events.some(isGap) && await filled()) events = events.filter((event) => !isGap(event));
      const stored = await store.write('append', { source, after, position, events, tracks: kept.flatMap(({ track }) => track ?? []) });
      if (stored > 0) onStored?.();
      for (const { trace } of kept) if (trace) traces?.stored(trace);
      return stored;
    },
    positionOf: (source) => store.write('positionOf', source),
  };
}

/** What is kept of each event, and of those that are traced when they came. */
export function keepWith(traces: StoredEventTraces | null): (event: CoreEvent | KernelEvent, text: string) => KeptEvent | null {
  if (!traces) return keptOf;
  return (event, text) => {
    const kept = keptOf(event, text);
    const trace = kept?.event ? traces.received(event) : null;
    return kept && trace ? { ...kept, trace } : kept;
  };
}
