// What stands now, out of what was stored: tracks that live, whom zones hold, how many, and alerts that were raised and not cleared. Only of what happened
// since an instant: what a core told that has ended since then stands no more.
import type { Database } from './database.ts';

const OF_TRACKS = ['zone.entered', 'zone.left', 'dwell', 'object.left'];
/** The newest of each series says how it stands. */
const OF_STATES = ['occupancy', 'alert.raised', 'alert.cleared'];
const MOST_TRACKS = 2000;
const MOST_EVENTS = 10_000;

/** Bodies of events, in an order in which they lead to what stands: the newest track events last. */
export async function standingEvents(database: Database, cameras: readonly string[], sinceUs: number): Promise<string[]> {
  if (cameras.length === 0) return [];
  const tracks = await database.selectFrom('tracks').selectAll().where('first_us', '>=', sinceUs).where('end_reason', 'is', null).where('camera', 'in', cameras).orderBy('first_us', 'desc').limit(MOST_TRACKS).execute();
  const series = await database.selectFrom('event_series').select(['id', 'type']).where('camera', 'in', cameras).where('type', 'in', [...OF_TRACKS, ...OF_STATES]).execute();
  const newest = (await Promise.all(series.filter(({ type }) => OF_STATES.includes(type)).map(({ id }) => (
    database.selectFrom('events').select(['id', 'body']).where('series_id', '=', id).where('at_us', '>=', sinceUs).orderBy('at_us', 'desc').orderBy('id', 'desc').limit(1).executeTakeFirst()
  )))).filter((event) => event !== undefined);
  return [...await eventsOf(database, tracks, series.filter(({ type }) => OF_TRACKS.includes(type)).map(({ id }) => id)), ...newest.toSorted((one, other) => one.id - other.id).map(({ body }) => body), ...tracks.map(({ body }) => body)];
}

async function eventsOf(database: Database, tracks: readonly { camera: string; model: string; track_id: number; first_us: number }[], series: readonly number[]): Promise<string[]> {
  if (tracks.length === 0 || series.length === 0) return [];
  const living = new Set(tracks.map(({ camera, model, track_id: id }) => `${camera} ${model} ${id}`));
  const sinceUs = Math.min(...tracks.map(({ first_us: us }) => us));
  const rows = await database.selectFrom('events').select('body').where('series_id', 'in', series).where('at_us', '>=', sinceUs).orderBy('id', 'desc').limit(MOST_EVENTS).execute();
  return rows.toReversed().filter(({ body }) => {
    const { camera_id: camera, model_id: model, track } = JSON.parse(body) as { camera_id: string; model_id: string; track: { id: number } };
    return living.has(`${camera} ${model} ${track.id}`);
  }).map(({ body }) => body);
}
