// Opens the database: a file of SQLite, or PostgreSQL. One set of queries serves both.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { RuthError } from '@ruth/protocol/base';
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely';
import { migrate } from './migrations.ts';
import { openSqlite } from './sqlite.ts';
import type { Tables } from './tables.ts';

export type StoreAddress = { readonly kind: 'sqlite'; readonly file: string } | {
  readonly kind: 'postgres'; readonly url: string;
  /** Of a site, whose other nodes write their events into the same database: what is this node's is told by its name. */
  readonly node?: string;
};
/** A `reader` changes nothing, and expects a writer to have opened the database before. */
export type StoreAccess = 'writer' | 'reader';
export type Database = Kysely<Tables>;

const POSTGRES_CONNECTIONS = 4;
const POSTGRES_TIMEOUT_MS = 10_000;
const INT8 = 20;
const NUMERIC = 1700;

/** Throws `store_unavailable`. */
export async function openDatabase(address: StoreAddress, access: StoreAccess): Promise<Database> {
  try {
    const database = new Kysely<Tables>({ dialect: address.kind === 'sqlite' ? sqliteDialect(address.file, access) : await postgresDialect(address.url) });
    if (access === 'writer') await migrate(database, address.kind).catch(async (error: unknown) => { await database.destroy(); throw error; });
    return database;
  } catch (cause) {
    if (cause instanceof RuthError) throw cause;
    throw new RuthError('store_unavailable', `the store ${describeAddress(address)} cannot be opened: ${(cause as Error).message}`, { cause });
  }
}

/** Without credentials. */
export function describeAddress(address: StoreAddress): string {
  if (address.kind === 'sqlite') return address.file;
  if (!URL.canParse(address.url)) return 'at DATABASE_URL';
  const { host, pathname } = new URL(address.url);
  return `postgres://${host}${pathname}`;
}

/** SQLSTATE of class 08 (connection) or 57P (PostgreSQL stops, or starts), an error of the system, or what `pg` says of a connection that broke or did not come. */
export function isConnectionLost({ code, message }: Error & { code?: string }): boolean {
  return /^(08|57P)/.test(code ?? '') || /^E[A-Z]+$/.test(code ?? '') || /connection terminated|connection timeout|not queryable|timeout exceeded when trying to connect/i.test(message);
}

function sqliteDialect(file: string, access: StoreAccess): SqliteDialect {
  mkdirSync(dirname(file), { recursive: true, mode: 0o750 });
  return new SqliteDialect({ database: openSqlite(file, access) });
}

/** Its client is loaded where it is wanted. */
async function postgresDialect(connectionString: string): Promise<PostgresDialect> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({
    connectionString, max: POSTGRES_CONNECTIONS, connectionTimeoutMillis: POSTGRES_TIMEOUT_MS, query_timeout: POSTGRES_TIMEOUT_MS * 6, application_name: 'ruth',
    types: { getTypeParser: ((oid: number, format: 'text') => (oid === INT8 || oid === NUMERIC ? Number : pg.types.getTypeParser(oid, format) as unknown)) as typeof pg.types.getTypeParser },
  });
  // A connection that breaks while nobody uses it; whoever asks next gets a new one.
  pool.on('error', () => undefined);
  return new PostgresDialect({ pool });
}
