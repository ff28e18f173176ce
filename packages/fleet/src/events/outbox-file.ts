// The file of an outbox: opened whole, or put aside where it is broken and begun anew, which is told.
import { renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { RuthError } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';

const SCHEMA_VERSION = 1;
/** SQLITE_CORRUPT, SQLITE_NOTADB */
const BROKEN: ReadonlySet<number> = new Set([11, 26]);

export function openOutboxFile(file: string, logger: Logger): DatabaseSync {
  try {
    return openChecked(file);
  } catch (cause) {
    if (!BROKEN.has((cause as { errcode?: number }).errcode ?? 0)) throw cause;
    logger.error({ file: `${file}.broken` }, `the outbox is broken, and put aside; events of this node that the site does not have yet may be lost: ${(cause as Error).message}`);
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
    renameSync(file, `${file}.broken`);
    return openChecked(file);
  }
}

function openChecked(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 5000 });
  try {
    // FULL: what a transaction wrote is on the disk when it ends.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216');
    const { quick_check: found } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    if (found !== 'ok') throw Object.assign(new Error(found), { errcode: 11 });
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version > SCHEMA_VERSION) throw new RuthError('store_unavailable', 'it is of a newer Ruth');
    if (version === 0) {
      database.exec(`BEGIN;
        CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, epoch INTEGER NOT NULL, event_id INTEGER NOT NULL, kept_ms INTEGER NOT NULL, gap_after INTEGER, bytes INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
        CREATE TABLE followed (source TEXT PRIMARY KEY, epoch INTEGER NOT NULL, last_id INTEGER NOT NULL) STRICT;
        CREATE TABLE dropped (events INTEGER NOT NULL) STRICT;
        INSERT INTO followed VALUES ('core', 0, -1), ('kernel', 0, -1);
        INSERT INTO dropped VALUES (0);
        PRAGMA user_version = ${SCHEMA_VERSION};
        COMMIT`);
    }
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}
