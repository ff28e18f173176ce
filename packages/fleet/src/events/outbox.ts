// Events of this node that the site does not have yet, on disk, in order, within a bound. What is in it is fsynced, a batch at a time, together with
// the position in the stream that it came from: so each is in it once, however the process ends. What does not fit any more goes, the oldest first,
// and a `gap` stands in its place: it is counted and told, never silent.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { EVENT_VERSION, RuthError, type CoreEvent, type GapEvent, type KernelEvent, type SiteEvent } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { EventSink, SinkBatch, StreamPosition } from '@ruth/transport/follow';
import { openOutboxFile } from './outbox-file.ts';

export type OutboxSource = SiteEvent['source'];
export interface OutboxEvent { readonly epoch: number; readonly id: number; /** The event as it was emitted, JSON. */ readonly body: string }
/** `seq`: its place in the outbox. `bytes`: of its body. */
export interface OutboxRow extends OutboxEvent { readonly seq: number; readonly source: OutboxSource; readonly bytes: number }

export interface OutboxLimits { readonly maxBytes: number; readonly maxAgeS: number }

export interface OutboxState { readonly waiting: number; readonly bytes: number; /** Of the oldest that waits; 0 where none does. */ readonly oldestAgeS: number; /** Events, for ever. */ readonly dropped: number }

export interface OutboxClock { readonly utcMs: () => number; /** Nobody can set it. */ readonly monotonicS: () => number }

/** When it is full so much of it goes at once, so that one gap stands for many. */
const FREED_SHARE = 1 / 16;
/** A wall clock that is found to be off by more was set meanwhile: what waits did not grow older by that. */
const CLOCK_STEP_MS = 60_000;

/** Nothing of an event that a newer one takes the place of: it is for who looks at this moment. */
export const keptForSite = (event: CoreEvent | KernelEvent, body: string, { epoch }: StreamPosition): OutboxEvent | null => (
  event.type === 'detection' || event.type === 'track.updated' ? null : { epoch, id: event.id, body }
);

export class Outbox implements EventSink<OutboxSource, OutboxEvent>, Disposable {
  readonly #database: DatabaseSync;
  readonly #limits: OutboxLimits;
  readonly #clock: OutboxClock;
  readonly #statements: Record<keyof typeof STATEMENTS, StatementSync>;
  #waiting = 0;
  #bytes = 0;
  #dropped: number;
  /** The site has everything up to this one; its rows go with the next that are written, or a moment later. */
  #acknowledged = 0;
  /** Everything up to this one is on its way: whether it arrives is not known, so none of it is let go. */
  #taken = 0;
  #pruned = 0;
  #clockOffsetMs: number;
  #listener: (() => void) | null = null;

  /** Throws `store_unavailable`. A file that is broken is put aside (`.broken`), which is told. */
  static open(file: string, limits: OutboxLimits, logger: Logger, clock: OutboxClock): Outbox {
    mkdirSync(dirname(file), { recursive: true, mode: 0o750 });
    try {
      return new Outbox(openOutboxFile(file, logger), limits, clock);
    } catch (cause) {
      throw new RuthError('store_unavailable', `the outbox ${file} cannot be opened: ${(cause as Error).message}`, { cause });
    }
  }

  private constructor(database: DatabaseSync, limits: OutboxLimits, clock: OutboxClock) {
    this.#database = database;
    this.#limits = limits;
    this.#clock = clock;
    this.#clockOffsetMs = this.#offsetMs();
    this.#statements = Object.fromEntries(Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)])) as Record<keyof typeof STATEMENTS, StatementSync>;
    const { waiting, bytes } = this.#statements.sums.get() as { waiting: number; bytes: number };
    [this.#waiting, this.#bytes] = [waiting, bytes];
    this.#dropped = (this.#statements.dropped.get() as { events: number }).events;
  }

  get state(): OutboxState {
    const oldest = this.#statements.oldest.get(this.#acknowledged) as { kept_ms: number } | undefined;
    return { waiting: this.#waiting, bytes: this.#bytes, oldestAgeS: oldest ? Math.max(0, (this.#clock.utcMs() - oldest.kept_ms) / 1000) : 0, dropped: this.#dropped };
  }

  /** Calls `listener`, the only one, whenever there is more. */
  onAppend(listener: () => void): void { this.#listener = listener; }

  async positionOf(source: OutboxSource): Promise<StreamPosition> {
    const { epoch, last_id: lastId } = this.#statements.position.get(source) as { epoch: number; last_id: number };
    return { epoch, lastId };
  }

  async append({ source, after, position, kept }: SinkBatch<OutboxSource, OutboxEvent>): Promise<number> {
    this.#transaction(() => {
      const { changes } = this.#statements.move.run(position.epoch, position.lastId, source, after.epoch, after.lastId);
      if (changes !== 1) throw new RuthError('conflict', `events of ${source} were kept before, or by another process`);
      this.#prune();
      const nowMs = this.#nowMs();
      for (const { epoch, id, body } of kept) this.#insert(null, source, epoch, id, nowMs, null, body);
      this.#shrink(nowMs);
    });
    if (kept.length > 0) this.#listener?.();
    return kept.length;
  }

  /** The oldest that wait, at least one where there is one: to be settled before others are taken. */
  take(most: number, mostBytes: number): OutboxRow[] {
    const found = this.#statements.head.all(this.#acknowledged, most) as unknown as OutboxRow[];
    let bytes = 0;
    const over = found.findIndex((row, index) => (bytes += row.bytes) > mostBytes && index > 0);
    const rows = over < 0 ? found : found.slice(0, over);
    this.#taken = rows.at(-1)?.seq ?? 0;
    return rows;
  }

  /** The site has these, the first of those that were taken; the others wait again. */
  settle(rows: readonly OutboxRow[]): void {
    this.#taken = 0;
    this.#acknowledged = rows.at(-1)?.seq ?? this.#acknowledged;
    this.#waiting -= rows.length;
    for (const { bytes } of rows) this.#bytes -= bytes;
  }

  /** Lets go what is too old, and what the site has. */
  tidy(): void {
    if (this.#waiting === 0 && this.#acknowledged === this.#pruned) return;
    this.#transaction(() => {
      this.#prune();
      this.#shrink(this.#nowMs());
    });
  }

