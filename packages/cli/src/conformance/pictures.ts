// Frames that the kit makes itself: a dark ground with bright things of several sizes, and people-like figures. Enough for
// most models to have something to say at a low threshold; what they say is compared, never judged. A photo may be given.
import { randomBytes } from 'node:crypto';
import { COLOUR_MATRIX, COLOUR_RANGE, type PixelFormat } from '@ruth/protocol';
import { RingWriter } from '@ruth/transport';
import { drawPhoto, VIEWS, type Photo } from './photo.ts';

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
  readonly #photo: Photo | null;
  readonly #prefix = `conformance-${randomBytes(4).toString('hex')}`;
  readonly #rings = new Map<string, RingWriter>();

  constructor(ringDirectory: string, photo: Photo | null) {
    this.#directory = ringDirectory;
    this.#photo = photo;
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

  /** Publishes picture `index` (modulo what there is; 0 is empty) and returns its frame id. */
  publish(ring: RingWriter, index: number): number {
    const { format } = ring.layout;
    const { planes, strides } = ring.begin();
    const picture = index % PICTURE_COUNT;
    if (picture === 0 || this.#photo === null) draw(picture, ring.layout, planes, strides[0]!);
    else drawPhoto(this.#photo, VIEWS[picture - 1]!, format, ring.layout.width, ring.layout.height, planes, strides);
    return ring.publish({ ptsUs: ring.framesPublished * 40_000, capturedAtUs: Date.now() * 1000, colourMatrix: COLOUR_MATRIX.bt709, colourRange: COLOUR_RANGE.limited, epoch: 0 });
  }

  [Symbol.dispose](): void {
    for (const ring of this.#rings.values()) ring.close();
  }
}

function draw(index: number, { width, height }: Size, [luma, ...chroma]: readonly Buffer[], stride: number): void {
  for (let y = 0; y < height; y++) luma!.fill(24 + Math.round((24 * y) / height), y * stride, y * stride + stride);
  for (const plane of chroma) plane.fill(128);
  for (const [left, top, across, down, brightness, round] of PICTURES[index]!) {
    for (let y = Math.round(top * height); y < Math.round((top + down) * height); y++) {
      const fromMiddle = ((y / height - top) / down) * 2 - 1;
      const halfWidth = (across / 2) * (round ? Math.sqrt(Math.max(0, 1 - fromMiddle ** 2)) : 1);
      const [from, to] = [left + across / 2 - halfWidth, left + across / 2 + halfWidth].map((x) => Math.round(x * width)) as [number, number];
      luma!.fill(brightness, y * stride + from, y * stride + to);
    }
  }
}

export const PICTURE_COUNT = PICTURES.length;
