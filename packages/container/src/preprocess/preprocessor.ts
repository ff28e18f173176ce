// From a frame in the ring to the model's input tensor: letterbox, colour, normalisation, layout. Buffers are kept
// between requests; a request allocates nothing that lives on.
import type { Box } from '@ruth/protocol';
import { BoundedCache } from '../session/bounded-cache.ts';
import { geometryOf, type Geometry, type LetterboxMode, type Size } from './geometry.ts';
import { Scaler, type ScaledPlanes, type SourceFrame } from './scaler.ts';

export type Triple = readonly [number, number, number];
export type TensorData = Float32Array | Uint8Array | Int32Array;

export interface InputFormat {
  readonly size: Size;
  readonly layout: 'nchw' | 'nhwc';
  readonly channels: 'rgb' | 'bgr';
  readonly dtype: 'float32' | 'uint8' | 'int32';
  /** Tensor value = (value of 0..255 - mean) / std, in the tensor's channel order. */
  readonly mean: Triple;
  readonly std: Triple;
  readonly letterbox: LetterboxMode;
  /** 0..255, before normalisation. */
  readonly fill: number;
}

// A scaler holds the pixels of one picture: 3 MB for 1080p, 12 MB for 4K.
const MAX_SCALERS = 8;
const ARRAYS = { float32: Float32Array, uint8: Uint8Array, int32: Int32Array } as const;

export class Preprocessor implements Disposable {
  /** The input tensor's content, overwritten by each call. */
  readonly tensor: TensorData;
  readonly #format: InputFormat;
  readonly #scalers = new BoundedCache<Scaler>(MAX_SCALERS, (scaler) => scaler[Symbol.dispose]());
  /** For red, green, blue: which channel of the tensor it is. */
  readonly #channels: Triple;
  /** Integers are cut off, so half is added to round them. */
  readonly #rounding: number;
  #filledFor = '';

  constructor(format: InputFormat) {
    this.#format = format;
    this.tensor = new ARRAYS[format.dtype](format.size.width * format.size.height * 3);
    this.#channels = format.channels === 'bgr' ? [2, 1, 0] : [0, 1, 2];
    this.#rounding = format.dtype === 'float32' ? 0 : 0.5;
  }

  /**
   * Fills `tensor` from the frame, or from the part that `roi` names. `taken` is called as soon as the frame's pixels
   * are no longer needed, and may throw. Throws `bad_request` (a roi without area), `inference_failed`.
   */
  fillFrom(frame: SourceFrame, roi: Box | undefined, taken: () => void): Geometry {
    const geometry = geometryOf(frame, this.#format.size, this.#format.letterbox, roi);
    const scaler = this.#scalers.get(Scaler.key(frame, geometry), () => new Scaler(frame, geometry));
    scaler.take(frame, geometry.crop);
    taken();
    const scaled = scaler.scale();
    const { placed } = geometry;
    if (placed.width < this.#format.size.width || placed.height < this.#format.size.height) this.#fill(`${placed.x},${placed.y} ${placed.width}x${placed.height}`);
    this.#place(scaled, placed);
    return geometry;
  }

  /** Fills `tensor` with the fill colour: the picture of nothing. */
  fillBlank(): Geometry {
    this.#fill('');
    return geometryOf(this.#format.size, this.#format.size, 'stretch');
  }

  [Symbol.dispose](): void {
    this.#scalers.clear();
  }

  /** The fill around the picture stays as long as the picture's place does. */
  #fill(place: string): void {
    if (place !== '' && this.#filledFor === place) return;
    this.#filledFor = place;
    for (let channel = 0; channel < 3; channel++) {
      const value = (this.#format.fill - this.#format.mean[channel]!) / this.#format.std[channel]! + this.#rounding;
      const { offset, step } = this.#channel(channel);
      if (step === 1) this.tensor.fill(value, offset, offset + this.tensor.length / 3);
      else for (let at = offset; at < this.tensor.length; at += step) this.tensor[at] = value;
    }
  }

  #place({ planes, stride }: ScaledPlanes, placed: Geometry['placed']): void {
    for (const [colour, plane] of planes.entries()) {
      const channel = this.#channels[colour]!;
      const { offset, step } = this.#channel(channel);
      const gain = 255 / this.#format.std[channel]!;
      const bias = this.#rounding - this.#format.mean[channel]! / this.#format.std[channel]!;
      const verbatim = step === 1 && gain === 1 && bias === 0;
      // A picture as wide as the tensor, without padding, is one long row.
      const whole = placed.width === this.#format.size.width && placed.width === stride;
      const [rows, width] = whole ? [1, placed.width * placed.height] : [placed.height, placed.width];
      for (let row = 0; row < rows; row++) {
        const from = row * stride;
        const to = offset + ((placed.y + row) * this.#format.size.width + placed.x) * step;
        // A plain copy costs a tenth of a loop.
        if (verbatim) this.tensor.set(plane.subarray(from, from + width), to);
        else placeRow(plane, from, width, this.tensor, to, step, gain, bias);
      }
    }
  }

  #channel(channel: number): { offset: number; step: number } {
    return this.#format.layout === 'nchw' ? { offset: channel * (this.tensor.length / 3), step: 1 } : { offset: channel, step: 3 };
  }
}

/** The inner loop, by itself, so that it is compiled for what it does. */
function placeRow(plane: Float32Array, from: number, width: number, tensor: TensorData, to: number, step: number, gain: number, bias: number): void {
  for (let index = from, end = from + width; index < end; index++, to += step) tensor[to] = plane[index]! * gain + bias;
}
