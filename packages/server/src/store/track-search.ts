// Finds tracks by when they began, newest first.
import type { Selectable } from 'kysely';
import type { Database } from './database.ts';
import type { TracksTable } from './tables.ts';

export interface TrackSearch {
  readonly cameras: readonly string[] | null;
  readonly models: readonly string[] | null;
  readonly classes: readonly string[] | null;
  readonly startUs: number;
  readonly endUs: number;
  readonly minScore: number | null;
  readonly cursor: TrackCursor | null;
  readonly limit: number;
}

/** `key` orders those that began at once. */
export interface TrackCursor { readonly firstUs: number; readonly camera: string; readonly model: string; readonly trackId: number }
export type FoundTrack = Selectable<TracksTable>;

export async function searchTracks(database: Database, { cameras, models, classes, startUs, endUs, minScore, cursor, limit }: TrackSearch): Promise<{ tracks: FoundTrack[]; next: TrackCursor | null }> {
  if (cameras?.length === 0) return { tracks: [], next: null };
  let query = database.selectFrom('tracks').selectAll().where('first_us', '>=', startUs).where('first_us', '<', endUs);
  if (cameras) query = query.where('camera', 'in', cameras);
  if (models) query = query.where('model', 'in', models);
  if (classes) query = query.where('class_name', 'in', classes);
  if (minScore !== null) query = query.where('score', '>=', minScore);
  if (cursor) query = query.where((row) => row(row.refTuple('first_us', 'camera', 'model', 'track_id'), '<', row.tuple(cursor.firstUs, cursor.camera, cursor.model, cursor.trackId)));
  const rows = await query.orderBy('first_us', 'desc').orderBy('camera', 'desc').orderBy('model', 'desc').orderBy('track_id', 'desc').limit(limit + 1).execute();
  const tracks = rows.slice(0, limit);
  const last = tracks.at(-1);
  return { tracks, next: rows.length > limit && last ? { firstUs: last.first_us, camera: last.camera, model: last.model, trackId: last.track_id } : null };
}
