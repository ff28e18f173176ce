// A picture that a test paints, and shows in a ring.
import type { RingWriter } from '@ruth/transport';

export const [WIDTH, HEIGHT] = [320, 180];

/** A still scene with noise; a grey square where it is told. */
export class Scene {
  readonly luma = new Uint8Array(WIDTH * HEIGHT);
  readonly #base = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, index) => 60 + (index % WIDTH) / 4 + 30 * Math.sin(index / 4500));
  #seed = 7;

  /** `darker`: by so many levels the square is darker than what is behind it; black unless told. */
  paint({ square, light = 0, noise = 3, darker = 255 }: { square?: readonly [x: number, y: number, size: number]; light?: number; noise?: number; darker?: number } = {}): void {
    for (let index = 0; index < this.luma.length; index++) {
      this.#seed = (this.#seed * 48_271) % 2_147_483_647;
      this.luma[index] = Math.max(0, Math.min(255, this.#base[index]! + light + (this.#seed / 2_147_483_647 - 0.5) * 2 * noise));
    }
    if (!square) return;
    const [left, top, size] = square;
    for (let y = top; y < top + size; y++) {
      for (let at = y * WIDTH + left; at < y * WIDTH + left + size; at++) this.luma[at] = Math.max(0, this.luma[at]! - darker);
    }
  }
}

/** As the next frame of the ring, captured now unless told. */
export function publishPicture(ring: RingWriter, { luma: picture }: Scene, ptsUs: number, capturedAtUs = Date.now() * 1000): number {
  const { planes: [luma], strides: [stride], frameId } = ring.begin();
  for (let row = 0; row < HEIGHT; row++) luma!.set(picture.subarray(row * WIDTH, (row + 1) * WIDTH), row * stride!);
  ring.publish({ ptsUs, capturedAtUs, colourMatrix: 1, colourRange: 1, epoch: 0 });
  return frameId;
}
