// Where a point of the picture is on the ground, in metres: a homography from pairs of points, by least squares.
// Source: the direct linear transform with normalised points, Hartley and Zisserman, Multiple View Geometry, 2004, 4.1 and 4.4.
import type { GroundPlaneConfig, Point } from './scene.ts';

export interface GroundPlane {
  /** Metres; null for what lies above the horizon. */
  toGround(point: Point): Point | null;
  /** How far each pair lies from where the plane has it, metres. */
  readonly residualsM: readonly number[];
}

type Pair = GroundPlaneConfig['points'][number];
interface Normal { readonly x: number; readonly y: number; readonly scale: number }

/** Pivots of normalised equations: below it the points do not determine a plane. */
const LEAST_PIVOT = 1e-9;
const UNKNOWNS = 8;

/** Null where the points do not determine a plane, or lie on both sides of its horizon. */
export function groundPlane(pairs: readonly Pair[]): GroundPlane | null {
  const image = normalOf(pairs.map((pair) => pair.image));
  const ground = normalOf(pairs.map((pair) => pair.ground));
  const h = solve(pairs, image, ground);
  if (h === null) return null;
  const depth = (x: number, y: number): number => h[6]! * x + h[7]! * y + 1;
  // The centre of the points, where the depth is 1, is in front of the camera; so must be each point.
  if (pairs.some((pair) => depth(...normalised(pair.image, image)) <= LEAST_PIVOT)) return null;
  const toGround = (point: Point): Point | null => {
    const [x, y] = normalised(point, image);
    const w = depth(x, y);
    if (w <= LEAST_PIVOT) return null;
    return [(h[0]! * x + h[1]! * y + h[2]!) / w / ground.scale + ground.x, (h[3]! * x + h[4]! * y + h[5]!) / w / ground.scale + ground.y];
  };
  const residualsM = pairs.map((pair) => {
    const [x, y] = toGround(pair.image)!;
    return Math.hypot(x - pair.ground[0], y - pair.ground[1]);
  });
  return { toGround, residualsM };
}

function normalised(point: Point, { x, y, scale }: Normal): [number, number] {
  return [(point[0] - x) * scale, (point[1] - y) * scale];
}

/** Moves the centre of the points to 0 and makes their mean distance from it the square root of 2. */
function normalOf(points: readonly Point[]): Normal {
  const x = points.reduce((sum, point) => sum + point[0], 0) / points.length;
  const y = points.reduce((sum, point) => sum + point[1], 0) / points.length;
  const distance = points.reduce((sum, point) => sum + Math.hypot(point[0] - x, point[1] - y), 0) / points.length;
  return { x, y, scale: distance > 0 ? Math.SQRT2 / distance : 1 };
}

/** The normal equations of the linear system, the ninth entry of the homography being 1. */
function solve(pairs: readonly Pair[], image: Normal, ground: Normal): Float64Array | null {
  const rows = Array.from({ length: UNKNOWNS }, () => new Float64Array(UNKNOWNS + 1));
  const add = (equation: readonly number[]): void => {
    for (let i = 0; i < UNKNOWNS; i++) for (let j = 0; j <= UNKNOWNS; j++) rows[i]![j] = rows[i]![j]! + equation[i]! * equation[j]!;
  };
  for (const pair of pairs) {
    const [x, y] = normalised(pair.image, image);
    const [u, v] = normalised(pair.ground, ground);
    add([x, y, 1, 0, 0, 0, -u * x, -u * y, u]);
    add([0, 0, 0, x, y, 1, -v * x, -v * y, v]);
  }
  return eliminate(rows);
}

/** Gauss with the largest pivot of each column. */
function eliminate(rows: Float64Array[]): Float64Array | null {
  for (let column = 0; column < UNKNOWNS; column++) {
    let pivot = column;
    for (let row = column + 1; row < UNKNOWNS; row++) if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row;
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    if (Math.abs(rows[column]![column]!) < LEAST_PIVOT) return null;
    for (let row = 0; row < UNKNOWNS; row++) {
      if (row === column) continue;
      const factor = rows[row]![column]! / rows[column]![column]!;
      for (let j = column; j <= UNKNOWNS; j++) rows[row]![j] = rows[row]![j]! - factor * rows[column]![j]!;
    }
  }
  return Float64Array.from(rows, (row, index) => row[UNKNOWNS]! / row[index]!);
}
