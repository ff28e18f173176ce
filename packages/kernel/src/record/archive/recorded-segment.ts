// A recording as its own bytes tell it, for files that the index does not know or knows wrongly.
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { lockFile } from '@ruth/transport';
import { scan, type RecordedFile } from '../../mp4/index.ts';
import type { Segment } from '../segment.ts';
import { parseSegmentPath } from './segment-path.ts';

const HASH_CHUNK_BYTES = 1 << 20;
export const TICKS_TO_US = 1e6 / 90_000;

export type WholeSegment = Segment & { readonly sha256: string };

/** `in_use`: a recorder still writes it. `empty`: it ends before the first picture is whole. `damaged`: it is no recording. */
export type ReadSegment = { readonly state: 'whole'; readonly segment: WholeSegment; readonly cutBytes: number } | { readonly state: 'in_use' | 'empty' | 'damaged' };

/** Reads a file, and where `cut` says so ends it behind its last whole fragment; then it is on the disk as the answer says. */
export async function readSegment(directory: string, file: string, cut: boolean): Promise<ReadSegment> {
  using open = openFile(`${directory}/${file}`, cut);
  // A recorder holds a lock on what it writes, for as long as it lives.
  if (cut && !lockFile(open.fd)) return { state: 'in_use' };
  const recorded = await scan({ bytes: fstatSync(open.fd).size, read: async (offset, bytes) => read(open.fd, offset, bytes) });
  if (recorded.init === null) return { state: recorded.bytes === 0 ? 'empty' : 'damaged' };
  if (recorded.fragments.length === 0) return { state: 'empty' };
  const cutBytes = recorded.bytes - recorded.wholeBytes;
  if (cut && cutBytes > 0) ftruncateSync(open.fd, recorded.wholeBytes);
  if (cut) fsyncSync(open.fd);
  return { state: 'whole', cutBytes, segment: segmentOf(file, recorded, hash(open.fd, recorded.wholeBytes)) };
}

function segmentOf(file: string, { init, initBytes, fragments, wholeBytes }: RecordedFile, sha256: string): WholeSegment {
  const path = parseSegmentPath(file)!;
  const [first, last] = [fragments[0]!, fragments.at(-1)!];
  const durationTicks = last.startTicks + last.durationTicks;
  // A fragment that does not tell its time is dated by the last one that does.
  const startUs = first.wallClockUs ?? path.startMs * 1000;
  const dated = fragments.findLast(({ wallClockUs }) => wallClockUs !== null) ?? first;
  const endUs = Math.round((dated.wallClockUs ?? startUs) + (durationTicks - dated.startTicks) * TICKS_TO_US);
  return {
    cameraId: path.cameraId, file, startUs: Math.round(startUs), endUs, durationTicks, codec: init!.codec, width: init!.width, height: init!.height, audio: init!.audio,
    initBytes, bytes: wholeBytes, sha256, continues: false,
    fragments: fragments.map(({ offset, bytes, startTicks, durationTicks: ticks, keyframe }) => ({ offset, bytes, startTicks, durationTicks: ticks, keyframe })),
  };
}

function openFile(path: string, writable: boolean): Disposable & { readonly fd: number } {
  const fd = openSync(path, (writable ? constants.O_RDWR : constants.O_RDONLY) | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

function read(fd: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  return buffer.subarray(0, readSync(fd, buffer, 0, bytes, offset));
}

function hash(fd: number, bytes: number): string {
  const sha = createHash('sha256');
  const chunk = Buffer.allocUnsafe(HASH_CHUNK_BYTES);
  for (let at = 0; at < bytes;) {
    const length = readSync(fd, chunk, 0, Math.min(chunk.length, bytes - at), at);
    if (length === 0) break;
    sha.update(chunk.subarray(0, length));
    at += length;
  }
  return sha.digest('hex');
}
