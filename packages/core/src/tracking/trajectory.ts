// The way a track went: its base points with their times, simplified as it grows, so that it costs the same for a minute and a day.
// Source of the simplification: Douglas and Peucker, Algorithms for the reduction of the number of points, 1973.

/** UTC seconds, x, y; shares of the picture. */
export type TrajectoryPoint = [at: number, x: number, y: number];

export const MOST_TRAJECTORY_POINTS = 128;
const MOST_KEPT = 384;
/** Shares of the picture: less is no movement. */
const LEAST_STEP = 0.004;

export class Trajectory {
  #points: TrajectoryPoint[] = [];

  add(at: number, x: number, y: number): void {
    const last = this.#points.at(-1);
    const before = this.#points.at(-2);
    // What stays where it is has one point for when it came and one for until when it was there.
    if (last && before && Math.hypot(x - last[1], y - last[2]) < LEAST_STEP && Math.hypot(last[1] - before[1], last[2] - before[2]) < LEAST_STEP) last[0] = at;
    else this.#points.push([at, x, y]);
    if (this.#points.length > MOST_KEPT) this.#points = simplified(this.#points, MOST_TRAJECTORY_POINTS);
  }

  points(): TrajectoryPoint[] { return simplified(this.#points, MOST_TRAJECTORY_POINTS); }
}

/** The `most` points that tell the way best, the first and the last among them. */
export function simplified(points: readonly TrajectoryPoint[], most: number): TrajectoryPoint[] {
  if (points.length <= 2) return [...points];
  for (let tolerance = LEAST_STEP; ; tolerance *= 1.6) {
    const kept = new Set([0, points.length - 1]);
    const spans: [number, number][] = [[0, points.length - 1]];
    for (let span = spans.pop(); span !== undefined; span = spans.pop()) {
      const [from, to] = span;
      let [worst, at] = [tolerance, -1];
      for (let index = from + 1; index < to; index++) {
        const error = errorOf(points[index]!, points[from]!, points[to]!);
        if (error > worst) [worst, at] = [error, index];
      }
      if (at < 0) continue;
      kept.add(at);
      spans.push([from, at], [at, to]);
    }
    if (kept.size <= most) return [...kept].sort((a, b) => a - b).map((index) => points[index]!);
  }
}

/** How far from it one is who takes the straight way at an even speed: when it was where counts as well as where. */
function errorOf(point: TrajectoryPoint, from: TrajectoryPoint, to: TrajectoryPoint): number {
  const share = to[0] > from[0] ? (point[0] - from[0]) / (to[0] - from[0]) : 0;
  return Math.hypot(point[1] - from[1] - share * (to[1] - from[1]), point[2] - from[2] - share * (to[2] - from[2]));
}
