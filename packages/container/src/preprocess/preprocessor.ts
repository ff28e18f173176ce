// From a frame in the ring to the model's input tensor: letterbox, colour, normalisation, layout. Buffers are kept
// between requests; a request allocates nothing that lives on.
import type { Box } from '@ruth/protocol';
import { BoundedCache } from '../session/bounded-cache.ts';
import { SimdMemory, TURN } from '../simd/simd-memory.ts';
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
/** Rows of a plane begin at multiples of so many bytes, at most. */
const ROW_ALIGNMENT = 128;
const ARRAYS = { float32: Float32Array, uint8: Uint8Array, int32: Int32Array } as const;

export class Preprocessor implements Disposable {
  /** The input tensor's content, overwritten by each call. */
  readonly tensor: TensorData;
  readonly #format: InputFormat;
  readonly #slotLength: number;
  readonly #scalers = new BoundedCache<Scaler>(MAX_SCALERS, (scaler) => scaler[Symbol.dispose]());
  /** For red, green, blue: which channel of the tensor it is. */
  readonly #channels: Triple;
  /** For each channel of the tensor: what becomes of 0..255. */
  readonly #values: readonly TensorData[];
  /** For floats that lie by channel: memory that holds the tensor and, behind it, one plane on its way there. */
  readonly #simd: { readonly memory: SimdMemory; readonly plane: Int32Array } | null = null;
  /** Of each slot: the place of the picture that the fill is around. */
  readonly #filledFor: string[] = [];

  /** `slots`: pictures that the tensor holds, one after the other. */
  constructor(format: InputFormat, slots = 1) {
    this.#format = format;
    this.#slotLength = format.size.width * format.size.height * 3;
    const length = slots * this.#slotLength;
    if (format.dtype === 'float32' && format.layout === 'nchw') {
      const { width, height } = format.size;
      const memory = new SimdMemory(4 * length + (width + ROW_ALIGNMENT) * height);
      this.#simd = { memory, plane: new Int32Array(memory.buffer, 4 * length) };
      this.tensor = new Float32Array(memory.buffer, 0, length);
    } else this.tensor = new ARRAYS[format.dtype](length);
    this.#channels = format.channels === 'bgr' ? [2, 1, 0] : [0, 1, 2];
    // Integers are cut off, so half is added to round them.
    const rounding = format.dtype === 'float32' ? 0 : 0.5;
    this.#values = [0, 1, 2].map((channel) => new ARRAYS[format.dtype](Array.from({ length: 256 }, (_, value) => (value - format.mean[channel]!) / format.std[channel]! + rounding)));
  }

  /**
   * Fills `tensor`, or one slot of it, from the frame, or from the part that `roi` names. `taken` is called as soon as the frame's pixels
   * are no longer needed, and may throw. Throws `bad_request` (a roi without area), `inference_failed`.
   */
  fillFrom(frame: SourceFrame, roi: Box | undefined, taken: () => void, slot = 0): Geometry {
    const geometry = geometryOf(frame, this.#format.size, this.#format.letterbox, roi);
    const scaler = this.#scalers.get(Scaler.key(frame, geometry), () => new Scaler(frame, geometry));
    scaler.take(frame, geometry.crop);
    taken();
    const scaled = scaler.scale();
    const { placed } = geometry;
    if (placed.width < this.#format.size.width || placed.height < this.#format.size.height) this.#fill(slot, `${placed.x},${placed.y} ${placed.width}x${placed.height}`);
    this.#place(slot, scaled, placed);
    return geometry;
  }

  /** Fills a slot of `tensor` with the fill colour: the picture of nothing. */
  fillBlank(slot = 0): Geometry {
    this.#fill(slot, '');
    return geometryOf(this.#format.size, this.#format.size, 'stretch');
  }

  [Symbol.dispose](): void {
    this.#scalers.clear();
  }

  /** The fill around the picture stays as long as the picture's place does. */
  #fill(slot: number, place: string): void {
    if (place !== '' && this.#filledFor[slot] === place) return;
    this.#filledFor[slot] = place;
    for (let channel = 0; channel < 3; channel++) {
      const value = this.#values[channel]![this.#format.fill]!;
      const { offset, step } = this.#channel(slot, channel);
      if (step === 1) this.tensor.fill(value, offset, offset + this.#slotLength / 3);
      else for (let at = offset; at < (slot + 1) * this.#slotLength; at += step) this.tensor[at] = value;
    }
  }

  #place(slot: number, { planes, stride }: ScaledPlanes, placed: Geometry['placed']): void {
    for (const [colour, plane] of planes.entries()) {
      const channel = this.#channels[colour]!;
      const { offset, step } = this.#channel(slot, channel);
      const first = offset + (placed.y * this.#format.size.width + placed.x) * step;
      if (this.#placeAtOnce(plane, stride, placed, channel, first)) continue;
      for (let row = 0; row < placed.height; row++) {
        placeRow(plane, row * stride, placed.width, this.#values[channel]!, this.tensor, first + row * this.#format.size.width * step, step);
      }
    }
  }

  /** A whole plane; a float may differ from its table's in its last digit. False where that cannot be done. */
  #placeAtOnce(plane: Int32Array, stride: number, { width, height }: Size, channel: number, to: number): boolean {
    if (this.#simd === null || width < TURN || stride * height > this.#simd.plane.length) return false;
    const { memory: { loops }, plane: copy } = this.#simd;
    const { mean, std, size } = this.#format;
    copy.set(plane.subarray(0, stride * height));
    loops.toFloats(copy.byteOffset, 4 * stride, 4 * to, 4 * size.width, width, height, 1 / std[channel]!, -mean[channel]! / std[channel]!);
    return true;
  }

  #channel(slot: number, channel: number): { offset: number; step: number } {
    const begin = slot * this.#slotLength;
    return this.#format.layout === 'nchw' ? { offset: begin + channel * (this.#slotLength / 3), step: 1 } : { offset: begin + channel, step: 3 };
  }
}

/** The inner loop, by itself, so that it is compiled for what it does. Four pixels are read at once: byte by byte takes four times as long. */
function placeRow(plane: Int32Array, from: number, width: number, values: TensorData, tensor: TensorData, to: number, step: number): void {
  const whole = width >> 2;
  let at = to;
  for (let index = from, end = from + whole; index < end; index++, at += 4 * step) {
    const four = plane[index]!;
    tensor[at] = values[four & 255]!;
    tensor[at + step] = values[(four >> 8) & 255]!;
    tensor[at + 2 * step] = values[(four >> 16) & 255]!;
    tensor[at + 3 * step] = values[four >>> 24]!;
  }
  // Rows are padded, so that the last number is there.
  for (let rest = 0; rest < (width & 3); rest++, at += step) tensor[at] = values[(plane[from + whole]! >> (8 * rest)) & 255]!;
}
