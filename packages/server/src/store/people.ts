// People, their sessions and tokens, and what was done: plain queries. Who may do what is not decided here.
import type { Insertable, Selectable } from 'kysely';
import type { Database } from './database.ts';
import type { AuditTable, TokensTable, UsersTable } from './tables.ts';

export type FoundUser = Selectable<UsersTable>;
export type NewUserRow = Insertable<UsersTable>;
export type UserUpdate = Partial<Pick<FoundUser, 'role' | 'cameras' | 'active' | 'password' | 'is_one_time'>>;
export type NewTokenRow = Insertable<TokensTable>;
export type FoundToken = Selectable<TokensTable> & { readonly owner: string };
export type AuditRow = Insertable<AuditTable>;
export interface FoundSession { readonly user: FoundUser; readonly mustChange: boolean; readonly createdUs: number; readonly seenUs: number }
export interface AuditSearch { readonly actor: string | null; readonly action: string | null; readonly camera: string | null; readonly beforeId: number | null; readonly limit: number }

export class People {
  readonly #database: Database;

  constructor(database: Database) { this.#database = database; }

  users(): Promise<FoundUser[]> { return this.#database.selectFrom('users').selectAll().orderBy('name').execute(); }

  async user(name: string): Promise<FoundUser | null> { return await this.#database.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst() ?? null; }

  /** False where there is one of that name. */
  async addUser(user: NewUserRow): Promise<boolean> {
    return (await this.#database.insertInto('users').values(user).onConflict((conflict) => conflict.doNothing()).executeTakeFirst()).numInsertedOrUpdatedRows === 1n;
  }

  /** Who has this subject, with this role from now on; made where there is none. `conflict`: somebody else has the name. */
  async personFromProvider({ subject, name, role, nowUs }: { subject: string; name: string; role: string; nowUs: number }): Promise<FoundUser | 'conflict'> {
    return this.#database.transaction().execute(async (transaction) => {
      const known = await transaction.selectFrom('users').selectAll().where('subject', '=', subject).executeTakeFirst();
      if (known) {
        if (known.role === role) return known;
        await transaction.updateTable('users').set({ role }).where('id', '=', known.id).execute();
        await transaction.deleteFrom('sessions').where('user_id', '=', known.id).execute();
        return { ...known, role };
      }
      const made = await transaction.insertInto('users').values({ name, subject, role, password: '', is_one_time: 0, cameras: null, active: 1, created_us: nowUs }).onConflict((conflict) => conflict.doNothing()).returningAll().executeTakeFirst();
      return made ?? 'conflict';
    });
  }

  /** Ends the sessions of the user: whoever goes on signs in anew. Null where there is none; `last_admin` where nobody would be left who administers. */
  async changeUser(name: string, change: UserUpdate): Promise<FoundUser | 'last_admin' | null> {
    return this.#database.transaction().execute(async (transaction) => {
      const user = await transaction.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst();
      if (!user) return null;
      const changed = { ...user, ...change };
      if (isAdmin(user) && !isAdmin(changed) && await isLastAdmin(transaction)) return 'last_admin';
      await transaction.updateTable('users').set(change).where('id', '=', user.id).execute();
      await transaction.deleteFrom('sessions').where('user_id', '=', user.id).execute();
      return changed;
    });
  }

