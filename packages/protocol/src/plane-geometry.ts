// Whether polygons and lines are what they seem: shapes that cross or fold onto themselves have no inside and no sides.
import type { Point } from './scene.ts';

/** Shares of the picture: what is nearer than this is the same point. */
const SAME = 1e-6;
/** Share of the picture's area: less is no area. */
const LEAST_AREA = 1e-6;
/** Far below what a step of a millionth of the picture makes of a triangle, far above what is lost of 64 bits. */
const ROUNDING = 1e-13;

type Segment = readonly [from: Point, to: Point];

/** Twice the signed area of the triangle: positive where c lies to the right of a -> b on the screen, whose y grows downwards. */
export function turn(a: Point, b: Point, c: Point): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/** `turn`, and 0 where the three lie on one line but for what rounding makes of it. */
function side(a: Point, b: Point, c: Point): number {
  const twice = turn(a, b, c);
  return Math.abs(twice) < ROUNDING ? 0 : twice;
}

/** Whether two segments have a point in common. */
export function segmentsMeet([a, b]: Segment, [c, d]: Segment): boolean {
  const [c1, c2, a1, a2] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (c1 * c2 < 0 && a1 * a2 < 0) return true;
  return (c1 === 0 && within(a, b, c)) || (c2 === 0 && within(a, b, d)) || (a1 === 0 && within(c, d, a)) || (a2 === 0 && within(c, d, b));
}

/** A share of the picture's area. */
export function polygonArea(polygon: readonly Point[]): number {
  return Math.abs(polygon.reduce((sum, [x, y], index) => {
    const [nextX, nextY] = polygon[(index + 1) % polygon.length]!;
    return sum + x * nextY - nextX * y;
  }, 0)) / 2;
}

/** Null where the polygon has an inside; otherwise what is wrong and what would be right. Points are counted from 1. */
export function polygonProblem(polygon: readonly Point[]): string | null {
  const twice = twicePoint(polygon, true);
  if (twice) return twice;
  const problem = selfCrossing(polygon, true, 'side');
  if (problem) return `${problem}; list the corners in order around the area`;
  return polygonArea(polygon) < LEAST_AREA ? 'has no area: its points lie on one line; give corners of an area' : null;
}

/** The same for a line from its first point to its last. */
export function lineProblem(points: readonly Point[]): string | null {
  const twice = twicePoint(points, false);
  if (twice) return twice;
  const problem = selfCrossing(points, false, 'piece');
  return problem === null ? null : `${problem}; a line has two sides only where it does not cross itself`;
}

function twicePoint(points: readonly Point[], closed: boolean): string | null {
  const last = closed ? points.length : points.length - 1;
  for (let index = 0; index < last; index++) {
    const next = (index + 1) % points.length;
    if (Math.hypot(points[index]![0] - points[next]![0], points[index]![1] - points[next]![1]) < SAME) {
      return `has the same point twice (${index + 1} and ${next + 1}); remove one${closed && next === 0 ? ': the last corner is joined to the first by itself' : ''}`;
    }
  }
  return null;
}

function selfCrossing(points: readonly Point[], closed: boolean, word: string): string | null {
  const count = closed ? points.length : points.length - 1;
  const segment = (index: number): Segment => [points[index % points.length]!, points[(index + 1) % points.length]!];
  const named = (index: number): string => `the ${word} from point ${index + 1} to ${((index + 1) % points.length) + 1}`;
  for (let first = 0; first < count; first++) {
    for (let second = first + 1; second < count; second++) {
      const adjacent = second === first + 1 || (closed && first === 0 && second === count - 1);
      const crosses = adjacent ? foldsBack(segment(first), segment(second), second === first + 1) : segmentsMeet(segment(first), segment(second));
      if (crosses) return `crosses itself: ${named(first)} meets ${named(second)}`;
    }
  }
  return null;
}

/** Whether two segments that share a point lie on one another. */
function foldsBack(first: Segment, second: Segment, forwards: boolean): boolean {
  const [shared, a, b] = forwards ? [first[1], first[0], second[1]] : [first[0], first[1], second[0]];
  const along = (a[0] - shared[0]) * (b[0] - shared[0]) + (a[1] - shared[1]) * (b[1] - shared[1]);
  return along > 0 && Math.abs(turn(shared, a, b)) < SAME * Math.hypot(a[0] - shared[0], a[1] - shared[1]);
}

function within(a: Point, b: Point, point: Point): boolean {
  return point[0] >= Math.min(a[0], b[0]) && point[0] <= Math.max(a[0], b[0]) && point[1] >= Math.min(a[1], b[1]) && point[1] <= Math.max(a[1], b[1]);
}
