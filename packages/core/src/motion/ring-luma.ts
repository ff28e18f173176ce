// The luma of a ring's frames as core reads it: in small for the motion gate, a box of it for how sharp it is. Straight from the mapping,
// without a copy; what was overwritten meanwhile is told as null.
import type { Box } from '@ruth/protocol';
import type { RingFrame } from '@ruth/transport';
import { LumaGrid } from './luma-grid.ts';
import { sharpnessOf } from './sharpness.ts';

export class RingLuma {
  #small: { readonly grid: LumaGrid; readonly width: number; readonly height: number; of: RingFrame | null; isWhole: boolean } | null = null;

  /** Read once for all who ask about the frame; the grid is used again for the next one. */
  grid(frame: RingFrame): LumaGrid | null {
    const { width, height } = frame;
    if (this.#small?.width !== width || this.#small.height !== height) this.#small = { grid: new LumaGrid(width, height), width, height, of: null, isWhole: false };
    const small = this.#small;
    if (small.of !== frame) {
      small.grid.read(frame.planes[0]!, frame.strides[0]!);
      small.of = frame;
      small.isWhole = frame.intact();
    }
    return small.isWhole ? small.grid : null;
  }

  sharpness(frame: RingFrame, box: Box): number | null {
    const value = sharpnessOf({ luma: frame.planes[0]!, stride: frame.strides[0]!, width: frame.width, height: frame.height }, box);
    return frame.intact() ? value : null;
  }
}
