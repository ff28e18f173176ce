// Where a region of a frame lies in the model's input, and the way back from input pixels to the whole frame, 0..1.
import { RuthError } from '@ruth/protocol/base';
import type { Box } from '@ruth/protocol';

export type LetterboxMode = 'center' | 'top-left' | 'stretch';

export interface Size { readonly width: number; readonly height: number }

/** `crop` in frame pixels (even origin), `placed` in input pixels: the crop, scaled, lies there; what is left is fill. */
export interface Geometry {
  readonly frame: Size;
  readonly crop: Size & { readonly x: number; readonly y: number };
  readonly placed: Size & { readonly x: number; readonly y: number };
}

/** Throws `bad_request` for a region of interest without an area. */
export function geometryOf(frame: Size, input: Size, mode: LetterboxMode, roi?: Box): Geometry {
  const crop = roi ? cropOf(frame, roi) : { x: 0, y: 0, ...frame };
  if (mode === 'stretch') return { frame, crop, placed: { x: 0, y: 0, ...input } };
  const ratio = Math.min(input.width / crop.width, input.height / crop.height);
  const width = Math.min(input.width, Math.max(1, Math.round(crop.width * ratio)));
  const height = Math.min(input.height, Math.max(1, Math.round(crop.height * ratio)));
  const centred = mode === 'center';
  return {
    frame, crop,
    placed: { width, height, x: centred ? Math.floor((input.width - width) / 2) : 0, y: centred ? Math.floor((input.height - height) / 2) : 0 },
  };
}

/** Chroma has half the resolution of luma, so a crop begins on an even pixel. */
function cropOf(frame: Size, [left, top, right, bottom]: Box): Geometry['crop'] {
  if (!(right > left && bottom > top)) {
    throw new RuthError('bad_request', `config.roi [${[left, top, right, bottom].join(', ')}] has no area: give [x_min, y_min, x_max, y_max] with x_min < x_max and y_min < y_max`);
  }
  const even = (share: number, size: number): number => Math.min(Math.floor(share * size), Math.max(0, size - 2)) & ~1;
  const x = even(left, frame.width);
  const y = even(top, frame.height);
  return {
    x, y,
    width: Math.min(frame.width, Math.max(Math.ceil(right * frame.width), x + 2)) - x,
    height: Math.min(frame.height, Math.max(Math.ceil(bottom * frame.height), y + 2)) - y,
  };
}

/** Beside the crop there is fill, of which nothing can be seen. */
const clamp = (value: number, start: number, length: number): number => Math.min(start + length, Math.max(start, value));

/** x of the input, in pixels, as a share of the whole frame, inside the region that was looked at. */
export function frameX(geometry: Geometry, x: number): number {
  const { crop, placed, frame } = geometry;
  return clamp((x - placed.x) * crop.width / placed.width + crop.x, crop.x, crop.width) / frame.width;
}

/** y of the input, in pixels, as a share of the whole frame, inside the region that was looked at. */
export function frameY(geometry: Geometry, y: number): number {
  const { crop, placed, frame } = geometry;
  return clamp((y - placed.y) * crop.height / placed.height + crop.y, crop.y, crop.height) / frame.height;
}