  async removeUser(name: string): Promise<boolean | 'last_admin'> {
    return this.#database.transaction().execute(async (transaction) => {
      const user = await transaction.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst();
      if (!user) return false;
      if (isAdmin(user) && await isLastAdmin(transaction)) return 'last_admin';
      await transaction.deleteFrom('users').where('id', '=', user.id).execute();
      return true;
    });
  }

  async addSession(hash: string, userId: number, mustChange: boolean, nowUs: number): Promise<void> {
    await this.#database.insertInto('sessions').values({ hash, user_id: userId, must_change: Number(mustChange), created_us: nowUs, seen_us: nowUs }).execute();
  }

  async session(hash: string): Promise<FoundSession | null> {
    const session = await this.#database.selectFrom('sessions').selectAll().where('hash', '=', hash).executeTakeFirst();
    const user = session && await this.#database.selectFrom('users').selectAll().where('id', '=', session.user_id).executeTakeFirst();
    return user ? { user, mustChange: session.must_change === 1, createdUs: session.created_us, seenUs: session.seen_us } : null;
  }

  async sawSession(hash: string, nowUs: number): Promise<void> { await this.#database.updateTable('sessions').set({ seen_us: nowUs }).where('hash', '=', hash).execute(); }
  async removeSession(hash: string): Promise<void> { await this.#database.deleteFrom('sessions').where('hash', '=', hash).execute(); }

  /** It works no more. False where somebody was first. */
  async takeOneTimePassword(userId: number, password: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#database.updateTable('users').set({ password: '' }).where('id', '=', userId).where('password', '=', password).executeTakeFirst();
    return numUpdatedRows === 1n;
  }

  /** Ends all other sessions of the user. */
  async setPassword(userId: number, password: string, keptSession: string): Promise<void> {
    await this.#database.transaction().execute(async (transaction) => {
      await transaction.updateTable('users').set({ password, is_one_time: 0 }).where('id', '=', userId).execute();
      await transaction.deleteFrom('sessions').where('user_id', '=', userId).where('hash', '!=', keptSession).execute();
      await transaction.updateTable('sessions').set({ must_change: 0 }).where('hash', '=', keptSession).execute();
    });
  }

  async forgetSessions(createdBeforeUs: number, seenBeforeUs: number): Promise<void> {
    await this.#database.deleteFrom('sessions').where((row) => row.or([row('created_us', '<', createdBeforeUs), row('seen_us', '<', seenBeforeUs)])).execute();
  }

  /** Null: of all. */
  tokens(ownerId: number | null): Promise<FoundToken[]> {
    const query = this.#database.selectFrom('tokens').innerJoin('users', 'users.id', 'tokens.user_id').selectAll('tokens').select('users.name as owner').orderBy('tokens.id');
    return (ownerId === null ? query : query.where('tokens.user_id', '=', ownerId)).execute();
  }

  async addToken(token: NewTokenRow): Promise<number> { return (await this.#database.insertInto('tokens').values(token).returning('id').executeTakeFirstOrThrow()).id; }

  async token(hash: string): Promise<{ token: FoundToken; user: FoundUser } | null> {
    const token = await this.#database.selectFrom('tokens').innerJoin('users', 'users.id', 'tokens.user_id').selectAll('tokens').select('users.name as owner').where('hash', '=', hash).executeTakeFirst();
    const user = token && await this.#database.selectFrom('users').selectAll().where('id', '=', token.user_id).executeTakeFirst();
    return user ? { token, user } : null;
  }

  async usedToken(hash: string, nowUs: number): Promise<void> { await this.#database.updateTable('tokens').set({ used_us: nowUs }).where('hash', '=', hash).execute(); }

  async removeToken(id: number, ownerId: number | null): Promise<boolean> {
    const query = this.#database.deleteFrom('tokens').where('id', '=', id);
    return (await (ownerId === null ? query : query.where('user_id', '=', ownerId)).executeTakeFirst()).numDeletedRows === 1n;
  }

  async note(rows: readonly AuditRow[]): Promise<void> { if (rows.length > 0) await this.#database.insertInto('audit').values(rows).execute(); }

  audit({ actor, action, camera, beforeId, limit }: AuditSearch): Promise<Selectable<AuditTable>[]> {
    let query = this.#database.selectFrom('audit').selectAll();
    if (actor !== null) query = query.where('actor', '=', actor);
    if (action !== null) query = query.where('action', '=', action);
    if (camera !== null) query = query.where('camera', '=', camera);
    if (beforeId !== null) query = query.where('id', '<', beforeId);
    return query.orderBy('id', 'desc').limit(limit).execute();
  }

  async forgetAudit(beforeUs: number): Promise<void> { await this.#database.deleteFrom('audit').where('at_us', '<', beforeUs).execute(); }
}

const isAdmin = ({ role, active }: Pick<FoundUser, 'role' | 'active'>): boolean => role === 'admin' && active === 1;

async function isLastAdmin(database: Database): Promise<boolean> {
  return (await database.selectFrom('users').select('id').where('role', '=', 'admin').where('active', '=', 1).limit(2).execute()).length < 2;
}
