// The stream of JetStream that holds the events of all nodes of a site: its name, its limits, and its messages.
import { jetstreamManager, DiscardPolicy, RetentionPolicy, StorageType, type JetStreamManager, type StreamConfig } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { RuthError, SiteEvent, validator, type SiteConfig } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { encodeToken } from '../records.ts';
import type { OutboxRow } from './outbox.ts';

export const EVENT_STREAM = 'ruth_events';
const SUBJECTS = 'ruth.events.>';
/** Of each message its id is kept in memory for so long: enough for a node that began anew. What is sent again later is known to the database. */
const DUPLICATE_WINDOW_MS = 120_000;
const ANSWER_LIMIT_MS = 5000;
const DAY_MS = 86_400_000;
const siteEvent = validator(SiteEvent);

export interface EventStreamLimits { readonly maxBytes: number; readonly maxAgeMs: number; readonly replicas: number }

export const streamLimitsOf = ({ events = {}, replicas = 1 }: SiteConfig): EventStreamLimits => ({
  maxBytes: Math.round((events.stream_max_gb ?? 1) * 1e9), maxAgeMs: Math.round((events.stream_max_age_days ?? 7) * DAY_MS), replicas,
});

export const subjectOf = (node: string): string => `ruth.events.${encodeToken(node)}`;

/** The same for the same event, whoever sends it and however often. */
export const messageIdOf = (node: string, { source, epoch, id }: Pick<OutboxRow, 'source' | 'epoch' | 'id'>): string => `${node}:${source}:${epoch}:${id}`;

/** `body` is the event as it was emitted. */
export const messageOf = (node: string, { source, epoch, body }: Pick<OutboxRow, 'source' | 'epoch' | 'body'>): string => `{"node":${JSON.stringify(node)},"source":"${source}","epoch":${epoch},"event":${body}}`;

/** Null where it is none. */
export function parseMessage(data: Uint8Array): SiteEvent | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'));
    return siteEvent.check(value) ? value : null;
  } catch {
    return null;
  }
}

/** Makes the stream, or gives it these limits. Throws `unreachable`. */
export async function ensureEventStream(connection: NatsConnection, limits: EventStreamLimits, logger: Logger): Promise<JetStreamManager> {
  const wanted = {
    name: EVENT_STREAM, subjects: [SUBJECTS], retention: RetentionPolicy.Limits, storage: StorageType.File, discard: DiscardPolicy.Old,
    max_bytes: limits.maxBytes, max_age: nanos(limits.maxAgeMs), num_replicas: limits.replicas, duplicate_window: nanos(Math.min(DUPLICATE_WINDOW_MS, limits.maxAgeMs)),
  } satisfies Partial<StreamConfig>;
  try {
    const manager = await jetstreamManager(connection, { timeout: ANSWER_LIMIT_MS });
    const found = await manager.streams.info(EVENT_STREAM).catch(() => null);
    if (!found) await manager.streams.add(wanted);
    else if ((['max_bytes', 'max_age', 'num_replicas'] as const).some((key) => found.config[key] !== wanted[key])) {
      await manager.streams.update(EVENT_STREAM, wanted).catch((cause: unknown) => logger.warn(`the stream ${EVENT_STREAM} keeps its limits: ${(cause as Error).message}`));
    }
    return manager;
  } catch (cause) {
    throw new RuthError('unreachable', `JetStream does not keep ${EVENT_STREAM}: ${(cause as Error).message}`, { cause });
  }
}
