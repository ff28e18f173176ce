// Writes batches of events, each exactly once: the position in the stream of their source moves in the same transaction, and only
// from where the writer believes it to be. Events of the nodes of a site come by two ways, from their own server and out of the site's stream: the second finds
// them there (a unique index), counts nothing twice, and moves no track back.
import { RuthError } from '@ruth/protocol/base';
import type { StreamPosition } from '@ruth/transport/follow';
import { sql, type Insertable } from 'kysely';
import { noteNodes } from './courier-turns.ts';
import type { Database } from './database.ts';
import { SeriesIndex, type SeriesKey } from './event-series.ts';
import { SITE_STREAM, streamOf, type EventSource, type StreamName, type TracksTable } from './tables.ts';

/** An event as the store has it. */
export interface EventRow {
  readonly sourceId: number;
  readonly atUs: number;
  readonly score: number | null;
  readonly series: SeriesKey;
  readonly body: string;
}

interface Batch {
  /** Where the writer believes the store to be. */
  readonly after: StreamPosition;
  /** Where it is with this batch in it. */
  readonly position: StreamPosition;
  /** New, or known ones that went on. */
  readonly tracks: readonly Insertable<TracksTable>[];
}

export interface EventBatch extends Batch {
  readonly source: EventSource;
  readonly events: readonly EventRow[];
}

/** Out of the stream of a site. A null `node`: of the stream itself. */
export interface SiteBatch extends Batch {
  readonly events: readonly (EventRow & { readonly node: string | null; readonly source: EventSource })[];
}

type Streamed = EventRow & { readonly stream: StreamName };
interface Counted { readonly series_id: number; readonly at_us: number; readonly score: number | null }

const HOUR_US = 3600e6;
/** So many rows in one statement. */
const ROWS = 128;

/** Any number that nothing else in the database locks. */
const WRITERS_LOCK = 7_884_001;

export async function positionOf(database: Database, source: StreamName): Promise<StreamPosition> {
  const { epoch, last_id: lastId } = await database.selectFrom('followed').selectAll().where('source', '=', source).executeTakeFirstOrThrow();
  return { epoch, lastId };
}

/** As they were emitted, the oldest first. Looks only at the newest rows: a source that seldom tells may have more. */
export async function newestEvents(database: Database, source: StreamName, limit: number): Promise<string[]> {
  const { newest } = await database.selectFrom('events').select(({ fn }) => fn.max('id').as('newest')).executeTakeFirstOrThrow();
  const rows = await database.selectFrom('events').select('body').where('source', '=', source).where('id', '>', (newest ?? 0) - 4 * limit).orderBy('id', 'desc').limit(limit).execute();
  return rows.map(({ body }) => body).reverse();
}

export class EventWriter {
  readonly #database: Database;
  /** Null where nobody else writes. */
  readonly #node: string | null;
  #series = new SeriesIndex();
  /** Nodes that the database knows of. */
  readonly #nodes = new Set<string>();

  constructor(database: Database, node: string | null) {
    this.#database = database;
    this.#node = node;
  }

