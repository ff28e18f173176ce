// Brings what is in the outbox to JetStream, in order, at least once; what JetStream has acknowledged leaves the outbox. How many are on their way at
// once doubles as long as all arrive, and is one again after one did not: so nothing overtakes what has to be sent again while the servers look for
// a leader, and nobody who comes back is met by all nodes at once.
import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { EVENT_VERSION, RuthError, type GapEvent } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { setTimeout as delay } from 'node:timers/promises';
import { messageIdOf, messageOf, subjectOf } from './event-stream.ts';
import type { Outbox, OutboxRow } from './outbox.ts';

const MOST_AT_ONCE = 256;
const MOST_BYTES_AT_ONCE = 128 * 1024;
const ANSWER_LIMIT_MS = 5000;
/** Without a word from the server. */
const DEFAULT_MAX_PAYLOAD = 1 << 20;
/** Headers and the names around an event. */
const ENVELOPE_BYTES = 1024;
const backOff = new ExponentialBackoff({ initialDelay: 200, maxDelay: 5000 });

export interface EventPublisherOptions {
  readonly node: string;
  readonly outbox: Outbox;
  readonly connection: NatsConnection;
  /** Makes the stream where somebody took it away. */
  readonly ensureStream: () => Promise<unknown>;
  readonly logger: Logger;
}

export class EventPublisher {
  readonly counters = { published: 0, duplicates: 0, failures: 0, tooLarge: 0 };
  readonly #options: EventPublisherOptions;
  readonly #js: JetStreamClient;
  readonly #subject: string;
  #wake = Promise.withResolvers<void>();
  #connected = true;

  constructor(options: EventPublisherOptions) {
    this.#options = options;
    this.#js = jetstream(options.connection, { timeout: ANSWER_LIMIT_MS });
    this.#subject = subjectOf(options.node);
    options.outbox.onAppend(() => this.#wake.resolve());
  }

  get connected(): boolean { return this.#connected && !this.#options.connection.isClosed(); }

  /** Until `signal` aborts, or the connection is closed for good. */
  async run(signal: AbortSignal): Promise<void> {
    const { connection, outbox, ensureStream, logger } = this.#options;
    const ended = new AbortController();
    void connection.closed().then(() => ended.abort());
    const stop = AbortSignal.any([signal, ended.signal]);
    stop.addEventListener('abort', () => this.#wake.resolve(), { once: true });
    const watching = this.#watch();
    let window = 1;
    let wait: IBackoff<unknown> | null = null;
    while (!stop.aborted) {
      this.#wake = Promise.withResolvers<void>();
      const rows = this.#connected ? outbox.take(window, MOST_BYTES_AT_ONCE) : [];
      if (rows.length === 0) {
        if (!stop.aborted) await this.#wake.promise;
        continue;
      }
      const failure = await this.#publish(rows);
      if (failure === null) {
        window = Math.min(window * 2, MOST_AT_ONCE);
        wait = null;
        continue;
      }
      window = 1;
      if (wait === null) logger.warn({ waiting: outbox.state.waiting }, `events wait in the outbox: ${failure.message}`);
      wait = wait ? wait.next(undefined) : backOff.next();
      await delay(wait.duration, undefined, { signal: stop }).catch(() => undefined);
      if (this.#connected && !stop.aborted) await ensureStream().catch(() => undefined);
    }
    await Promise.race([watching, delay(0)]);
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.#options.connection.status()) {
      if (type === 'disconnect') this.#connected = false;
      if (type !== 'reconnect') continue;
      this.#connected = true;
      this.#wake.resolve();
    }
  }

  /** Null where all arrived, else why not. */
  async #publish(rows: readonly OutboxRow[]): Promise<RuthError | null> {
    const answers = await Promise.allSettled(rows.map(async (row) => (await this.#js.publish(this.#subject, this.#message(row), { msgID: messageIdOf(this.#options.node, row), timeout: ANSWER_LIMIT_MS })).duplicate));
    const firstLost = answers.findIndex(({ status }) => status === 'rejected');
    const arrived = firstLost < 0 ? answers : answers.slice(0, firstLost);
    this.#options.outbox.settle(rows.slice(0, arrived.length));
    this.counters.published += arrived.length;
    for (const answer of arrived) if (answer.status === 'fulfilled' && answer.value) this.counters.duplicates++;
    if (firstLost < 0) return null;
    this.counters.failures++;
    return new RuthError('unreachable', `JetStream did not take an event: ${((answers[firstLost] as PromiseRejectedResult).reason as Error).message}`);
  }

  #message(row: OutboxRow): string {
    const { node, connection, logger } = this.#options;
    if (row.bytes + ENVELOPE_BYTES <= (connection.info?.max_payload ?? DEFAULT_MAX_PAYLOAD)) return messageOf(node, row);
    if (this.counters.tooLarge++ === 0) logger.error({ bytes: row.bytes }, 'an event is larger than the NATS servers of the site take (max_payload): a gap stands in its place');
    const gap: GapEvent = { id: row.id, version: EVENT_VERSION, at: Date.now() / 1000, type: 'gap', asked_after: Math.max(0, row.id - 1), oldest: row.id + 1 };
    return messageOf(node, { ...row, body: JSON.stringify(gap) });
  }
}
