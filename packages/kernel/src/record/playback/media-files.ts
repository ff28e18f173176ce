// Serves bytes of recorded files, moved in time where a playlist says so. Memory for one fragment at a time; a file is not
// deleted while it is read; how many read at once is bounded.
import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { RuthError } from '@ruth/protocol';
import { patchDecodeTimes } from '../../mp4/index.ts';
import type { ArchiveView } from '../archive/index.ts';
import type { Segment } from '../segment.ts';
import type { ByteRange } from './byte-range.ts';

const MAX_READERS = 64;
const CHUNK_BYTES = 256 << 10;

export class MediaFiles {
  readonly #archive: ArchiveView;
  #readers = 0;

  constructor(archive: ArchiveView) { this.#archive = archive; }

  /** The bytes of `range`; `shiftTicks` is added to the times of the media. Throws `overloaded`, `not_recorded`. */
  async read(segment: Segment, range: ByteRange, shiftTicks: number): Promise<Readable> {
    if (this.#readers >= MAX_READERS) throw new RuthError('overloaded', `${MAX_READERS} recordings are being read already`);
    this.#readers++;
    const hold = this.#archive.hold([segment.file]);
    const end = (): void => {
      hold[Symbol.dispose]();
      this.#readers--;
    };
    try {
      const handle = await open(this.#archive.path(segment), 'r');
      // A generator that nobody began has no `finally`; a stream that is destroyed closes always.
      return Readable.from(pieces(handle, segment, range, shiftTicks), { objectMode: false, highWaterMark: CHUNK_BYTES })
        .once('close', () => void handle.close().catch(() => undefined).finally(end));
    } catch (cause) {
      end();
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw new RuthError('not_recorded', 'the recording is not there any more', { cause });
      throw cause;
    }
  }
}

async function* pieces(handle: FileHandle, segment: Segment, { begin, end }: ByteRange, shiftTicks: number): AsyncGenerator<Buffer> {
  let at = begin;
  while (at < end) {
    // A fragment is moved whole or not at all: its header may lie across the border of what is asked for.
    const fragment = shiftTicks === 0 ? undefined : segment.fragments.find(({ offset, bytes }) => at >= offset && at < offset + bytes);
    const from = fragment?.offset ?? at;
    const next = segment.fragments.find(({ offset }) => offset > at)?.offset ?? segment.bytes;
    const bytes = fragment?.bytes ?? Math.min(CHUNK_BYTES, end - at, shiftTicks === 0 ? Infinity : next - at);
    const data = await readFully(handle, from, bytes);
    if (fragment) patchDecodeTimes(data, shiftTicks);
    yield data.subarray(at - from, Math.min(end, from + bytes) - from);
    at = from + bytes;
  }
}

/** Throws `not_recorded` where the file is shorter. */
export async function readFully(handle: FileHandle, position: number, bytes: number): Promise<Buffer<ArrayBuffer>> {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  for (let done = 0; done < bytes;) {
    const { bytesRead } = await handle.read(buffer, done, bytes - done, position + done);
    if (bytesRead === 0) throw new RuthError('not_recorded', 'the recording is shorter than the index says; ruth verify says more');
    done += bytesRead;
  }
  return buffer;
}
