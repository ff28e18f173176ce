// The tables of `index.sqlite`, and how an older index becomes a newer one. Times are the node's wall clock, microseconds UTC.
import type { DatabaseSync } from 'node:sqlite';
import { RuthError } from '@ruth/protocol';

/** Each entry leads from the version of its place to the next; `user_version` counts. Never change one that was released. */
const MIGRATIONS = [`
  CREATE TABLE segments (
    file TEXT NOT NULL PRIMARY KEY,
    camera TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL CHECK (end_us > start_us),
    duration_ticks INTEGER NOT NULL,
    codec TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    audio INTEGER NOT NULL,
    init_bytes INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    continues INTEGER NOT NULL,
    -- unsigned 32-bit little-endian, four for each: offset, bytes, start in ticks, duration in ticks * 2 + (1 for a keyframe)
    fragments BLOB NOT NULL,
    kept INTEGER NOT NULL DEFAULT 0,
    -- its file is being deleted, and may be gone
    deleting INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE UNIQUE INDEX segments_by_time ON segments (camera, start_us);
  CREATE INDEX segments_by_age ON segments (camera, start_us, bytes) WHERE kept = 0 AND deleting = 0;
  CREATE INDEX segments_deleting ON segments (file) WHERE deleting = 1;

  -- Without overlaps, the order of starts is the order of ends: the one that starts last before the new one's end tells.
  CREATE TRIGGER segments_overlap BEFORE INSERT ON segments WHEN
    (SELECT end_us FROM segments WHERE camera = NEW.camera AND start_us < NEW.end_us ORDER BY start_us DESC LIMIT 1) > NEW.start_us
  BEGIN SELECT RAISE(ABORT, 'overlap'); END;

  CREATE TABLE usage (camera TEXT NOT NULL PRIMARY KEY, bytes INTEGER NOT NULL, segments INTEGER NOT NULL) STRICT;
  CREATE TRIGGER segments_added AFTER INSERT ON segments BEGIN
    INSERT INTO usage VALUES (NEW.camera, NEW.bytes, 1) ON CONFLICT (camera) DO UPDATE SET bytes = bytes + NEW.bytes, segments = segments + 1;
  END;
  CREATE TRIGGER segments_removed AFTER DELETE ON segments BEGIN
    UPDATE usage SET bytes = bytes - OLD.bytes, segments = segments - 1 WHERE camera = OLD.camera;
  END;

  CREATE TABLE gaps (
    camera TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    -- null while nothing is recorded since
    end_us INTEGER CHECK (end_us > start_us),
    cause TEXT NOT NULL,
    message TEXT,
    PRIMARY KEY (camera, start_us)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX gaps_open ON gaps (camera) WHERE end_us IS NULL;

  CREATE TABLE keeps (camera TEXT NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL CHECK (end_us > start_us), PRIMARY KEY (camera, start_us)) STRICT, WITHOUT ROWID;
`, `
  CREATE INDEX segments_kept ON segments (file) WHERE kept = 1 AND deleting = 0;
`];

/** Throws `invalid_config` for an index of a newer Ruth. */
export function migrate(database: DatabaseSync): void {
  const version = schemaVersion(database);
  if (version > MIGRATIONS.length) throw new RuthError('invalid_config', `the index of the recordings is of a newer Ruth (version ${version}, this one knows ${MIGRATIONS.length}); update Ruth, or name another recording.directory`);
  for (const [step, sql] of MIGRATIONS.slice(version).entries()) database.exec(`BEGIN IMMEDIATE; ${sql} PRAGMA user_version = ${version + step + 1}; COMMIT;`);
}

export const SCHEMA_VERSION = MIGRATIONS.length;
export const schemaVersion = (database: DatabaseSync): number => (database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
