// Forgets events and tracks that are too old, by camera and in whole hours, a few at a time so that nothing waits for long.
import type { Database } from './database.ts';
import { HOUR_US } from './event-search.ts';

/** Deleted in one transaction. */
const ROWS_AT_ONCE = 2000;

export interface Forgotten { readonly events: number; readonly tracks: number; readonly isDone: boolean }

/** Of cameras that have events: the first whole hour that has any. */
export async function oldestHours(database: Database): Promise<{ camera: string; hour: number }[]> {
  return database.selectFrom('event_hours').innerJoin('event_series', 'event_series.id', 'event_hours.series_id')
    .select(({ fn }) => ['event_series.camera', fn.min('event_hours.hour').as('hour')]).groupBy('event_series.camera').execute();
}

/** Hours of a camera that have events, from `fromHour` to before `beforeHour`. */
export async function hoursOf(database: Database, camera: string, fromHour: number, beforeHour: number): Promise<number[]> {
  const rows = await database.selectFrom('event_hours').innerJoin('event_series', 'event_series.id', 'event_hours.series_id').select('event_hours.hour').distinct()
    .where('event_series.camera', '=', camera).where('event_hours.hour', '>=', fromHour).where('event_hours.hour', '<', beforeHour).orderBy('event_hours.hour').execute();
  return rows.map(({ hour }) => hour);
}

/** Part of an hour of a camera; call again until it is done. Its count goes with the last of it. */
export async function forgetHour(database: Database, camera: string, hour: number): Promise<Forgotten> {
  return database.transaction().execute(async (transaction) => {
    const series = (await transaction.selectFrom('event_series').select('id').where('camera', '=', camera).execute()).map(({ id }) => id);
    if (series.length === 0) return { events: 0, tracks: 0, isDone: true };
    const [startUs, endUs] = [hour * HOUR_US, (hour + 1) * HOUR_US];
    const ids = (await transaction.selectFrom('events').select('id').where('series_id', 'in', series).where('at_us', '>=', startUs).where('at_us', '<', endUs).limit(ROWS_AT_ONCE).execute()).map(({ id }) => id);
    if (ids.length > 0) await transaction.deleteFrom('events').where('id', 'in', ids).execute();
    const isDone = ids.length < ROWS_AT_ONCE;
    if (!isDone) return { events: ids.length, tracks: 0, isDone };
    await transaction.deleteFrom('event_hours').where('hour', '=', hour).where('series_id', 'in', series).execute();
    const { numDeletedRows } = await transaction.deleteFrom('tracks').where('camera', '=', camera).where('first_us', '>=', startUs).where('first_us', '<', endUs).executeTakeFirst();
    return { events: ids.length, tracks: Number(numDeletedRows), isDone };
  });
}
