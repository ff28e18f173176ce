// Brings the events of all nodes of a site out of its stream into the database that their servers share: what a node's own server could not write, for it or the
// database was away. One server at a time does, for all. The position in the stream moves in the transaction that writes the events, so that nothing is
// missed or stored twice whatever ends in between; and a database that was put back to an older state is filled anew from there.
import { setTimeout as sleep } from 'node:timers/promises';
import { EVENT_VERSION, RuthError, SiteEventBatch, validator, type GapEvent } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { StreamPosition } from '@ruth/transport/follow';
import type { SiteBatch, Store } from '../store/index.ts';
import type { Upstream } from '../upstream.ts';
import { keptOf } from './event-row.ts';

/** The other side answers after five seconds where nothing comes. */
const ANSWER_LIMIT_MS = 15_000;
const TURN_S = 12;
/** Who does not have the turn, or cannot read, looks again so much later; with jitter, so that many servers do not come at once. */
const AGAIN_MS = 5000;
/** So long the outbox gathers what comes, and some more. */
const GATHERED_MS = 500;
/** What could not be filled by then is told as missing. */
const FILL_LIMIT_MS = 60_000;
const FILL_LOOK_MS = 200;
/** Of a stream that was made so lately a new database takes all. */
const NEW_STREAM_MS = 3_600_000;
const siteEventBatch = validator(SiteEventBatch);

export interface SiteIntakeOptions {
  readonly store: Store;
  /** The process that speaks with NATS. */
  readonly outbox: Upstream;
  readonly logger: Logger;
  /** Events were added. */
  readonly onStored: () => void;
  readonly againMs?: number;
}

export class SiteIntake {
  readonly counters = { stored: 0, known: 0, missed: 0, failures: 0 };
  readonly #options: SiteIntakeOptions;
  #isReading = false;
  #behind: number | null = null;
  #problem: string | null = null;
  readonly #stop = new AbortController();

  constructor(options: SiteIntakeOptions) { this.#options = options; }

  /** It is this server's turn, and it can read. */
  get isReading(): boolean { return this.#isReading; }
  /** Messages of the stream that are not in the database yet; null where another server reads. */
  get behind(): number | null { return this.#isReading ? this.#behind : null; }

  /** Ends when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, logger, againMs = AGAIN_MS } = this.#options;
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    while (!signal.aborted) {
      try {
        await this.runOnce(signal);
        this.#problem = null;
      } catch (cause) {
        if (signal.aborted) break;
        const { code, message } = RuthError.from(cause);
        // Another server was quicker.
        if (code !== 'conflict') {
          this.counters.failures++;
          if (this.#problem !== message) logger.warn({ code }, `events of the site are not read at the moment: ${message}`);
          this.#problem = message;
        }
        this.#isReading = false;
        // One that can read is to.
        await store.write('leaveSiteTurn').catch(() => undefined);
      }
      if (!this.#isReading) await sleep(againMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
    }
    if (this.#isReading) await store.write('leaveSiteTurn').catch(() => undefined);
    this.#isReading = false;
  }

  /**
   * Waits until the database has all that the outbox of this node had taken from its core, whichever server brings it. So who missed something of the
   * core's own stream does not go on before that lies where it belongs. False where that is not known within a minute: then it is to be told as missing.
   */
  async filled(): Promise<boolean> {
    const { store, outbox, logger } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(FILL_LIMIT_MS)]);
    let goal: SiteEventBatch | null = null;
    try {
      await sleep(GATHERED_MS, undefined, { signal });
      for (;;) {
        if (goal === null) {
          const now = await outbox.get('/v1/site-events', siteEventBatch, { timeoutMs: ANSWER_LIMIT_MS, signal });
          if (now.waiting === 0) goal = now;
        }
        const { epoch, lastId } = await store.read('sitePosition');
        if (lastId < 0) return false;
        if (goal !== null && epoch === goal.stream && lastId >= goal.newest) return true;
        await sleep(FILL_LOOK_MS, undefined, { signal });
      }
    } catch (cause) {
      logger.warn(`whether the site's stream has what this server missed is not known: ${RuthError.from(cause).message}`);
      return false;
    }
  }

  /** One batch, where it is this server's turn. Throws what the store and the outbox throw. */
  async runOnce(signal: AbortSignal): Promise<void> {
    const { store, outbox, onStored } = this.#options;
    const { isMine, position: after } = await store.write('takeSiteTurn', TURN_S);
    if (!isMine) {
      this.#isReading = false;
      return;
    }
    const ask = (at: StreamPosition | null): Promise<SiteEventBatch> => outbox.get(`/v1/site-events${at ? `?stream=${at.epoch}&after=${at.lastId}` : ''}`, siteEventBatch, { timeoutMs: ANSWER_LIMIT_MS, signal });
    let batch = await ask(after.lastId < 0 ? null : after);
    // A database that never read begins with what comes, so that nobody is told of last week; in a new site, with all.
    if (after.lastId < 0 && Date.now() - batch.stream < NEW_STREAM_MS) batch = await ask({ epoch: batch.stream, lastId: 0 });
    this.#isReading = true;
    this.#behind = batch.newest - batch.position;
    const position: StreamPosition = { epoch: batch.stream, lastId: batch.position };
    if (position.epoch === after.epoch && position.lastId === after.lastId) return;
    const kept = batch.events.map(({ node, source, event }) => ({ node, source, kept: keptOf(event, JSON.stringify(event)) }));
    const events = [...this.#missed(batch, after), ...kept.flatMap(({ node, source, kept: row }) => (row?.event ? [{ node, source, ...row.event }] : []))];
    const stored = await store.write('appendOfSite', { after, position, events, tracks: kept.flatMap(({ kept: row }) => row?.track ?? []) });
    this.counters.stored += stored;
    this.counters.known += events.length - stored;
    if (stored > 0) onStored();
  }

  /** What is not known is said. */
  #missed({ missed }: SiteEventBatch, { lastId: known }: StreamPosition): SiteBatch['events'] {
    if (missed === 0) return [];
    const lastId = Math.max(0, known);
    this.counters.missed += missed;
    this.#options.logger.error({ events: missed }, 'the stream of the site had let go events before they were stored: it keeps too few for how long nobody read (site.events)');
    const gap: GapEvent = { id: lastId + missed, version: EVENT_VERSION, at: Date.now() / 1000, type: 'gap', asked_after: lastId, oldest: lastId + missed + 1 };
    return [{ node: null, source: 'core', ...keptOf(gap, JSON.stringify(gap))!.event! }];
  }
}
