// ONNX files that were sent to the node, until a job has tried them: each is whole or not there at all, with its hash. One comes in at a time, and
// only where there is room for it; what nobody asks for within an hour is removed, and so is what an earlier run left.
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LARGEST_UPLOAD_BYTES, RuthError, type ModelUpload } from '@ruth/protocol';
import { idOf, megabytes } from '../onboarding/model-source.ts';

export interface ModelUploadsOptions {
  /** Belongs to these alone: it is emptied. */
  readonly directory: string;
  /** A model that is added takes its room there once more. */
  readonly modelsDirectory: string;
  /** 1 GB unless told. */
  readonly mostBytes?: number;
  /** Of the disk that a folder is on. */
  readonly freeBytes?: (directory: string) => number;
}

const KEPT_MS = 60 * 60_000;
const MOST_KEPT = 3;
/** What a disk keeps for everything else. */
const SPARE_BYTES = 256e6;

interface Kept { readonly upload: ModelUpload; readonly folder: string; readonly path: string; readonly expiry: NodeJS.Timeout; isInUse: boolean }

export class ModelUploads implements Disposable {
  readonly #options: ModelUploadsOptions;
  readonly #kept = new Map<string, Kept>();
  #isTaking = false;

  constructor(options: ModelUploadsOptions) {
    this.#options = options;
    rmSync(options.directory, { recursive: true, force: true });
  }

  /** `bytes`: how many come. Throws `bad_request`, `invalid_state` while another comes in, `disk_full`; nothing is left then. */
  async take(fileName: string, bytes: number | null, body: Readable): Promise<ModelUpload> {
    this.#assertMayCome(fileName, bytes);
    const { directory } = this.#options;
    const id = randomUUID();
    const folder = join(directory, id);
    const path = join(folder, `${idOf(fileName)}.onnx`);
    this.#isTaking = true;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const sha256 = await save(body, path, bytes!);
      const upload = { upload_id: id, file_name: fileName, bytes: bytes!, sha256 };
      this.#kept.set(id, { upload, folder, path, expiry: setTimeout(() => this.remove(id), KEPT_MS).unref(), isInUse: false });
      const idle = [...this.#kept.values()].filter(({ isInUse }) => !isInUse);
      for (const { upload: old } of idle.slice(0, -MOST_KEPT)) this.remove(old.upload_id);
      return upload;
    } catch (cause) {
      rmSync(folder, { recursive: true, force: true });
      if ((cause as NodeJS.ErrnoException).code === 'ENOSPC') throw new RuthError('disk_full', `the disk of ${directory} became full while ${fileName} came`, { cause });
      throw cause;
    } finally {
      this.#isTaking = false;
    }
  }

  /** The file of an upload, which stays until it is removed. Throws `not_found`. */
  use(id: string): { readonly path: string; readonly fileName: string } {
    const kept = this.#kept.get(id);
    if (!kept) throw new RuthError('not_found', `there is no upload ${id}: it waits for a job for an hour, and is gone once that has ended; send the file again`);
    kept.isInUse = true;
    clearTimeout(kept.expiry);
    return { path: kept.path, fileName: kept.upload.file_name };
  }

  /** Throws `not_found`, `invalid_state` while a job tries it. */
  discard(id: string): void {
    const kept = this.#kept.get(id);
    if (!kept) throw new RuthError('not_found', `there is no upload ${id}`);
    if (kept.isInUse) throw new RuthError('invalid_state', `${kept.upload.file_name} is being tried; cancel the job`);
    this.remove(id);
  }

  remove(id: string): void {
    const kept = this.#kept.get(id);
    if (!kept) return;
    clearTimeout(kept.expiry);
    this.#kept.delete(id);
    rmSync(kept.folder, { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    for (const { expiry } of this.#kept.values()) clearTimeout(expiry);
    this.#kept.clear();
    rmSync(this.#options.directory, { recursive: true, force: true });
  }

  /** Before a byte is read. */
  #assertMayCome(fileName: string, bytes: number | null): void {
    const { mostBytes = LARGEST_UPLOAD_BYTES } = this.#options;
    if (!/^[^/\\\p{Cc}]{1,250}\.onnx$/iu.test(fileName)) throw new RuthError('bad_request', 'file_name must be the name of an .onnx file, without folders; export the model to ONNX (docs/models.md)');
    if (bytes === null || bytes === 0) throw new RuthError('bad_request', bytes === 0 ? `${fileName} is empty` : 'Content-Length must say how many bytes come');
    if (bytes > mostBytes) throw new RuthError('bad_request', `${fileName} has ${megabytes(bytes)}; ${megabytes(mostBytes)} are allowed: copy it to the machine and add it there with ruth model add`);
    if (this.#isTaking) throw new RuthError('invalid_state', 'another file is coming in; try again when it is there');
    this.#assertRoom(bytes);
  }

  /** The file itself, and the model that is made of it, which may go to the same disk. */
  #assertRoom(bytes: number): void {
    const { directory, modelsDirectory, freeBytes = freeBytesOf } = this.#options;
    const [here, there] = [existing(directory), existing(modelsDirectory)];
    const isOneDisk = statSync(here).dev === statSync(there).dev;
    for (const [place, needed] of isOneDisk ? [[here, 2 * bytes] as const] : [[here, bytes] as const, [there, bytes] as const]) {
      const free = freeBytes(place);
      if (free < needed + SPARE_BYTES) throw new RuthError('disk_full', `the disk of ${place} has ${megabytes(free)} free; the model needs ${megabytes(needed)}, and ${megabytes(SPARE_BYTES)} stay for everything else`);
    }
  }
}

/** Gives the sha256. Throws `bad_request` where more or less comes than was said. */
async function save(body: Readable, path: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  let came = 0;
  const shortOrLong = (): RuthError => new RuthError('bad_request', `${came} bytes came, and ${bytes} were announced`);
  const chunks = async function* (): AsyncGenerator<Buffer> {
    // The connection stays, so that what went wrong can be answered over it.
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      came += chunk.length;
      if (came > bytes) throw shortOrLong();
      hash.update(chunk);
      yield chunk;
    }
    if (came < bytes) throw shortOrLong();
  };
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  // What fails at once fails while the file is still being made: until it is closed, it may yet appear where everything was removed.
  const closed = new Promise<void>((resolve) => { file.once('close', resolve); });
  try {
    await pipeline(chunks, file);
  } finally {
    await closed;
  }
  return hash.digest('hex');
}

/** The folder, or the nearest one above it that is there. */
function existing(directory: string): string {
  return existsSync(directory) ? directory : existing(dirname(directory));
}

function freeBytesOf(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
