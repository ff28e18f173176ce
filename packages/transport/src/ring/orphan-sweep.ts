// Removes the rings of processes that are gone, and the unfinished files of those that died while making one.
import { closeSync, constants, existsSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { DEFAULT_RING_DIRECTORY, isId, RING_FILE_PREFIX } from '@ruth/protocol/base';
import { lockFile } from './mapping.ts';
import { isSameFile, openExistingRing, retireRingFile, UNFINISHED_PREFIX, unlinkIfThere } from './ring-file.ts';

/** Returns the paths removed. A writer holds a lock on its file for as long as it lives, so a file that can be locked is an orphan. */
export function sweepOrphanRings(options: { readonly ringDirectory?: string } = {}): string[] {
  const directory = options.ringDirectory ?? DEFAULT_RING_DIRECTORY;
  const removed: string[] = [];
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    const finished = name.startsWith(RING_FILE_PREFIX) && isId(name.slice(RING_FILE_PREFIX.length));
    if (!finished && !name.startsWith(UNFINISHED_PREFIX)) continue;
    const path = `${directory}/${name}`;
    const fd = finished ? openExistingRing(path) : openRegularFile(path);
    if (fd === null) continue;
    try {
      if (!lockFile(fd) || !isSameFile(path, fd)) continue;
      if (finished) retireRingFile(fd);
      unlinkIfThere(path);
      removed.push(path);
    } finally {
      closeSync(fd);
    }
  }
  return removed;
}

function openRegularFile(path: string): number | null {
  try {
    const fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
  } catch {
    // Gone meanwhile, or not ours to touch.
  }
  return null;
}
