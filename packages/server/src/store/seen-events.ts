// Which events somebody has seen: single ones, and all up to an instant. A mark goes with its event and with its person.
import type { Database } from './database.ts';

export interface SeenEvents {
  /** All earlier ones count as seen. */
  readonly beforeUs: number;
  /** Of those that were asked about. */
  readonly ids: ReadonlySet<number>;
}

export async function seenBefore(database: Database, userId: number): Promise<number> {
  return (await database.selectFrom('users').select('seen_before_us').where('id', '=', userId).executeTakeFirst())?.seen_before_us ?? 0;
}

export async function seenAmong(database: Database, userId: number, ids: readonly number[]): Promise<SeenEvents> {
  const beforeUs = await seenBefore(database, userId);
  const rows = ids.length === 0 ? [] : await database.selectFrom('seen_events').select('event_id').where('user_id', '=', userId).where('event_id', 'in', ids).execute();
  return { beforeUs, ids: new Set(rows.map(({ event_id }) => event_id)) };
}

/** Ids of events that are not there (any more) are passed over. */
export async function markSeen(database: Database, userId: number, ids: readonly number[]): Promise<void> {
  const there = ids.length === 0 ? [] : await database.selectFrom('events').select('id').where('id', 'in', ids).execute();
  if (there.length > 0) await database.insertInto('seen_events').values(there.map(({ id }) => ({ event_id: id, user_id: userId }))).onConflict((conflict) => conflict.doNothing()).execute();
}

/** All before this instant, but never fewer than before. */
export async function markSeenBefore(database: Database, userId: number, beforeUs: number): Promise<void> {
  await database.updateTable('users').set({ seen_before_us: beforeUs }).where('id', '=', userId).where('seen_before_us', '<', beforeUs).execute();
}

export async function unmarkSeen(database: Database, userId: number, id: number): Promise<void> {
  await database.deleteFrom('seen_events').where('user_id', '=', userId).where('event_id', '=', id).execute();
}
