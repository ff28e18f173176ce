// Finds events, newest first. A search looks first at which hours of which series can hold what it wants, and then only there:
// so it costs about as much as what it finds, however many events there are and however rare what is asked for.
import { RuthError } from '@ruth/protocol/base';
import type { Selectable } from 'kysely';
import type { Database } from './database.ts';
import { SeriesIndex, type EventSeries, type SeriesFilter } from './event-series.ts';
import { seenBefore } from './seen-events.ts';
import { fromStream, type EventHoursTable, type EventsTable, type StreamName } from './tables.ts';

export interface TimeRange {
  /** Included. */
  readonly startUs: number;
  /** Not included. */
  readonly endUs: number;
}

export interface EventSearch extends SeriesFilter, TimeRange {
  /** Null: also those without a score. */
  readonly minScore: number | null;
  /** Those after this one, in the order of the answer. */
  readonly cursor: EventCursor | null;
  readonly limit: number;
  /** Only what this person has not seen. */
  readonly unseenBy?: number | null;
}

/** Place of an event in the order of time, then of storing: it stays when others are stored or deleted. */
export interface EventCursor { readonly atUs: number; readonly id: number }

export interface FoundEvent { readonly id: number; /** Null where no other node writes into the database. */ readonly node: string | null; readonly source: ReturnType<typeof fromStream>['source']; readonly atUs: number; readonly score: number | null; readonly series: EventSeries; readonly body: string }
export interface FoundEvents { readonly events: FoundEvent[]; readonly next: EventCursor | null }

export interface HourCount { readonly hour: number; readonly seriesId: number; readonly events: number }

export const HOUR_US = 3600e6;
/** Rows looked up at once: mostly the first few suffice. */
const FIRST_HOURS = 128;
const MORE_HOURS = 2048;
/** More than so many series are not named one by one. */
const MOST_NAMED = 900;
const NEWEST = { atUs: Number.MAX_SAFE_INTEGER, id: Number.MAX_SAFE_INTEGER };

type Place = Pick<Selectable<EventsTable>, 'id' | 'at_us'>;
/** Hours next to each other, and the series that have events there. */
interface Span { readonly fromHour: number; readonly toHour: number; readonly series: ReadonlySet<number> }

export class EventReader {
  readonly #database: Database;
  readonly #series = new SeriesIndex();

