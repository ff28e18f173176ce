// What a shape of the scene matches of what is in the picture now, by the rules that core applies: an object is where its anchor is.
import { segmentsMeet, turn, type Detection, type LineConfig, type MaskConfig, type Point } from '@ruth/protocol';
import { anchorOf, contains, isMaskedBy } from '../overlay/scene-places.ts';
import type { Shape, ShapeKind } from './scene-draft.ts';

/** In the picture now. */
export interface SeenObject { readonly trackId: number | null; readonly className: string; readonly box: Detection['bbox'] }

/** The objects that are in a zone, or that a mask hides. */
export function matchesOf(kind: ShapeKind, shape: Shape, objects: readonly SeenObject[]): SeenObject[] {
  if (!('polygon' in shape)) return [];
  if (kind === 'masks') return objects.filter(({ className, box }) => isMaskedBy(shape as MaskConfig, className, box));
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
