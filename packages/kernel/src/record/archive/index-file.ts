// The index in the folder of recordings: one process at a time has it, a full disk does not keep it from being opened, and a damaged one is put aside.
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RuthError } from '@ruth/protocol';
import { lockFile } from '@ruth/transport';
import { migrate } from './index-schema.ts';
import { ownerText } from './owner-before.ts';

export const INDEX_FILE = 'index.sqlite';
const LOCK_FILE = '.lock';
const RESERVE_FILE = '.reserve';
const RESERVE_BYTES = 1 << 20;

/** `ownerBefore`: what the process that had the folder before wrote of itself (see owner-before.ts); empty where there was none. */
export interface FolderLock { readonly fd: number; readonly ownerBefore: string }

/** Makes the folder and locks it until the process is gone, however it goes. Throws `invalid_state` naming the owner, `invalid_config`. */
export function lockFolder(directory: string): FolderLock {
  let fd: number;
  const path = join(directory, LOCK_FILE);
  try {
    makeFolder(directory);
    fd = openSync(path, 'a', 0o640);
  } catch (cause) {
    throw new RuthError('invalid_config', `recording.directory ${directory} cannot be written to: ${(cause as Error).message}; make the folder, or name another`, { cause });
  }
  if (!lockFile(fd)) {
    closeSync(fd);
    const owner = /^\d+/.exec(readFileSync(path, 'utf8').trim())?.[0] ?? 'unknown';
    throw new RuthError('invalid_state', `the recordings in ${directory} belong to a kernel that runs already (process ${owner}); stop it, or name another recording.directory`);
  }
  let ownerBefore = '';
  try {
    ownerBefore = readFileSync(path, 'utf8');
    ftruncateSync(fd, 0);
    writeSync(fd, ownerText());
  } catch {
    // On a full disk the lock holds all the same; only its owner is not told.
  }
  return { fd, ownerBefore };
}

/** With its parents. Node's own recursion does not end where a file system says of a folder that may not be made that it is not there (procfs does). */
function makeFolder(directory: string): void {
  if (existsSync(directory)) return;
  if (dirname(directory) !== directory) makeFolder(dirname(directory));
  try {
    mkdirSync(directory, { mode: 0o750 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Even to be opened the index needs some room. It is kept free for the day on which the disk is full. */
export function openIndex(directory: string): DatabaseSync {
  const path = join(directory, INDEX_FILE);
  const reserve = join(directory, RESERVE_FILE);
  try {
    const database = openOrReplace(path);
    keepReserve(reserve);
    return database;
  } catch (error) {
    if (!existsSync(reserve)) throw error;
    rmSync(reserve);
    return openOrReplace(path);
  }
}

function keepReserve(path: string): void {
  if (existsSync(path)) return;
  try {
    writeFileSync(path, Buffer.alloc(RESERVE_BYTES), { mode: 0o640 });
  } catch {
    rmSync(path, { force: true });
  }
}

function openOrReplace(path: string): DatabaseSync {
  try {
    return openDatabase(path);
  } catch (error) {
    // SQLITE_CORRUPT, SQLITE_NOTADB: the files tell all that the index told, but for what was kept.
    if (![11, 26].includes((error as { errcode?: number }).errcode ?? 0) || !existsSync(path)) throw error;
    renameSync(path, `${path}.damaged`);
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
    return openDatabase(path);
  }
}

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5000 });
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 4194304');
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
