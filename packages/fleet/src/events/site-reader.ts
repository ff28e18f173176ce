// Reads the stream of a site on behalf of the server beside it, which says where it is: so the position is kept where the events are, in the database,
// and nothing is acknowledged here. One reader of JetStream, which goes on where it was and is made anew where it is asked for another place.
import { AckPolicy, DeliverPolicy, jetstreamManager, type Consumer, type JetStreamManager, type JsMsg } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { RuthError, SITE_EVENTS_AT_ONCE, type SiteEvent, type SiteEventBatch } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { EVENT_STREAM, parseMessage, subjectOf } from './event-stream.ts';

/** Where who reads is; `stream` as the batch before told it. */
export interface SitePosition { readonly stream: number; readonly after: number }

export type SiteMessages = Omit<SiteEventBatch, 'waiting'>;

const ANSWER_LIMIT_MS = 2000;
/** For messages that are there. */
const FETCH_LIMIT_MS = 2000;
const MOST_BYTES = 4 << 20;
/** JetStream forgets a reader that nobody has asked for so long. */
const FORGOTTEN_AFTER_MS = 60_000;

/** `isNew`: it has told nothing yet, so whatever it begins with is the next one there is. */
interface Reading { readonly consumer: Consumer; readonly stream: number; nextSeq: number; isNew: boolean }

export class SiteReader {
  readonly counters = { read: 0, invalid: 0 };
  readonly #connection: NatsConnection;
  readonly #logger: Logger;
  #manager: JetStreamManager | null = null;
  #reading: Reading | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(connection: NatsConnection, logger: Logger) {
    this.#connection = connection;
    this.#logger = logger;
  }

  /** What comes after `at`, or nothing where nothing came for `waitMs`. Null: where the stream is now. Throws `unreachable`. */
  async read(at: SitePosition | null, waitMs: number): Promise<SiteMessages> {
    const read = this.#turn.then(() => this.#read(at, waitMs));
    this.#turn = read.catch(() => undefined);
    try {
      return await read;
    } catch (cause) {
      this.#reading = null;
      throw new RuthError('unreachable', `the stream ${EVENT_STREAM} cannot be read: ${(cause as Error).message}`, { cause });
    }
  }

  async #read(at: SitePosition | null, waitMs: number): Promise<SiteMessages> {
    this.#manager ??= await jetstreamManager(this.#connection, { timeout: ANSWER_LIMIT_MS });
    const { created, state: { first_seq: first, last_seq: newest } } = await this.#manager.streams.info(EVENT_STREAM);
    const stream = Date.parse(created);
    if (at === null) return { stream, position: newest, newest, missed: 0, events: [] };
    // Of a stream that was made anew all is new; where it is empty, the next one it gets is the first.
    const after = at.stream === stream ? at.after : 0;
    const from = Math.max(after + 1, first);
    const missed = at.stream === stream ? from - after - 1 : 0;
    const reading = this.#reading?.stream === stream && this.#reading.nextSeq === from ? this.#reading : { consumer: await this.#consumer(from), stream, nextSeq: from, isNew: true };
    const events: SiteEvent[] = [];
    this.#reading = await this.#take(reading, newest - from + 1, waitMs, events) ? reading : null;
    const position = reading.nextSeq - 1;
    return { stream, position, newest: Math.max(newest, position), missed, events };
  }

  /** Those that are there, or the next one that comes. False where that reader cannot go on: some of what it was sent did not arrive, or was too much. */
  async #take(reading: Reading, there: number, waitMs: number, events: SiteEvent[]): Promise<boolean> {
    const accept = ({ seq, subject, data }: JsMsg): boolean => {
      if (seq !== reading.nextSeq && !reading.isNew) return false;
      reading.nextSeq = seq + 1;
      reading.isNew = false;
      this.counters.read++;
      const event = parseMessage(data);
      if (event && subjectOf(event.node) === subject) events.push(event);
      else if (this.counters.invalid++ === 0) this.#logger.error({ subject, seq }, 'the stream of the site holds what is no event of that node; it is not stored');
      return true;
    };
    if (there <= 0) {
      const next = await reading.consumer.next({ expires: waitMs });
      return next === null || accept(next);
    }
    const wanted = Math.min(there, SITE_EVENTS_AT_ONCE);
    let [taken, bytes] = [0, 0];
    for await (const message of await reading.consumer.fetch({ max_messages: wanted, expires: FETCH_LIMIT_MS })) {
      if (!accept(message)) return false;
      taken++;
      bytes += message.data.byteLength;
      if (bytes > MOST_BYTES) break;
    }
    return taken === wanted;
  }

  async #consumer(from: number): Promise<Consumer> {
    const info = await this.#manager!.consumers.add(EVENT_STREAM, {
      ack_policy: AckPolicy.None, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from, inactive_threshold: nanos(FORGOTTEN_AFTER_MS), mem_storage: true, num_replicas: 1,
    });
    return this.#manager!.jetstream().consumers.getConsumerFromInfo(info);
  }
}