  /** How many were new. Throws `conflict` where the store is not where the batch believes it to be; then nothing is written. */
  async append({ source, events, ...batch }: EventBatch): Promise<number> {
    const stream = streamOf(this.#node, source);
    return this.#append(stream, batch, events.map((event) => ({ ...event, stream })));
  }

  /** As `append`. */
  async appendOfSite({ events, ...batch }: SiteBatch): Promise<number> {
    const nodes = [...new Set(events.flatMap(({ node }) => (node === null || this.#nodes.has(node) ? [] : [node])))];
    const stored = await this.#append(SITE_STREAM, batch, events.map(({ node, source, ...event }) => ({ ...event, stream: node === null ? SITE_STREAM : streamOf(node, source) })), nodes);
    for (const node of nodes) this.#nodes.add(node);
    return stored;
  }

  async #append(follows: StreamName, batch: Batch, events: readonly Streamed[], newNodes: readonly string[] = []): Promise<number> {
    try {
      return await this.#database.transaction().execute((transaction) => this.#write(transaction, follows, batch, events, newNodes));
    } catch (error) {
      // Series that were added went with the transaction.
      this.#series = new SeriesIndex();
      throw error;
    }
  }

  async #write(database: Database, follows: StreamName, { after, position, tracks }: Batch, events: readonly Streamed[], newNodes: readonly string[]): Promise<number> {
    // Writers of several nodes take turns: who reads goes by growing ids, and one that came to light late would never be seen.
    if (this.#node !== null) await sql`select pg_advisory_xact_lock(${WRITERS_LOCK})`.execute(database);
    const { numUpdatedRows } = await database.updateTable('followed').set({ epoch: position.epoch, last_id: position.lastId })
      .where('source', '=', follows).where('epoch', '=', after.epoch).where('last_id', '=', after.lastId).executeTakeFirst();
    if (numUpdatedRows !== 1n) throw new RuthError('conflict', `events of ${follows} were stored by another server, or before`);
    if (newNodes.length > 0) await noteNodes(database, newNodes);
    const seriesIds = await this.#series.idsOf(database, events.map(({ series }) => series));
    const rows = events.map(({ stream, sourceId, atUs, score, body }, index) => ({ source: stream, source_id: sourceId, series_id: seriesIds[index]!, at_us: atUs, score, body }));
    const added: Counted[] = [];
    for (const some of chunks(rows)) {
      const insert = database.insertInto('events').values(some);
      if (this.#node === null) await insert.execute();
      added.push(...this.#node === null ? some : await insert.onConflict((conflict) => conflict.doNothing()).returning(['series_id', 'at_us', 'score']).execute());
    }
    await this.#count(database, added);
    for (const some of chunks(newestOfEach(tracks))) {
      await database.insertInto('tracks').values(some).onConflict((conflict) => {
        const moved = conflict.columns(['camera', 'model', 'first_us', 'track_id']).doUpdateSet((row) => ({
          last_us: row.ref('excluded.last_us'), class_name: row.ref('excluded.class_name'), score: row.ref('excluded.score'), body: row.ref('excluded.body'), end_reason: row.ref('excluded.end_reason'),
        }));
        return this.#node === null ? moved : moved.where((row) => row.or([
          row('tracks.last_us', '<', row.ref('excluded.last_us')), row.and([row('tracks.last_us', '=', row.ref('excluded.last_us')), row('tracks.end_reason', 'is', null)]),
        ]));
      }).execute();
    }
    return added.length;
  }

  async #count(database: Database, rows: readonly Counted[]): Promise<void> {
    const hours = new Map<string, { hour: number; series_id: number; events: number; max_score: number }>();
    for (const { series_id, at_us, score } of rows) {
      const hour = Math.floor(at_us / HOUR_US);
      const key = `${hour} ${series_id}`;
      const known = hours.get(key);
      if (!known) hours.set(key, { hour, series_id, events: 1, max_score: score ?? 0 });
      else {
        known.events++;
        known.max_score = Math.max(known.max_score, score ?? 0);
      }
    }
    for (const some of chunks([...hours.values()])) {
      await database.insertInto('event_hours').values(some).onConflict((conflict) => conflict.columns(['hour', 'series_id']).doUpdateSet((row) => ({
        events: row('event_hours.events', '+', row.ref('excluded.events')),
        max_score: row.case().when('excluded.max_score', '>', row.ref('event_hours.max_score')).then(row.ref('excluded.max_score')).else(row.ref('event_hours.max_score')).end(),
      }))).execute();
    }
  }
}

/** One statement may change a row once only. Of those at one instant the last, unless one before has ended it. */
function newestOfEach(tracks: readonly Insertable<TracksTable>[]): Insertable<TracksTable>[] {
  const newest = new Map<string, Insertable<TracksTable>>();
  for (const track of tracks) {
    const key = `${track.camera} ${track.model} ${track.first_us} ${track.track_id}`;
    const known = newest.get(key);
    if (!known || known.last_us < track.last_us || (known.last_us === track.last_us && !known.end_reason)) newest.set(key, track);
  }
  return [...newest.values()];
}

function* chunks<T>(rows: readonly T[]): Generator<T[]> {
  for (let at = 0; at < rows.length; at += ROWS) yield rows.slice(at, at + ROWS);
}
