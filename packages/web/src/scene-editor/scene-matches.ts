// What a shape of the scene matches of what is in the picture now, by the rules that core applies: an object is where its anchor is.
import { segmentsMeet, turn, type Anchor, type Detection, type LineConfig, type Point } from '@ruth/protocol';
import type { Shape, ShapeKind } from './scene-draft.ts';

/** In the picture now. */
export interface SeenObject { readonly trackId: number | null; readonly className: string; readonly box: Detection['bbox'] }

export function anchorOf([xMin, yMin, xMax, yMax]: Detection['bbox'], anchor: Anchor = 'base'): Point {
  return [(xMin + xMax) / 2, anchor === 'base' ? yMax : (yMin + yMax) / 2];
}

export function contains(polygon: readonly Point[], [x, y]: Point): boolean {
  let isInside = false;
  for (let index = 0, before = polygon.length - 1; index < polygon.length; before = index++) {
    const [[x1, y1], [x2, y2]] = [polygon[index]!, polygon[before]!];
    if (y1 > y !== y2 > y && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1) isInside = !isInside;
  }
  return isInside;
}

/** The objects that are in a zone, or that a mask hides. */
export function matchesOf(kind: ShapeKind, shape: Shape, objects: readonly SeenObject[]): SeenObject[] {
  if (!('polygon' in shape)) return [];
  if (kind === 'masks' && 'hides' in shape && !shape.hides.includes('objects')) return [];
  const anchor = 'anchor' in shape ? shape.anchor : undefined;
  return objects.filter(({ className, box }) => (shape.classes?.includes(className) ?? true) && contains(shape.polygon, anchorOf(box, anchor)));
}

/** Counts who crosses a line from now on, in its two directions. */
export class LineCrossings {
  readonly counts = { in: 0, out: 0 };
  readonly #last = new Map<number, Point>();

  /** What is seen now. Only what has a track can be known to be the same as before. */
  see({ points, anchor, classes }: LineConfig, objects: readonly SeenObject[]): void {
    for (const { trackId, className, box } of objects) {
      if (trackId === null || !(classes?.includes(className) ?? true)) continue;
      const [before, now] = [this.#last.get(trackId), anchorOf(box, anchor)];
      this.#last.set(trackId, now);
      if (!before) continue;
      for (let index = 1; index < points.length; index++) {
        const [from, to] = [points[index - 1]!, points[index]!];
        if (segmentsMeet([from, to], [before, now]) && turn(from, to, before) * turn(from, to, now) < 0) this.counts[turn(from, to, now) > 0 ? 'in' : 'out']++;
      }
    }
  }
}

/** `2 person, car`. */
export function objectsText(objects: readonly SeenObject[]): string {
  const counts = new Map<string, number>();
  for (const { className } of objects) counts.set(className, (counts.get(className) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count === 1 ? name : `${count} ${name}`)).join(', ');
}
