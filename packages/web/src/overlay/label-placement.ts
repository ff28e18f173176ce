// Finds each label a place at its box: above it, else inside, else below, never outside the picture, and off the labels
// placed before it as far as that can be.
import type { Rectangle } from './video-rectangle.ts';

export interface LabelRequest { readonly box: Rectangle; readonly width: number; readonly height: number }

/** Places in the order of `requests`; so put what matters most first. */
export function placeLabels(requests: readonly LabelRequest[], bounds: Rectangle): Rectangle[] {
  const placed: Rectangle[] = [];
  for (const { box, width, height } of requests) {
    const x = clamp(box.x, bounds.x, bounds.x + bounds.width - width);
    const right = clamp(box.x + box.width - width, bounds.x, bounds.x + bounds.width - width);
    const above = box.y - height;
    const candidates = [[x, above], [x, box.y], [x, box.y + box.height], [right, above], [x, box.y + box.height - height], [right, box.y]]
      .map(([left, top]): Rectangle => ({ x: left!, y: top!, width, height }))
      .filter((place) => place.y >= bounds.y && place.y + height <= bounds.y + bounds.height);
    const free = candidates.find((place) => placed.every((other) => !overlap(place, other)));
    placed.push(free ?? candidates[0] ?? { x, y: clamp(box.y, bounds.y, bounds.y + bounds.height - height), width, height });
  }
  return placed;
}

function overlap(a: Rectangle, b: Rectangle): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}
