// Turns packets into fMP4 as they are: an init segment, then one fragment per picture. Media time 0 is the first decode time.
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
  /** Not out yet: how long it lasts, the next one tells. */
  #pending: { readonly picture: MediaPacket; readonly decodeTicks: number } | null = null;

  private constructor(init: Buffer, reorderDepth: number, originTicks: number) {
    this.initSegment = init;
    this.originTicks = originTicks;
    this.#times = new DecodeTimes(reorderDepth);
  }

  /** Video alone. `firstPtsTicks`: of the keyframe that will be written first. Throws `stream_corrupt` where the format makes no MP4. */
  static async open(format: StreamFormat, firstPtsTicks: number): Promise<FragmentMuxer> {
    const originTicks = new DecodeTimes(format.reorderDepth).next(firstPtsTicks, USUAL_DURATION_TICKS);
    return new FragmentMuxer(await initSegment({ ...format, audio: null }), format.reorderDepth, originTicks);
  }

  /** Returns the fragment of the picture before. */
  write(picture: MediaPacket): Fragment | null {
    const before = this.#pending;
    const decodeTicks = this.#times.next(picture.ptsTicks, USUAL_DURATION_TICKS);
    this.#pending = { picture, decodeTicks };
    if (before === null) return null;
    const { nals, keyframe, ptsTicks } = before.picture;
    const sample = { nals, keyframe, durationTicks: decodeTicks - before.decodeTicks, compositionTicks: Math.max(0, ptsTicks - before.decodeTicks) };
    return { keyframe, data: fragment({ sequence: ++this.#sequence, video: { decodeTicks: before.decodeTicks - this.originTicks, samples: [sample] } }) };
  }
}
