// How far each target of notifications has come, and what could not be delivered to it. A target that is new begins with what comes now.
import { RuthError } from '@ruth/protocol/base';
import { sql, type Insertable, type Selectable } from 'kysely';
import type { Database } from './database.ts';
import type { DeadLettersTable } from './tables.ts';

export type DeadLetter = Selectable<DeadLettersTable>;
const MOST_DEAD_LETTERS = 10_000;

/** Id of the last event that is done with. `target` is here as the table has it. */
export async function courierPosition(database: Database, target: string): Promise<number> {
  const known = await database.selectFrom('couriers').select('last_event_id').where('target', '=', target).executeTakeFirst();
  if (known) return known.last_event_id;
  const { newest } = await database.selectFrom('events').select(({ fn }) => fn.max('id').as('newest')).executeTakeFirstOrThrow();
  const last_event_id = newest ?? 0;
  await database.insertInto('couriers').values({ target, last_event_id }).onConflict((conflict) => conflict.doNothing()).execute();
  return last_event_id;
}

/** Of this node (null: there is one alone) nothing is known of other targets any more: one that is named again begins anew. */
export async function keepCouriers(database: Database, node: string | null, names: readonly string[]): Promise<void> {
  const targets = names.map((name) => (node === null ? name : `${node}/${name}`));
  let others = database.deleteFrom('couriers');
  if (targets.length > 0) others = others.where('target', 'not in', targets);
  others = node === null ? others.where('target', 'not like', '%/%') : others.where('target', 'like', `${node.replaceAll(/[\\%_]/g, '\\$&')}/%`);
  await others.execute();
}

/** `holder`: the server whose turn it has to be (courier-turns.ts); null where there is one alone. Throws `conflict` where it is another one's; then nothing is moved. */
export async function moveCourier(database: Database, target: string, eventId: number, holder: string | null): Promise<void> {
  if (holder === null) {
    await database.updateTable('couriers').set({ last_event_id: eventId }).where('target', '=', target).where('last_event_id', '<', eventId).execute();
    return;
  }
  const { numAffectedRows } = await sql`update couriers set last_event_id = greatest(last_event_id, ${eventId}) where target = ${target} and holder = ${holder}`.execute(database);
  if (numAffectedRows !== 1n) throw new RuthError('conflict', `another server brings events to ${target} by now`);
}

/** A dead letter; its target (as the table of couriers has it) goes on with the next event. As `moveCourier`. */
export async function buryEvent(database: Database, letter: Insertable<DeadLettersTable>, target: string, holder: string | null): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    await moveCourier(transaction, target, letter.event_id, holder);
    await transaction.insertInto('dead_letters').values(letter).execute();
    const { oldest } = await transaction.selectFrom('dead_letters').select(({ fn }) => fn.max('id').as('oldest')).executeTakeFirstOrThrow();
    await transaction.deleteFrom('dead_letters').where('id', '<=', (oldest ?? 0) - MOST_DEAD_LETTERS).execute();
  });
}

/** Newest first. */
export function deadLetters(database: Database, limit: number): Promise<DeadLetter[]> {
  return database.selectFrom('dead_letters').selectAll().orderBy('id', 'desc').limit(limit).execute();
}

export async function deadLetter(database: Database, id: number): Promise<DeadLetter | null> {
  return await database.selectFrom('dead_letters').selectAll().where('id', '=', id).executeTakeFirst() ?? null;
}

export async function removeDeadLetter(database: Database, id: number): Promise<boolean> {
  return (await database.deleteFrom('dead_letters').where('id', '=', id).executeTakeFirst()).numDeletedRows === 1n;
}
