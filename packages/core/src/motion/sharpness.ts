// How sharp a part of a picture is: the variance of the Laplacian of its luma, which edges raise and blur lowers.
// Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000.
import type { Box } from '@ruth/protocol';

/** Places that are looked at, across and down: spread over the box, so that a large one costs no more. */
const MOST_PLACES = 48;

export interface LumaPlane { readonly luma: Uint8Array; readonly stride: number; readonly width: number; readonly height: number }

/** `box`: shares of the picture. In squared levels of luma; 0 where the box is too small to tell. */
export function sharpnessOf({ luma, stride, width, height }: LumaPlane, [xMin, yMin, xMax, yMax]: Box): number {
  const [left, right] = [Math.max(1, Math.floor(xMin * width)), Math.min(width - 1, Math.ceil(xMax * width))];
  const [top, bottom] = [Math.max(1, Math.floor(yMin * height)), Math.min(height - 1, Math.ceil(yMax * height))];
  const [across, down] = [Math.min(MOST_PLACES, right - left), Math.min(MOST_PLACES, bottom - top)];
  if (across < 1 || down < 1) return 0;
  let [sum, squares] = [0, 0];
  for (let row = 0; row < down; row++) {
    const line = (top + Math.floor(row * (bottom - top) / down)) * stride;
    for (let column = 0; column < across; column++) {
      const at = line + left + Math.floor(column * (right - left) / across);
      const laplacian = luma[at - 1]! + luma[at + 1]! + luma[at - stride]! + luma[at + stride]! - 4 * luma[at]!;
      sum += laplacian;
      squares += laplacian * laplacian;
    }
  }
  const places = across * down;
  return Math.max(0, squares / places - (sum / places) ** 2);
}
