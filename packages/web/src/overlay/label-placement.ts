// Finds each label a place at its box: above it, inside, below; never outside the picture, off the labels placed before
// it, and off other boxes as far as that can be.
import type { Rectangle } from './video-rectangle.ts';

export interface LabelRequest { readonly box: Rectangle; readonly width: number; readonly height: number }

/** Covering a label hides words, covering another's box hides a picture: the former is that much worse. */
const LABEL_OVER_BOX = 8;

/** Places in the order of `requests`; so put what matters most first. */
export function placeLabels(requests: readonly LabelRequest[], bounds: Rectangle): Rectangle[] {
  const placed: Rectangle[] = [];
  for (const { box, width, height } of requests) {
    const left = clamp(box.x, bounds.x, bounds.x + bounds.width - width);
    const right = clamp(box.x + box.width - width, bounds.x, bounds.x + bounds.width - width);
    const [above, top, below, bottom] = [box.y - height, box.y, box.y + box.height, box.y + box.height - height];
    let best: Rectangle = { x: left, y: clamp(above, bounds.y, bounds.y + bounds.height - height), width, height };
    let bestCost = Infinity;
    for (const [x, y] of [[left, above], [right, above], [left, below], [right, below], [left, top], [left, bottom]] as const) {
      const place = { x, y, width, height };
      if (y < bounds.y || y + height > bounds.y + bounds.height) continue;
      const cost = LABEL_OVER_BOX * covered(place, placed) + covered(place, requests.map((other) => other.box));
      if (cost < bestCost) [best, bestCost] = [place, cost];
    }
    placed.push(best);
  }
  return placed;
}

function covered(place: Rectangle, others: readonly Rectangle[]): number {
  let area = 0;
  for (const other of others) {
    const width = Math.min(place.x + place.width, other.x + other.width) - Math.max(place.x, other.x);
    const height = Math.min(place.y + place.height, other.y + other.height) - Math.max(place.y, other.y);
    if (width > 0 && height > 0) area += width * height;
  }
  return area;
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}
