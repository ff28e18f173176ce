// Pixels and metadata derived from generation and frame id, so that every word of a frame tells which frame it is of.
import type { FrameMetadata, RingFrame } from '../../src/index.ts';

const seedOf = (frameId: number, generation: bigint, plane: number): number =>
  (Math.imul(frameId + 1, 0x9e3779b1) ^ Number(generation & 0x7fffffffn) ^ Math.imul(plane + 1, 0x85ebca6b)) | 0;

const words = (plane: Buffer): Int32Array => new Int32Array(plane.buffer, plane.byteOffset, plane.length / 4);

export function paint(planes: readonly Buffer[], frameId: number, generation: bigint): void {
  for (const [index, plane] of planes.entries()) {
    const seed = seedOf(frameId, generation, index);
    const target = words(plane);
    for (let word = 0; word < target.length; word++) target[word] = (seed + Math.imul(word, 0x01000193)) | 0;
  }
}

export function metadataOf(frameId: number): FrameMetadata {
  return { ptsUs: frameId * 33_333 - 5, capturedAtUs: 1_735_598_400_000_000 + frameId, colourMatrix: frameId % 10, colourRange: 1 + (frameId % 2), epoch: frameId >>> 4 };
}

/** Compares every pixel, padding included, and every number. */
export function isPainted(frame: RingFrame, frameId: number, generation: bigint): boolean {
  const expected = metadataOf(frameId);
  if (frame.frameId !== frameId || frame.ptsUs !== expected.ptsUs || frame.capturedAtUs !== expected.capturedAtUs) return false;
  if (frame.colourMatrix !== expected.colourMatrix || frame.colourRange !== expected.colourRange || frame.epoch !== expected.epoch) return false;
  return frame.planes.every((plane, index) => {
    const seed = seedOf(frameId, generation, index);
    const found = words(plane);
    for (let word = 0; word < found.length; word++) if (found[word] !== ((seed + Math.imul(word, 0x01000193)) | 0)) return false;
    return true;
  });
}
