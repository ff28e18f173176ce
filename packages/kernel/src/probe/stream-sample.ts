// Some seconds of a camera's pictures, and what can be read from them. Keeps numbers only, and the first keyframe.
import { TICKS_PER_SECOND } from '../media/media-packet.ts';
import { parameterSetsOf } from '../media/parameter-sets.ts';
import type { VideoCodec } from '../media/video-codec.ts';
import type { SourcePacket } from '../ingest/packet-source.ts';

/** A flood is no camera: more than 20 s at 1000 pictures a second are not kept. */
const MAX_PICTURES = 20_000;
/** A slope less sure than this says nothing. */
const MAX_DRIFT_ERROR_PPM = 300;

export class StreamSample {
  readonly #codec: VideoCodec;
  readonly #pictures: { readonly ptsTicks: number; readonly keyframe: boolean; readonly capturedAtUs: number }[] = [];
  #bytes = 0;
  keyframe: Buffer | null = null;
  /** Those that stand in front of the first keyframe. */
  parameterSets: Buffer | null = null;
  firstKeyframeAtMs: number | null = null;

  constructor(codec: VideoCodec) { this.#codec = codec; }

  get keyframes(): number { return this.#pictures.filter(({ keyframe }) => keyframe).length; }
  get pictures(): number { return this.#pictures.length; }

  take({ data, ptsTicks, keyframe, capturedAtUs }: SourcePacket): void {
    if (keyframe && this.keyframe === null) {
      this.keyframe = data;
      this.parameterSets = parameterSetsOf(this.#codec, data);
      this.firstKeyframeAtMs = performance.now();
    }
    this.#bytes += data.length;
    if (ptsTicks !== null && this.#pictures.length < MAX_PICTURES) this.#pictures.push({ ptsTicks, keyframe, capturedAtUs });
  }

  /** Seconds of stream, first to last picture. */
  get durationS(): number {
    const times = this.#pictures.map(({ ptsTicks }) => ptsTicks);
    return times.length < 2 ? 0 : (Math.max(...times) - Math.min(...times)) / TICKS_PER_SECOND;
  }

  get fps(): number | null { return this.durationS === 0 ? null : (this.#pictures.length - 1) / this.durationS; }

  get bitrateBps(): number { return this.durationS === 0 ? 0 : this.#bytes * 8 / this.durationS; }

  /** Standard deviation of the time between pictures, over its mean. */
  get jitter(): number | null {
    const times = this.#pictures.map(({ ptsTicks }) => ptsTicks).sort((a, b) => a - b);
    const steps = times.slice(1).map((time, index) => time - times[index]!);
    if (steps.length < 5) return null;
    const mean = steps.reduce((sum, step) => sum + step, 0) / steps.length;
    return mean === 0 ? null : Math.sqrt(steps.reduce((sum, step) => sum + (step - mean) ** 2, 0) / steps.length) / mean;
  }

  /** Longest distance between keyframes; null where fewer than two came. */
  get keyframeIntervalS(): number | null {
    const times = this.#pictures.filter(({ keyframe }) => keyframe).map(({ ptsTicks }) => ptsTicks);
    return times.length < 2 ? null : Math.max(...times.slice(1).map((time, index) => time - times[index]!)) / TICKS_PER_SECOND;
  }

  /** Pictures come in another order than they are shown. */
  get reordered(): boolean { return this.#pictures.some(({ ptsTicks }, index) => index > 0 && ptsTicks < this.#pictures[index - 1]!.ptsTicks); }

  /** How much faster than ours the stream's clock runs; null where the sample is too short or too uneven to say. */
  get clockDriftPpm(): number | null {
    const count = this.#pictures.length;
    if (count < 10) return null;
    const { ptsTicks: firstTicks, capturedAtUs: firstUs } = this.#pictures[0]!;
    const points = this.#pictures.map(({ ptsTicks, capturedAtUs }) => {
      const arrivedS = (capturedAtUs - firstUs) / 1e6;
      return { arrivedS, aheadS: (ptsTicks - firstTicks) / TICKS_PER_SECOND - arrivedS };
    });
    const meanX = points.reduce((sum, { arrivedS }) => sum + arrivedS, 0) / count;
    const meanY = points.reduce((sum, { aheadS }) => sum + aheadS, 0) / count;
    const spread = points.reduce((sum, { arrivedS }) => sum + (arrivedS - meanX) ** 2, 0);
    if (spread === 0) return null;
    const slope = points.reduce((sum, { arrivedS, aheadS }) => sum + (arrivedS - meanX) * (aheadS - meanY), 0) / spread;
    const residual = points.reduce((sum, { arrivedS, aheadS }) => sum + (aheadS - meanY - slope * (arrivedS - meanX)) ** 2, 0);
    const error = Math.sqrt(residual / (count - 2) / spread);
    return error * 1e6 > MAX_DRIFT_ERROR_PPM ? null : slope * 1e6;
  }

  /** By how much the camera's wall clock is ahead of ours; `originUs` is where it stood at time 0 of the stream. */
  clockOffsetS(originUs: number): number | null {
    if (this.#pictures.length === 0) return null;
    // A picture arrives after it was made: the quickest one tells the most.
    return Math.max(...this.#pictures.map(({ ptsTicks, capturedAtUs }) => originUs + ptsTicks * 1e6 / TICKS_PER_SECOND - capturedAtUs)) / 1e6;
  }
}
