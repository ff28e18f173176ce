// Where the database is in the stream of its site, and whose turn it is to read on: one server at a time does, for all. A turn ends by itself, by the clock
// of the database; that two servers take it at once does no harm, for the position moves only from where its writer believes it to be.
import { sql } from 'kysely';
import type { StreamPosition } from '@ruth/transport/follow';
import type { Database } from './database.ts';
import { SITE_STREAM } from './tables.ts';

export interface SiteTurn { readonly isMine: boolean; readonly position: StreamPosition }

/** As often as a server of a site begins. */
export async function openSiteStream(database: Database): Promise<void> {
  await database.insertInto('followed').values({ source: SITE_STREAM, epoch: 0, last_id: -1 }).onConflict((conflict) => conflict.doNothing()).execute();
  await sql`insert into turns (name, holder, until) values (${SITE_STREAM}, '', now()) on conflict do nothing`.execute(database);
}

/** Takes the turn where nobody has it, or keeps it, for `forS` more. */
export async function takeSiteTurn(database: Database, holder: string, forS: number): Promise<SiteTurn> {
  const { numAffectedRows } = await sql`update turns set holder = ${holder}, until = now() + make_interval(secs => ${forS}) where name = ${SITE_STREAM} and (holder = ${holder} or until < now())`.execute(database);
  const { epoch, last_id: lastId } = await database.selectFrom('followed').selectAll().where('source', '=', SITE_STREAM).executeTakeFirstOrThrow();
  return { isMine: numAffectedRows === 1n, position: { epoch, lastId } };
}

/** Lets another one take it at once. */
export async function leaveSiteTurn(database: Database, holder: string): Promise<void> {
  await sql`update turns set until = now() - interval '1 second' where name = ${SITE_STREAM} and holder = ${holder}`.execute(database);
}
