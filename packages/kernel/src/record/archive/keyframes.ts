// Keyframes in files, known again by their bytes: a camera sends the same ones to each node that is connected. So it is said to a picture where the recordings of another node begin and
// end, whatever the clocks of both say.
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordingSeam } from '@ruth/protocol';
import { splitSample } from '../../media/nal-units.ts';
import { pictureDigest } from '../../media/picture-digest.ts';
import { samplesOf } from '../../mp4/index.ts';
import { UNCLAIMED, type FragmentEntry, type Segment } from '../segment.ts';
import { spanOf, type AsideSpan } from './aside.ts';
import { readSegment, TICKS_TO_US } from './recorded-segment.ts';
import { segmentFiles } from './segment-path.ts';

/** A keyframe that lies aside here, and by whose date another node has it. Microseconds UTC, by the clock of this node. */
export interface FoundKeyframe {
  readonly seam: RecordingSeam;
  readonly startUs: number;
  /** The keyframe after it that is here, up to which all here belongs to the found one; null where none follows. */
  readonly nextUs: number | null;
}

type Placed = Pick<Segment, 'file' | 'startUs' | 'codec' | 'fragments'>;
interface Keyframe { readonly picture: string; readonly startUs: number }

/** Around the date that is told: what is known of the other node's clock is in it already. Two of the same bytes that are so near: nobody can say which of them it is. */
const NEAR_US = 2e6;
/** Of a NAL unit, before it. */
const LENGTH_BYTES = 4;

/** The first keyframe of a file, or its last one; null where it cannot be read. `directory`: of the file. */
export function keyframeOf(directory: string, segment: Placed, which: 'first' | 'last'): RecordingSeam | null {
  const fragment = which === 'first' ? segment.fragments[0] : segment.fragments.findLast(({ keyframe }) => keyframe);
  const found = fragment?.keyframe ? keyframesIn(directory, segment, [fragment])[0] : undefined;
  return found ? { picture: found.picture, at: found.startUs / 1e6 } : null;
}

/** Those of `wanted` that lie aside of that camera, each where it is the only one that it can be. */
export async function findAside(directory: string, cameraId: string, wanted: readonly RecordingSeam[]): Promise<FoundKeyframe[]> {
  const aside = join(directory, UNCLAIMED);
  const isNear = ({ startUs, endUs }: AsideSpan): boolean => wanted.some(({ at }) => startUs < at * 1e6 + 2 * NEAR_US && endUs > at * 1e6 - 2 * NEAR_US);
  const keyframes: Keyframe[] = [];
  for (const file of [...segmentFiles(aside, cameraId)].filter((one) => isNear(spanOf(aside, one)))) {
    const read = await readSegment(aside, file, false);
    if (read.state === 'whole') keyframes.push(...keyframesIn(aside, read.segment, read.segment.fragments.filter(({ keyframe }) => keyframe)));
  }
  return wanted.flatMap((seam) => {
    const alike = keyframes.flatMap(({ picture, startUs }, index) => (picture === seam.picture ? [{ index, offUs: Math.abs(startUs - seam.at * 1e6) }] : [])).sort((a, b) => a.offUs - b.offUs);
    const [found, other] = alike;
    if (!found || found.offUs > NEAR_US || (other && other.offUs <= NEAR_US)) return [];
    return [{ seam, startUs: keyframes[found.index]!.startUs, nextUs: keyframes[found.index + 1]?.startUs ?? null }];
  });
}

function keyframesIn(directory: string, { file, startUs, codec }: Placed, chosen: readonly FragmentEntry[]): Keyframe[] {
  let fd: number;
  try {
    fd = openSync(join(directory, file), 'r');
  } catch {
    // It was deleted, or claimed, meanwhile.
    return [];
  }
  try {
    return chosen.flatMap((fragment) => {
      const data = Buffer.allocUnsafe(fragment.bytes);
      const whole = readSync(fd, data, 0, fragment.bytes, fragment.offset) === fragment.bytes;
      const first = whole ? samplesOf(data)?.[0] : undefined;
      if (!first?.keyframe) return [];
      return [{ picture: pictureDigest(codec, { nals: splitSample(data.subarray(first.offset, first.offset + first.size), LENGTH_BYTES) }), startUs: startUs + fragment.startTicks * TICKS_TO_US }];
    });
  } finally {
    closeSync(fd);
  }
}
