// Series of events: what events have in common, each with a number. There are thousands of them, and they only become more; so they
// are held in memory, by type as by zone, and what a search means is looked up here.
import type { Selectable } from 'kysely';
import type { Database } from './database.ts';
import type { EventSeriesTable } from './tables.ts';

export type EventSeries = Selectable<EventSeriesTable>;
export type SeriesKey = Omit<EventSeries, 'id'>;

/** Each list is one of which any may be; null for all. */
export interface SeriesFilter {
  readonly types: readonly string[] | null;
  readonly cameras: readonly string[] | null;
  readonly models: readonly string[] | null;
  readonly classes: readonly string[] | null;
  readonly zones: readonly string[] | null;
  readonly rules: readonly string[] | null;
}

const keyOf = (key: SeriesKey): string => JSON.stringify([key.type, key.camera, key.model, key.class_name, key.zones, key.rule]);

export class SeriesIndex {
  readonly #byId = new Map<number, EventSeries>();
  readonly #idByKey = new Map<string, number>();
  #newestId = 0;

  get size(): number { return this.#byId.size; }
  /** Of one that is known. */
  get(id: number): EventSeries { return this.#byId.get(id)!; }

  /** Takes in what others, or this process, have added. */
  async refresh(database: Database): Promise<void> {
    for (const series of await database.selectFrom('event_series').selectAll().where('id', '>', this.#newestId).orderBy('id').execute()) {
      this.#byId.set(series.id, series);
      this.#idByKey.set(keyOf(series), series.id);
      this.#newestId = series.id;
    }
  }

  /** So that `get` has each of them: one may have been added since the index was looked at. */
  async makeKnown(database: Database, ids: readonly number[]): Promise<void> { if (ids.some((id) => !this.#byId.has(id))) await this.refresh(database); }

  /** Numbers of these series, in their order; new ones are added to the database first. */
  async idsOf(database: Database, keys: readonly SeriesKey[]): Promise<number[]> {
    const unknown = new Map(keys.map((key) => [keyOf(key), key] as const).filter(([text]) => !this.#idByKey.has(text)));
    if (unknown.size > 0) {
      await database.insertInto('event_series').values([...unknown.values()]).onConflict((conflict) => conflict.doNothing()).execute();
      await this.refresh(database);
    }
    return keys.map((key) => this.#idByKey.get(keyOf(key))!);
  }

  /** Null where the filter leaves out none. */
  matching(filter: SeriesFilter): number[] | null {
    const { types, cameras, models, classes, zones, rules } = filter;
    if (!types && !cameras && !models && !classes && !zones && !rules) return null;
    const among = (wanted: readonly string[] | null, value: string): boolean => wanted === null || wanted.includes(value);
    const ids: number[] = [];
    for (const series of this.#byId.values()) {
      if (among(types, series.type) && among(cameras, series.camera) && among(models, series.model) && among(classes, series.class_name)
        && (zones === null || series.zones.split(',').some((zone) => zones.includes(zone))) && among(rules, series.rule)) ids.push(series.id);
    }
    return ids;
  }
}
