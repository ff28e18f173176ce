// What the process of the outbox answers on its Unix socket: health, metrics, and to the server beside it what the site's stream holds.
import type { Server } from 'node:http';
import { RuthError, type SiteEventBatch } from '@ruth/protocol';
import { Metrics, processMetrics, processServer, valueMetric, type Metric } from '@ruth/transport';
import packageJson from '../../package.json' with { type: 'json' };
import type { EventPublisher } from './event-publisher.ts';
import type { OutboxState } from './outbox.ts';
import type { SitePosition, SiteReader } from './site-reader.ts';

export interface OutboxSnapshot { readonly state: OutboxState; readonly connected: boolean; readonly counters: EventPublisher['counters'] }

export const OUTBOX_METRICS: readonly Metric<OutboxSnapshot>[] = [
  valueMetric('gauge', 'events_waiting', 'Events of this node that the site does not have yet', ({ state }) => state.waiting),
  valueMetric('gauge', 'bytes', 'Bytes of the events that wait', ({ state }) => state.bytes),
  valueMetric('gauge', 'oldest_age_seconds', 'Age of the oldest event that waits; 0 where none does', ({ state }) => state.oldestAgeS),
  valueMetric('counter', 'events_dropped_total', 'Events let go because too many waited, or for too long, since the outbox was made', ({ state }) => state.dropped),
  valueMetric('gauge', 'site_connected', '1 while a NATS server of the site is there', ({ connected }) => Number(connected)),
  valueMetric('counter', 'events_published_total', 'Events that JetStream took', ({ counters }) => counters.published),
  valueMetric('counter', 'events_duplicate_total', 'Of these, those that it had already', ({ counters }) => counters.duplicates),
  valueMetric('counter', 'publish_failures_total', 'Times that JetStream did not take what was sent; it is sent again', ({ counters }) => counters.failures),
  valueMetric('counter', 'events_too_large_total', 'Events larger than the NATS servers take, in whose place a gap was sent', ({ counters }) => counters.tooLarge),
];

/** Nothing came: who asks comes again. Shorter than anybody waits for an answer. */
const WAIT_MS = 5000;

/** `reader`: null while no NATS server of the site was there yet. */
export function outboxServer(look: () => OutboxSnapshot, reader: () => SiteReader | null): Server {
  const metrics = new Metrics<OutboxSnapshot>('ruth_outbox_', look, [...OUTBOX_METRICS, ...processMetrics()]);
  const siteEvents = async (asked: URLSearchParams): Promise<SiteEventBatch> => {
    const reading = reader();
    if (!reading) throw new RuthError('unreachable', 'no NATS server of the site was there yet');
    return { ...await reading.read(positionOf(asked), WAIT_MS), waiting: look().state.waiting };
  };
  return processServer({ process: 'outbox', version: packageJson.version, metrics, tells: { '/v1/site-events': siteEvents } });
}

/** Null where none is given. Throws `bad_request`. */
function positionOf(asked: URLSearchParams): SitePosition | null {
  if (!asked.has('after')) return null;
  const [stream, after] = [Number(asked.get('stream') ?? Number.NaN), Number(asked.get('after') || Number.NaN)];
  if (!Number.isSafeInteger(stream) || !Number.isSafeInteger(after) || stream < 0 || after < 0) throw new RuthError('bad_request', 'stream and after are those of the batch before: whole numbers from 0');
  return { stream, after };
}
