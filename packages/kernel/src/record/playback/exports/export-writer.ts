// Writes a span of a camera's recordings as one MP4, the samples as they are. Reads each fragment twice, for the tables
// first and then for the copy; holds in memory the tables alone.
import { open, type FileHandle } from 'node:fs/promises';
import { RuthError, type RecordingGap } from '@ruth/protocol';
import type { ArchiveView } from '../../archive/index.ts';
import type { FragmentEntry } from '../../segment.ts';
import { readFully } from '../media-files.ts';
import { Movie } from '../movie/movie.ts';
import { trackRuns } from '../movie/track-runs.ts';
import { isoOfUs, notRecorded } from '../not-recorded.ts';
import { endOf, partsOf, ticksOfUs, usOfTicks, type Part } from '../recorded-parts.ts';

const HEAD_BYTES = 16 << 10;
const COPY_BYTES = 1 << 20;

export interface ExportSpan {
  readonly cameraId: string;
  readonly startUs: number;
  readonly endUs: number;
}

export interface ExportOptions {
  readonly archive: ArchiveView;
  readonly span: ExportSpan;
  /** Must not be there yet. */
  readonly path: string;
  readonly signal: AbortSignal;
  /** Bytes that may be written to the disk. */
  readonly freeBytes: () => Promise<number>;
  readonly onProgress: (written: number, total: number) => void;
  readonly onGaps: (gaps: readonly RecordingGap[]) => void;
}

/** Throws `not_recorded`, `disk_full`, `unsupported_codec` where the span has pictures of two formats, `cancelled`. */
export async function writeExport({ archive, span, path, signal, freeBytes, onProgress, onGaps }: ExportOptions): Promise<void> {
  const { cameraId, startUs, endUs } = span;
  const parts = partsOf(await archive.segments(cameraId, startUs, endUs), startUs, endUs);
  using _ = archive.hold(parts.map(({ segment }) => segment.file));
  const [first, last] = [parts[0], parts.at(-1)];
  if (!first || !last) throw await notRecorded(archive, cameraId, startUs, endUs);
  onGaps((await archive.timeline(cameraId, startUs, endUs)).gaps);

  const payloads: Payload[] = [];
  let movie: Movie | null = null;
  let shiftTicks = 0;
  let endTicks = 0;
  for (const part of parts) {
    const { segment } = part;
    await using handle = await open(archive.path(segment), 'r');
    const init = await readFully(handle, 0, segment.initBytes);
    if (movie === null) movie = new Movie(init);
    else if (!movie.accept(init)) {
      const at = isoOfUs(usOfTicks(segment, segment.fragments[part.first]!.startTicks));
      throw new RuthError('unsupported_codec', `the camera's format changes at ${at}, and one file cannot hold both; export what is before and what is after by themselves`);
    }
    payloads.push(await addPart(movie, part, handle, shiftTicks, signal));
    const lastTicks = endOf(segment.fragments[part.end - 1]!);
    endTicks = shiftTicks + (part === last ? Math.min(ticksOfUs(segment, endUs), lastTicks) : lastTicks);
    shiftTicks += lastTicks;
  }
  const startTicks = Math.max(ticksOfUs(first.segment, startUs), first.segment.fragments[first.first]!.startTicks);
  const head = movie!.head(startTicks, endTicks - startTicks, Math.max(startUs, first.segment.startUs));
  const total = head.length + movie!.payloadBytes;
  if (total > await freeBytes()) throw new RuthError('disk_full', `the export takes ${total} bytes, and the disk of the recordings is nearly full`);
  try {
    await using out = await open(path, 'wx', 0o640);
    await writeFully(out, head);
    onProgress(head.length, total);
    let written = head.length;
    for (const [index, { segment }] of parts.entries()) {
      await using handle = await open(archive.path(segment), 'r');
      for (const { offset, bytes } of payloads[index]!) {
        for (let done = 0; done < bytes; done += COPY_BYTES) {
          signal.throwIfAborted();
          const data = await readFully(handle, offset + done, Math.min(COPY_BYTES, bytes - done));
          await writeFully(out, data);
          written += data.length;
        }
        onProgress(written, total);
      }
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new RuthError('disk_full', 'the disk of the recordings is full', { cause });
    throw cause;
  }
}

/** Where in a file the samples of its fragments lie. */
type Payload = readonly { readonly offset: number; readonly bytes: number }[];

async function addPart(movie: Movie, { segment, first, end }: Part, handle: FileHandle, shiftTicks: number, signal: AbortSignal): Promise<Payload> {
  const payload: { offset: number; bytes: number }[] = [];
  for (const fragment of segment.fragments.slice(first, end)) {
    signal.throwIfAborted();
    const { runs, payload: begin } = await headOf(handle, fragment);
    const bytes = fragment.bytes - begin;
    movie.add(runs, shiftTicks, bytes);
    payload.push({ offset: fragment.offset + begin, bytes });
  }
  return payload;
}

async function headOf(handle: FileHandle, { offset, bytes }: FragmentEntry): Promise<ReturnType<typeof trackRuns>> {
  const headBytes = Math.min(bytes, HEAD_BYTES);
  const head = await readFully(handle, offset, headBytes);
  try {
    return trackRuns(head);
  } catch (error) {
    // A long table; or it is damaged, which the second look says again.
    if (headBytes === bytes) throw error;
    return trackRuns(await readFully(handle, offset, bytes));
  }
}

async function writeFully(out: FileHandle, data: Buffer): Promise<void> {
  for (let done = 0; done < data.length;) done += (await out.write(data, done)).bytesWritten;
}