  [Symbol.dispose](): void {
    this.tidy();
    this.#database.close();
  }

  #prune(): void {
    if (this.#acknowledged === this.#pruned) return;
    this.#statements.prune.run(0, this.#acknowledged);
    this.#pruned = this.#acknowledged;
  }

  #insert(seq: number | null, source: OutboxSource, epoch: number, id: number, keptMs: number, gapAfter: number | null, body: string): void {
    const bytes = Buffer.byteLength(body);
    this.#statements.insert.run(seq, source, epoch, id, keptMs, gapAfter, bytes, body);
    this.#waiting++;
    this.#bytes += bytes;
  }

  #shrink(nowMs: number): void {
    const { maxBytes, maxAgeS } = this.#limits;
    const tooOldMs = nowMs - maxAgeS * 1000;
    const mostBytes = this.#bytes > maxBytes ? maxBytes * (1 - FREED_SHARE) : maxBytes;
    const gaps = new Map<string, Gap>();
    let last = 0;
    let [events, rows, bytes] = [0, 0, 0];
    for (const row of this.#statements.oldestFirst.iterate(this.#taken) as Iterable<Oldest>) {
      if (this.#bytes - bytes <= mostBytes && row.kept_ms >= tooOldMs) break;
      last = row.seq;
      rows++;
      bytes += row.bytes;
      if (row.gap_after === null) events++;
      const key = `${row.source} ${row.epoch}`;
      gaps.set(key, { ...row, after: gaps.get(key)?.after ?? row.gap_after ?? row.event_id - 1 });
    }
    // One gap alone is already as small as it can be.
    if (events === 0) return;
    this.#statements.prune.run(this.#taken, last);
    this.#statements.drop.run(events);
    this.#dropped += events;
    this.#waiting -= rows;
    this.#bytes -= bytes;
    for (const { seq, source, epoch, event_id: id, after } of gaps.values()) {
      const gap: GapEvent = { id, version: EVENT_VERSION, at: nowMs / 1000, type: 'gap', asked_after: Math.max(0, after), oldest: id + 1 };
      this.#insert(seq, source, epoch, id, nowMs, after, JSON.stringify(gap));
    }
  }

  #offsetMs(): number { return this.#clock.utcMs() - this.#clock.monotonicS() * 1000; }

  /** What waits keeps its age when the wall clock is set. */
  #nowMs(): number {
    const stepMs = this.#offsetMs() - this.#clockOffsetMs;
    if (Math.abs(stepMs) > CLOCK_STEP_MS) {
      this.#statements.shift.run(Math.round(stepMs));
      this.#clockOffsetMs += stepMs;
    }
    return Math.round(this.#clock.utcMs());
  }

  #transaction(work: () => void): void {
    const before = [this.#waiting, this.#bytes, this.#dropped, this.#pruned] as const;
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      [this.#waiting, this.#bytes, this.#dropped, this.#pruned] = before;
      // What failed may have ended it already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

interface Oldest { readonly seq: number; readonly source: OutboxSource; readonly epoch: number; readonly event_id: number; readonly kept_ms: number; readonly gap_after: number | null; readonly bytes: number }
interface Gap extends Oldest { readonly after: number }

const STATEMENTS = {
  sums: 'SELECT count(*) AS waiting, coalesce(sum(bytes), 0) AS bytes FROM events',
  dropped: 'SELECT events FROM dropped',
  oldest: 'SELECT kept_ms FROM events WHERE seq > ? ORDER BY seq LIMIT 1',
  position: 'SELECT epoch, last_id FROM followed WHERE source = ?',
  move: 'UPDATE followed SET epoch = ?, last_id = ? WHERE source = ? AND epoch = ? AND last_id = ?',
  insert: 'INSERT INTO events (seq, source, epoch, event_id, kept_ms, gap_after, bytes, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  head: 'SELECT seq, source, epoch, event_id AS id, bytes, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?',
  prune: 'DELETE FROM events WHERE seq > ? AND seq <= ?',
  oldestFirst: 'SELECT seq, source, epoch, event_id, kept_ms, gap_after, bytes FROM events WHERE seq > ? ORDER BY seq',
  drop: 'UPDATE dropped SET events = events + ?',
  shift: 'UPDATE events SET kept_ms = kept_ms + ?',
} as const;
