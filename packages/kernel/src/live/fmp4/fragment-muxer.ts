// Turns packets into fMP4 as they are: an init segment, then one fragment per picture, at once. How long a picture lasts only
// the next one tells; so each has the decode time of the one before and lasts as long as that did. Display times stay exact,
// decode times have no gaps, and no picture waits for the next. Media time 0 is the first decode time.
import { fragment, initSegment } from '../../mp4/index.ts';
import { TICKS_PER_SECOND, type MediaPacket, type StreamFormat } from '../../media/media-packet.ts';
import { DecodeTimes } from '../../media/decode-times.ts';

export interface Fragment {
  readonly data: Buffer;
  /** Whether a player can begin here. */
  readonly keyframe: boolean;
}

const USUAL_DURATION_TICKS = TICKS_PER_SECOND / 25;

export class FragmentMuxer {
  readonly initSegment: Buffer;
  readonly originTicks: number;
  readonly #times: DecodeTimes;
  #sequence = 0;
  /** Decode time of the picture before, as it would be if a picture could tell how long it lasts. */
  #beforeTicks: number;

  private constructor(init: Buffer, reorderDepth: number, originTicks: number) {
    this.initSegment = init;
    this.originTicks = this.#beforeTicks = originTicks;
    this.#times = new DecodeTimes(reorderDepth);
  }

  /** Video alone. `firstPtsTicks`: of the keyframe that will be written first. Throws `stream_corrupt` where the format makes no MP4. */
  static async open(format: StreamFormat, firstPtsTicks: number): Promise<FragmentMuxer> {
    const originTicks = new DecodeTimes(format.reorderDepth).next(firstPtsTicks, USUAL_DURATION_TICKS) - USUAL_DURATION_TICKS;
    return new FragmentMuxer(await initSegment({ ...format, audio: null }), format.reorderDepth, originTicks);
  }

  write({ nals, keyframe, ptsTicks }: MediaPacket): Fragment {
    const decodeTicks = this.#beforeTicks;
    this.#beforeTicks = this.#times.next(ptsTicks, USUAL_DURATION_TICKS);
    const sample = { nals, keyframe, durationTicks: this.#beforeTicks - decodeTicks, compositionTicks: Math.max(0, ptsTicks - decodeTicks) };
    return { keyframe, data: fragment({ sequence: ++this.#sequence, video: { decodeTicks: decodeTicks - this.originTicks, samples: [sample] } }) };
  }
}
