// node:sqlite as Kysely's SQLite dialect wants it. Statements are prepared once and kept.
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

const MOST_PREPARED = 128;
const BUSY_TIMEOUT_MS = 5000;
/** Negative: KiB. */
const CACHE = -32 * 1024;

export function openSqlite(file: string, access: 'writer' | 'reader'): SqliteDatabase {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, readOnly: access === 'reader' });
  if (access === 'writer') database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864');
  database.exec(`PRAGMA foreign_keys = ON; PRAGMA cache_size = ${CACHE}; PRAGMA mmap_size = 268435456`);
  const prepared = new Map<string, SqliteStatement>();
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = prepared.get(sql);
      if (known) return known;
      const statement = adapt(database.prepare(sql));
      if (prepared.size >= MOST_PREPARED) prepared.delete(prepared.keys().next().value!);
      prepared.set(sql, statement);
      return statement;
    },
  };
}

function adapt(statement: StatementSync): SqliteStatement {
  const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)) as IterableIterator<unknown>,
  };
}
