// JPEGs of a camera: of what it shows now, and of any instant that is recorded.
import { open } from 'node:fs/promises';
import { RuthError } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { samplesOf } from '../../mp4/index.ts';
import type { ArchiveView } from '../archive/index.ts';
import { SYNC_DELAY_US, type Segment } from '../segment.ts';
import { readFully } from './media-files.ts';
import { notRecorded } from './not-recorded.ts';
import type { PictureJob } from './picture/picture-messages.ts';
import { PictureProcess } from './picture/picture-process.ts';
import { keyframeAt, ticksOfUs } from './recorded-parts.ts';

/** What the live view of a camera holds: an init, and the fragments since the last keyframe. */
export interface LivePictures {
  group(signal: AbortSignal): Promise<readonly Buffer[]>;
}

const MAX_GROUP_BYTES = 128 << 20;

export class Snapshots implements AsyncDisposable {
  readonly #process: PictureProcess;

  constructor(logger: Logger) { this.#process = new PictureProcess(logger); }

  /** The newest picture of the camera. Throws `camera_unreachable` where none comes, and what PictureProcess throws. */
  live(camera: LivePictures, width: number | null, signal: AbortSignal): Promise<Buffer> {
    return this.#process.make(async () => ({ media: await camera.group(signal), atTicks: null, width }), signal);
  }

  /** The picture that was shown at the instant. Throws `not_recorded`, and what PictureProcess throws. */
  past(archive: ArchiveView, cameraId: string, atUs: number, width: number | null, signal: AbortSignal): Promise<Buffer> {
    return this.#process.make(async () => {
      const segments = await archive.segments(cameraId, atUs - SYNC_DELAY_US, atUs + 1);
      const segment = segments.findLast(({ startUs, fragments }) => startUs <= atUs && fragments.length > 0);
      if (!segment || (atUs >= segment.endUs && segment.sha256 !== null)) throw await notRecorded(archive, cameraId, atUs, atUs + 1);
      using _ = archive.hold([segment.file]);
      return { ...await pictureAt(archive.path(segment), segment, atUs), width };
    }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> { await this.#process[Symbol.asyncDispose](); }
}

async function pictureAt(path: string, segment: Segment, atUs: number): Promise<Omit<PictureJob, 'id' | 'width'>> {
  await using handle = await open(path, 'r');
  const { fragments, initBytes } = segment;
  const ticks = ticksOfUs(segment, atUs);
  const first = fragments[keyframeAt(segment, ticks)]!;
  const init = await readFully(handle, 0, initBytes);
  const begin = await readFully(handle, first.offset, first.bytes);
  // Where pictures are reordered they are shown later than they are decoded, and what is shown first may be decoded later.
  const sample = samplesOf(begin)?.[0];
  const atTicks = ticks + (sample ? sample.ptsTicks - sample.dtsTicks : 0);
  const last = fragments.findLast(({ startTicks }) => startTicks <= atTicks) ?? first;
  const bytes = last.offset + last.bytes - first.offset;
  if (bytes > MAX_GROUP_BYTES) throw new RuthError('stream_corrupt', `the nearest keyframe lies ${bytes} bytes before that picture`);
  const rest = bytes > first.bytes ? await readFully(handle, first.offset + first.bytes, bytes - first.bytes) : Buffer.alloc(0);
  return { media: [init, begin, rest], atTicks };
}