  constructor(database: Database) { this.#database = database; }

  async search(asked: EventSearch): Promise<FoundEvents> {
    await this.#series.refresh(this.#database);
    const search = typeof asked.unseenBy === 'number' ? { ...asked, startUs: Math.max(asked.startUs, await seenBefore(this.#database, asked.unseenBy)) } : asked;
    const series = this.#series.matching(search);
    const wanted = search.limit + 1;
    const places = series === null && search.minScore === null ? await this.#newest(search, wanted) : await this.#among(search, series, wanted);
    const found = places.slice(0, search.limit);
    const last = found.at(-1);
    return { events: await this.#events(found), next: places.length > search.limit && last ? { atUs: last.at_us, id: last.id } : null };
  }

  async get(id: number): Promise<FoundEvent | null> {
    await this.#series.refresh(this.#database);
    return (await this.#events([{ id, at_us: 0 }]))[0] ?? null;
  }

  /** 0 where there is none. Writers take turns: all that has a lower id is there. */
  async newestId(): Promise<number> { return (await this.#database.selectFrom('events').select(({ fn }) => fn.max('id').as('newest')).executeTakeFirstOrThrow()).newest ?? 0; }

  /** In the order of storing. */
  async after(id: number, limit: number, streams: readonly StreamName[] | null): Promise<FoundEvent[]> {
    await this.#series.refresh(this.#database);
    const newer = this.#database.selectFrom('events').select(['id', 'at_us']).where('id', '>', id);
    const places = await (streams === null ? newer : newer.where('source', 'in', streams)).orderBy('id').limit(limit).execute();
    return this.#events(places);
  }

  /** By hour and series, in whole hours; those without events are not there. */
  async counts(filter: SeriesFilter & TimeRange): Promise<{ counts: HourCount[]; series: EventSeries[] }> {
    await this.#series.refresh(this.#database);
    const ids = this.#series.matching(filter);
    const among = ids && new Set(ids);
    if (among?.size === 0) return { counts: [], series: [] };
    let query = this.#database.selectFrom('event_hours').select(['hour', 'series_id as seriesId', 'events'])
      .where('hour', '>=', Math.floor(filter.startUs / HOUR_US)).where('hour', '<', Math.ceil(filter.endUs / HOUR_US)).orderBy('hour');
    if (ids && ids.length <= MOST_NAMED) query = query.where('series_id', 'in', ids);
    const counts = (await query.execute()).filter(({ seriesId }) => !among || among.has(seriesId));
    const found = [...new Set(counts.map(({ seriesId }) => seriesId))];
    await this.#series.makeKnown(this.#database, found);
    return { counts, series: found.map((id) => this.#series.get(id)) };
  }

  /** Of whatever series. */
  #newest({ startUs, endUs, cursor, unseenBy = null }: EventSearch, wanted: number): Promise<Place[]> {
    const before = cursor ?? NEWEST;
    return this.#places(unseenBy).where('at_us', '>=', startUs).where('at_us', '<', endUs)
      .where((row) => row(row.refTuple('at_us', 'id'), '<', row.tuple(before.atUs, before.id))).orderBy('at_us', 'desc').orderBy('id', 'desc').limit(wanted).execute();
  }

  async #among(search: EventSearch, series: number[] | null, wanted: number): Promise<Place[]> {
    const found: Place[] = [];
    for await (const span of this.#spans(search, series, wanted)) {
      found.push(...await this.#within(span, search, wanted - found.length));
      if (found.length >= wanted) break;
    }
    return found;
  }

  /** From the newest on, each of whole hours with about as many events as are wanted. */
  async* #spans(search: EventSearch, series: number[] | null, wanted: number): AsyncGenerator<Span> {
    let span: { fromHour: number; toHour: number; series: Set<number>; events: number } | null = null;
    for await (const { hour, series_id, events } of this.#hours(search, series)) {
      if (span && hour !== span.fromHour && span.events >= wanted) {
        yield span;
        span = null;
      }
      span ??= { fromHour: hour, toHour: hour, series: new Set(), events: 0 };
      span.fromHour = hour;
      span.series.add(series_id);
      span.events += events;
    }
    if (span) yield span;
  }

  /** Hours of series that hold at least one event with the score that is asked for, newest first. */
  async* #hours({ startUs, endUs, cursor, minScore }: EventSearch, series: number[] | null): AsyncGenerator<Selectable<EventHoursTable>> {
    const among = series && new Set(series);
    let before = { hour: Math.floor(Math.min(endUs - 1, cursor?.atUs ?? Infinity) / HOUR_US) + 1, series: 0 };
    for (let limit = FIRST_HOURS; among?.size !== 0; limit = MORE_HOURS) {
      let query = this.#database.selectFrom('event_hours').selectAll().where('hour', '>=', Math.floor(startUs / HOUR_US))
        .where((row) => row(row.refTuple('hour', 'series_id'), '<', row.tuple(before.hour, before.series)));
      if (series && series.length <= MOST_NAMED) query = query.where('series_id', 'in', series);
      if (minScore !== null) query = query.where('max_score', '>=', minScore);
      const rows = await query.orderBy('hour', 'desc').orderBy('series_id', 'desc').limit(limit).execute();
      for (const row of rows) if (!among || among.has(row.series_id)) yield row;
      const last = rows.at(-1);
      if (!last || rows.length < limit) return;
      before = { hour: last.hour, series: last.series_id };
    }
  }

  #places(unseenBy: number | null) {
    const query = this.#database.selectFrom('events').select(['id', 'at_us']);
    if (unseenBy === null) return query;
    return query.where((row) => row.not(row.exists(row.selectFrom('seen_events').select('event_id').whereRef('seen_events.event_id', '=', 'events.id').where('seen_events.user_id', '=', unseenBy))));
  }

  #within({ fromHour, toHour, series }: Span, { startUs, endUs, cursor, minScore, unseenBy = null }: EventSearch, wanted: number): Promise<Place[]> {
    let query = this.#places(unseenBy).where('series_id', 'in', [...series])
      .where('at_us', '>=', Math.max(startUs, fromHour * HOUR_US)).where('at_us', '<', Math.min(endUs, (toHour + 1) * HOUR_US));
    if (cursor) query = query.where('at_us', '<=', cursor.atUs).where((row) => row(row.refTuple('at_us', 'id'), '<', row.tuple(cursor.atUs, cursor.id)));
    if (minScore !== null) query = query.where('score', '>=', minScore);
    return query.orderBy('at_us', 'desc').orderBy('id', 'desc').limit(wanted).execute();
  }

  /** In the order of their places. */
  async #events(places: readonly Place[]): Promise<FoundEvent[]> {
    if (places.length === 0) return [];
    const rows = await this.#database.selectFrom('events').selectAll().where('id', 'in', places.map(({ id }) => id)).execute();
    await this.#series.makeKnown(this.#database, rows.map(({ series_id }) => series_id));
    const byId = new Map(rows.map((row) => [row.id, row]));
    return places.flatMap(({ id }) => {
      const row = byId.get(id);
      return row ? [{ id, ...fromStream(row.source), atUs: row.at_us, score: row.score, series: this.#series.get(row.series_id), body: row.body }] : [];
    });
  }
}

const CURSOR = /^(\d{1,16})-(\d{1,16})$/;
export const cursorText = ({ atUs, id }: EventCursor): string => `${atUs}-${id}`;

/** Throws `bad_request`. */
export function parseCursor(text: string): EventCursor {
  const [, atUs, id] = CURSOR.exec(text) ?? [];
  if (atUs === undefined || id === undefined) throw new RuthError('bad_request', `${JSON.stringify(text.slice(0, 40))} is no cursor; take next_cursor of the page before`);
  return { atUs: Number(atUs), id: Number(id) };
}
