// Frames that the kit makes itself: a dark ground with bright things of several sizes, and people-like figures. Enough for
// a model to have something to say at a low threshold; what it says is compared with itself, never judged.
import { randomBytes } from 'node:crypto';
import { COLOUR_MATRIX, COLOUR_RANGE, type PixelFormat } from '@ruth/protocol';
import { RingWriter } from '@ruth/transport';

export interface Size { readonly width: number; readonly height: number }

/** Left, top, width, height as shares of the frame; luma; round or not. */
const PICTURES: readonly (readonly [x: number, y: number, width: number, height: number, luma: number, round: boolean][])[] = [
  [],
  [[0.1, 0.2, 0.2, 0.5, 220, false]],
  [[0.55, 0.1, 0.12, 0.2, 210, true], [0.5, 0.3, 0.22, 0.6, 190, false], [0.1, 0.6, 0.25, 0.25, 240, true]],
  [[0, 0, 1, 1, 200, true]],
];

/** Rings of one run: each has a camera id that nobody else has. */
export class Cameras implements Disposable {
  readonly #directory: string;
  readonly #prefix = `conformance-${randomBytes(4).toString('hex')}`;
  readonly #rings = new Map<string, RingWriter>();

  constructor(ringDirectory: string) {
    this.#directory = ringDirectory;
  }

  idOf(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  /** A new ring, in place of one of the same name. */
  create(name: string, { width = 640, height = 360, format = 'NV12', slotCount = 4 }: Partial<Size> & { format?: PixelFormat; slotCount?: number } = {}): RingWriter {
    const ring = RingWriter.create({ cameraId: this.idOf(name), width, height, format, slotCount, ringDirectory: this.#directory });
    this.#rings.get(name)?.close();
    this.#rings.set(name, ring);
    return ring;
  }

  [Symbol.dispose](): void {
    for (const ring of this.#rings.values()) ring.close();
  }
}

/** Publishes picture `index` (modulo what there is) and returns its frame id. */
export function publishPicture(ring: RingWriter, index: number): number {
  const { width, height } = ring.layout;
  const slot = ring.begin();
  const [luma, ...chroma] = slot.planes;
  const stride = slot.strides[0]!;
  for (let y = 0; y < height; y++) luma!.fill(24 + Math.round((24 * y) / height), y * stride, y * stride + stride);
  for (const plane of chroma) plane.fill(128);
  for (const [left, top, across, down, brightness, round] of PICTURES[index % PICTURES.length]!) {
    for (let y = Math.round(top * height); y < Math.round((top + down) * height); y++) {
      const fromMiddle = ((y / height - top) / down) * 2 - 1;
      const halfWidth = (across / 2) * (round ? Math.sqrt(Math.max(0, 1 - fromMiddle ** 2)) : 1);
      const [from, to] = [left + across / 2 - halfWidth, left + across / 2 + halfWidth].map((x) => Math.round(x * width)) as [number, number];
      luma!.fill(brightness, y * stride + from, y * stride + to);
    }
  }
  return ring.publish({ ptsUs: ring.framesPublished * 40_000, capturedAtUs: Date.now() * 1000, colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.limited, epoch: 0 });
}

export const PICTURE_COUNT = PICTURES.length;
