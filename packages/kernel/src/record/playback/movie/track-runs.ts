// What a fragment's moof says of the samples in its mdat, picture and sound alike. Reads what `mp4/fragment` writes: each
// entry tells all of its sample.
import { RuthError } from '@ruth/protocol';
import { boxes, child, readUint64, type Box } from '../../../mp4/boxes.ts';

export interface Sample {
  readonly size: number;
  readonly durationTicks: number;
  /** Display time less decode time. */
  readonly compositionTicks: number;
  readonly keyframe: boolean;
}

/** Samples of one track that lie one behind the other. */
export interface TrackRun {
  readonly track: number;
  readonly decodeTicks: number;
  /** Of the first sample, from the first byte behind mdat's header. */
  readonly offset: number;
  readonly samples: readonly Sample[];
}

export interface FragmentRuns {
  readonly runs: readonly TrackRun[];
  /** First byte behind mdat's header, in the fragment. */
  readonly payload: number;
}

const DATA_OFFSET = 0x1;
const DURATION = 0x100;
const SIZE = 0x200;
const FLAGS = 0x400;
const COMPOSITION = 0x800;
const NOT_SYNC = 0x00010000;

/** `head`: a fragment up to mdat's header at least. Throws `stream_corrupt`. */
export function trackRuns(head: Buffer): FragmentRuns {
  try {
    const moof = child(head, 'moof');
    if (moof === null) throw new RangeError('there is no moof');
    // mdat itself reaches beyond `head`.
    const payload = moof.end + (head.readUInt32BE(moof.end) === 1 ? 16 : 8);
    const runs: TrackRun[] = [];
    for (const traf of boxes(head, moof.body, moof.end)) {
      if (traf.type !== 'traf') continue;
      const [tfhd, tfdt] = [child(head, 'tfhd', traf), child(head, 'tfdt', traf)];
      if (tfhd === null || tfdt === null) throw new RangeError('a track has no header');
      let decodeTicks = head[tfdt.body] === 1 ? readUint64(head, tfdt.body + 4) : head.readUInt32BE(tfdt.body + 4);
      for (const trun of boxes(head, traf.body, traf.end)) {
        if (trun.type !== 'trun') continue;
        const { offset, samples } = readTrun(head, trun);
        runs.push({ track: head.readUInt32BE(tfhd.body + 4), decodeTicks, offset: moof.start + offset - payload, samples });
        decodeTicks += samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0);
      }
    }
    return { runs, payload };
  } catch (cause) {
    if (cause instanceof RangeError) throw new RuthError('stream_corrupt', `a fragment of the recording is damaged: ${cause.message}`, { cause });
    throw cause;
  }
}

function readTrun(data: Buffer, { body, end }: Box): { offset: number; samples: Sample[] } {
  const flags = data.readUInt32BE(body) & 0xffffff;
  const count = data.readUInt32BE(body + 4);
  const entryBytes = 4 * [DURATION, SIZE, FLAGS, COMPOSITION].filter((flag) => (flags & flag) !== 0).length;
  if ((flags & (DATA_OFFSET | DURATION | SIZE)) !== (DATA_OFFSET | DURATION | SIZE) || body + 12 + count * entryBytes > end) throw new RangeError('a table of samples is not one of ours');
  const samples: Sample[] = [];
  for (let at = body + 12; samples.length < count; at += entryBytes) {
    const behindSize = at + 8;
    const sampleFlags = (flags & FLAGS) === 0 ? 0 : data.readUInt32BE(behindSize);
    const compositionTicks = (flags & COMPOSITION) === 0 ? 0 : data.readUInt32BE(behindSize + ((flags & FLAGS) === 0 ? 0 : 4));
    samples.push({ durationTicks: data.readUInt32BE(at), size: data.readUInt32BE(at + 4), compositionTicks, keyframe: (sampleFlags & NOT_SYNC) === 0 });
  }
  return { offset: data.readInt32BE(body + 8), samples };
}
