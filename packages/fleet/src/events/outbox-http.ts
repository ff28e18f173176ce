// What the process of the outbox answers on its Unix socket: health, metrics, and to the server beside it what the site's stream holds.
import { createServer, type Server } from 'node:http';
import { RuthError, type ErrorBody, type ProcessHealth, type SiteEventBatch } from '@ruth/protocol';
import { Metrics, METRICS_CONTENT_TYPE, processMetrics, type Metric } from '@ruth/transport';
import packageJson from '../../package.json' with { type: 'json' };
import type { EventPublisher } from './event-publisher.ts';
import type { OutboxState } from './outbox.ts';
import type { SitePosition, SiteReader } from './site-reader.ts';

export interface OutboxSnapshot { readonly state: OutboxState; readonly connected: boolean; readonly counters: EventPublisher['counters'] }

const metric = (type: 'gauge' | 'counter', name: string, help: string, of: (snapshot: OutboxSnapshot) => number): Metric<OutboxSnapshot> => ({ name, type, help, values: (snapshot) => [[{}, of(snapshot)]] });

export const OUTBOX_METRICS: readonly Metric<OutboxSnapshot>[] = [
  metric('gauge', 'events_waiting', 'Events of this node that the site does not have yet', ({ state }) => state.waiting),
  metric('gauge', 'bytes', 'Bytes of the events that wait', ({ state }) => state.bytes),
  metric('gauge', 'oldest_age_seconds', 'Age of the oldest event that waits; 0 where none does', ({ state }) => state.oldestAgeS),
  metric('counter', 'events_dropped_total', 'Events let go because too many waited, or for too long, since the outbox was made', ({ state }) => state.dropped),
  metric('gauge', 'site_connected', '1 while a NATS server of the site is there', ({ connected }) => Number(connected)),
  metric('counter', 'events_published_total', 'Events that JetStream took', ({ counters }) => counters.published),
  metric('counter', 'events_duplicate_total', 'Of these, those that it had already', ({ counters }) => counters.duplicates),
  metric('counter', 'publish_failures_total', 'Times that JetStream did not take what was sent; it is sent again', ({ counters }) => counters.failures),
  metric('counter', 'events_too_large_total', 'Events larger than the NATS servers take, in whose place a gap was sent', ({ counters }) => counters.tooLarge),
];

/** Nothing came: who asks comes again. Shorter than anybody waits for an answer. */
const WAIT_MS = 5000;
const PATH = { health: '/v1/health', metrics: '/v1/metrics', siteEvents: '/v1/site-events' } as const;

/** `reader`: null while no NATS server of the site was there yet. */
export function outboxServer(look: () => OutboxSnapshot, reader: () => SiteReader | null): Server {
  const startedAtMs = performance.now();
  const metrics = new Metrics<OutboxSnapshot>('ruth_outbox_', look, [...OUTBOX_METRICS, ...processMetrics()]);
  const answer = async ({ pathname, searchParams }: URL): Promise<{ status: number; type: string; text: string }> => {
    const json = (status: number, body: ProcessHealth | SiteEventBatch | ErrorBody) => ({ status, type: 'application/json', text: JSON.stringify(body) });
    if (pathname === PATH.health) return json(200, { process: 'outbox', status: 'ready', version: packageJson.version, pid: process.pid, uptime_ms: performance.now() - startedAtMs });
    if (pathname === PATH.metrics) return { status: 200, type: METRICS_CONTENT_TYPE, text: await metrics.text() };
    if (pathname !== PATH.siteEvents) return json(404, { error: `there is nothing at ${pathname.slice(0, 200)}`, error_code: 'not_found' });
    try {
      const reading = reader();
      if (!reading) throw new RuthError('unreachable', 'no NATS server of the site was there yet');
      return json(200, { ...await reading.read(positionOf(searchParams), WAIT_MS), waiting: look().state.waiting });
    } catch (cause) {
      const { httpStatus, message, code, advice } = RuthError.from(cause);
      return json(httpStatus, { error: message, error_code: code, advice });
    }
  };
  return createServer((request, response) => {
    answer(new URL(request.url ?? '/', 'http://outbox')).then(({ status, type, text }) => response.writeHead(status, { 'content-type': type }).end(text), () => response.writeHead(500).end());
  });
}

/** Null where none is given. Throws `bad_request`. */
function positionOf(asked: URLSearchParams): SitePosition | null {
  if (!asked.has('after')) return null;
  const [stream, after] = [Number(asked.get('stream') ?? Number.NaN), Number(asked.get('after') || Number.NaN)];
  if (!Number.isSafeInteger(stream) || !Number.isSafeInteger(after) || stream < 0 || after < 0) throw new RuthError('bad_request', 'stream and after are those of the batch before: whole numbers from 0');
  return { stream, after };
}
