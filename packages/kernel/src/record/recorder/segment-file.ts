// One file of a recording, as it is written. What a call has returned for is on the disk: the bytes, and the name in its folder.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { assertId } from '@ruth/protocol';
import { lockFile } from '@ruth/transport';
import { UNCLAIMED } from '../segment.ts';

const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;
const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW
  // A write returns when its bytes, and the length of the file, are on the disk: as `fdatasync` after each, in one call.
  | constants.O_DSYNC;

export class SegmentFile {
  /** Relative to the recordings' folder. */
  readonly name: string;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  /** Whole and synced. */
  #bytes = 0;

  private constructor(directory: string, name: string, handle: FileHandle) {
    this.name = name;
    this.#path = `${directory}/${name}`;
    this.#handle = handle;
  }

  /** Its folders are made, `directory` itself is not: it may be a disk that is not mounted. Throws what the file system says. */
  static async create(directory: string, cameraId: string, startUs: number, first: readonly Buffer[], unclaimed = false): Promise<SegmentFile> {
    const startMs = Math.floor(startUs / 1000);
    const folders = [...(unclaimed ? [UNCLAIMED] : []), assertId(cameraId, 'camera'), ...folderNames(startMs)];
    const name = `${folders.join('/')}/${startMs}.mp4`;
    const openNew = async (): Promise<FileHandle> => {
      await makeFolders(directory, folders);
      return open(`${directory}/${name}`, NEW_FILE, FILE_MODE);
    };
    // Whoever deletes old files may have taken the folder, empty as it was.
    const handle = await openNew().catch((error: NodeJS.ErrnoException) => { if (error.code === 'ENOENT') return openNew(); throw error; });
    const file = new SegmentFile(directory, name, handle);
    try {
      // Held until the file is closed or this process is gone: a kernel that starts meanwhile does not take it for one that a crash left.
      lockFile(handle.fd);
      await file.append(first);
      await syncFolder(`${directory}/${folders.join('/')}`);
      return file;
    } catch (error) {
      await file.remove();
      throw error;
    }
  }

  get bytes(): number { return this.#bytes; }

  /** Throws what the file system says; then `cutBack`. */
  async append(parts: readonly Buffer[]): Promise<void> {
    let rest = parts;
    let end = this.#bytes;
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.writev(rest, end);
      end += bytesWritten;
      rest = after(rest, bytesWritten);
    }
    for (const part of parts) this.#hash.update(part);
    this.#bytes = end;
  }

  /** To what was whole before a write that failed; as well as the disk lets us. */
  async cutBack(): Promise<void> {
    await this.#handle.truncate(this.#bytes).catch(() => undefined);
    await this.#handle.datasync().catch(() => undefined);
  }

  /** Nothing is written any more. Returns the hash of what was, hex. */
  async close(): Promise<string> {
    await this.#handle.close().catch(() => undefined);
    return this.#hash.digest('hex');
  }

  async remove(): Promise<void> {
    await this.close();
    await rm(this.#path, { force: true }).catch(() => undefined);
  }
}

function folderNames(startMs: number): [day: string, hour: string] {
  const iso = new Date(startMs).toISOString();
  return [iso.slice(0, 10), iso.slice(11, 13)];
}

async function makeFolders(directory: string, names: readonly string[]): Promise<void> {
  let parent = directory;
  for (const name of names) {
    const folder = `${parent}/${name}`;
    try {
      await mkdir(folder, { mode: FOLDER_MODE });
      await syncFolder(parent);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    parent = folder;
  }
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

/** What of the parts a short write has left. */
function after(parts: readonly Buffer[], bytes: number): readonly Buffer[] {
  let left = bytes;
  const first = parts.findIndex(({ length }) => {
    if (length > left) return true;
    left -= length;
    return false;
  });
  return first < 0 ? [] : [parts[first]!.subarray(left), ...parts.slice(first + 1)];
}
