// A file of settings that is read whole, and replaced whole in one step: its mode, its owner, and a link to it stay.
import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { RuthError } from '@ruth/protocol';

/** It holds passwords: a new one is its owner's alone. */
const NEW_FILE_MODE = 0o600;

/** Null where it is not there. Throws `invalid_config`. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new RuthError('invalid_config', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Throws `invalid_config`; the file then is as it was. */
export function replaceFile(path: string, text: string, exists: boolean): void {
  // A link stays a link: what it points at is replaced.
  const target = exists ? realpathSync(path) : path;
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}`);
  try {
    if (!exists) mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    const before = exists ? statSync(target) : null;
    const file = openSync(temporary, 'wx', before === null ? NEW_FILE_MODE : before.mode & 0o777);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (before !== null && process.getuid?.() === 0) chownSync(temporary, before.uid, before.gid);
    renameSync(temporary, target);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new RuthError('invalid_config', `${path} cannot be written: ${(cause as Error).message}`, { cause });
  }
}
