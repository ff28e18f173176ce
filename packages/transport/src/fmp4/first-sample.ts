// What a fragment of fMP4 says of its first sample, read where ISO/IEC 14496-12 (8.8.7, 8.8.8) puts it:
//
//   moof  traf  tfhd  flags, then what they name: default sample flags where there are any
//               trun  flags, count, what they name; then of each sample what they name

import { RuthError } from '@ruth/protocol';

const [MOOF, TRAF, TFHD, TRUN] = ['moof', 'traf', 'tfhd', 'trun'].map((name) => Buffer.from(name, 'latin1').readUInt32BE()) as [number, number, number, number];
const IS_NOT_SYNC = 0x00010000;
/** Of tfhd, in their order: base data offset, sample description, duration, size; then the flags. */
const BEFORE_DEFAULT_FLAGS: readonly [flag: number, bytes: number][] = [[0x000001, 8], [0x000002, 4], [0x000008, 4], [0x000010, 4]];
const DEFAULT_FLAGS = 0x000020;
/** Of trun: data offset, flags of the first sample; of each sample duration, size, flags. */
const [DATA_OFFSET, FIRST_FLAGS, DURATION, SIZE, SAMPLE_FLAGS] = [0x000001, 0x000004, 0x000100, 0x000200, 0x000400];

/** Whether a player can begin with it: the first sample of its first track is a sync sample. Throws `stream_corrupt` where that is not said. */
export function beginsWithKeyframe(fragment: Buffer): boolean {
  try {
    const traf = boxIn(boxIn(fragment, MOOF), TRAF);
    const flags = flagsOfRun(boxIn(traf, TRUN)) ?? defaultFlags(boxIn(traf, TFHD));
    if (flags !== null) return (flags & IS_NOT_SYNC) === 0;
  } catch (cause) {
    throw new RuthError('stream_corrupt', 'what came is no fragment of an MP4', { cause });
  }
  throw new RuthError('stream_corrupt', 'the fragment does not say whether it begins with a keyframe');
}

/** The contents of the first such box. Throws. */
function boxIn(bytes: Buffer, type: number): Buffer {
  for (let at = 0; ;) {
    const size = bytes.readUInt32BE(at);
    if (size < 8) throw new RangeError(`a box of ${size} bytes`);
    if (bytes.readUInt32BE(at + 4) === type) return bytes.subarray(at + 8, at + size);
    at += size;
  }
}

function flagsOfRun(trun: Buffer): number | null {
  const flags = trun.readUInt32BE(0) & 0xffffff;
  const afterOffset = 8 + (flags & DATA_OFFSET ? 4 : 0);
  if (flags & FIRST_FLAGS) return trun.readUInt32BE(afterOffset);
  if (!(flags & SAMPLE_FLAGS)) return null;
  return trun.readUInt32BE(afterOffset + (flags & DURATION ? 4 : 0) + (flags & SIZE ? 4 : 0));
}

function defaultFlags(tfhd: Buffer): number | null {
  const flags = tfhd.readUInt32BE(0) & 0xffffff;
  if (!(flags & DEFAULT_FLAGS)) return null;
  return tfhd.readUInt32BE(8 + BEFORE_DEFAULT_FLAGS.reduce((bytes, [flag, length]) => bytes + (flags & flag ? length : 0), 0));
}
