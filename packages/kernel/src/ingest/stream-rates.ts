// How often pictures of each kind come in one stream, by the stream's own clock: what the level of decoding is chosen by.
import { RateMeter } from './rate-meter.ts';

export class StreamRates {
  readonly frames = new RateMeter(50);
  readonly keyframes = new RateMeter(4);
  /** Pictures that others are predicted from, keyframes included. */
  readonly references = new RateMeter(25);

  add(ptsUs: number, picture: { readonly keyframe: boolean; readonly reference: boolean }): void {
    this.frames.add(ptsUs);
    if (picture.reference) this.references.add(ptsUs);
    if (picture.keyframe) this.keyframes.add(ptsUs);
  }

  clear(): void {
    this.frames.clear();
    this.keyframes.clear();
    this.references.clear();
  }
}
