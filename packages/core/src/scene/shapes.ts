// Zones and lines as shapes to measure with. Lengths are heights of the picture, so that a step to the side is as long as one down.
import { polygonArea, turn, type Point } from '@ruth/protocol';

/** A point in heights of the picture. */
export const scaled = ([x, y]: Point, aspect: number): Point => [x * aspect, y];

export class Area {
  readonly #corners: readonly Point[];
  /** About the radius of the largest circle inside, heights of the picture. */
  readonly breadth: number;

  /** `aspect`: width of the picture over its height. */
  constructor(polygon: readonly Point[], aspect: number) {
    this.#corners = polygon.map((point) => scaled(point, aspect));
    const perimeter = this.#corners.reduce((sum, corner, index) => sum + distance(corner, this.#corners[(index + 1) % this.#corners.length]!), 0);
    this.breadth = 2 * polygonArea(this.#corners) / perimeter;
  }

  contains(point: Point): boolean {
    let inside = false;
    for (let index = 0, before = this.#corners.length - 1; index < this.#corners.length; before = index++) {
      const [a, b] = [this.#corners[index]!, this.#corners[before]!];
      if ((a[1] > point[1]) !== (b[1] > point[1]) && point[0] < (b[0] - a[0]) * (point[1] - a[1]) / (b[1] - a[1]) + a[0]) inside = !inside;
    }
    return inside;
  }

  /** From its edge, inside as outside. */
  distance(point: Point): number {
    let least = Infinity;
    for (let index = 0; index < this.#corners.length; index++) least = Math.min(least, toSegment(point, this.#corners[index]!, this.#corners[(index + 1) % this.#corners.length]!));
    return least;
  }
}

export class Course {
  readonly #points: readonly Point[];

  constructor(points: readonly Point[], aspect: number) {
    this.#points = points.map((point) => scaled(point, aspect));
  }

  /**
   * How often a straight step goes over to the right of the line, less how often to its left. What lies exactly on the line counts as right
   * of it, so that steps that touch it or end on it count once, and joints of the line are in one piece of it.
   */
  crossings(from: Point, to: Point): number {
    let net = 0;
    // In one order whichever way it goes: a step through the very end of a line counts there and back, or neither.
    const [p, q] = from[0] < to[0] || (from[0] === to[0] && from[1] < to[1]) ? [from, to] : [to, from];
    for (let index = 1; index < this.#points.length; index++) {
      const [a, b] = [this.#points[index - 1]!, this.#points[index]!];
      const [begins, ends] = [turn(a, b, from) >= 0, turn(a, b, to) >= 0];
      if (begins !== ends && (turn(p, q, a) >= 0) !== (turn(p, q, b) >= 0)) net += ends ? 1 : -1;
    }
    return net;
  }

  distance(point: Point): number {
    let least = Infinity;
    for (let index = 1; index < this.#points.length; index++) least = Math.min(least, toSegment(point, this.#points[index - 1]!, this.#points[index]!));
    return least;
  }
}

export const distance = (a: Point, b: Point): number => Math.hypot(a[0] - b[0], a[1] - b[1]);

function toSegment(point: Point, a: Point, b: Point): number {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(Math.max(((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length, 0), 1);
  return Math.hypot(point[0] - a[0] - along * dx, point[1] - a[1] - along * dy);
}
