// Where an object is in a camera's scene, by the rules that core applies: it is where its anchor is.
import type { Anchor, Box, Detection, MaskConfig, Point, SceneConfig } from '@ruth/protocol';

export function anchorOf([xMin, yMin, xMax, yMax]: Box, anchor: Anchor = 'base'): Point {
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

/** Objects are hidden by where they stand. */
export function isMaskedBy({ polygon, classes, hides }: MaskConfig, className: string, box: Box): boolean {
  return (hides?.includes('objects') ?? true) && (classes?.includes(className) ?? true) && contains(polygon, anchorOf(box));
}

/** A mask of the scene hides it: core follows it not, and tells nothing of it. */
export function isMasked({ class_name: className, bbox }: Detection, { masks = [] }: SceneConfig): boolean {
  return masks.some((mask) => isMaskedBy(mask, className, bbox));
}
