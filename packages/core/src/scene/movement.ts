// How an object moves: speed and direction as the slope of its places over the last second, and whether it has come to rest.
import type { GroundPlane, Point } from '@ruth/protocol';
import { anchorOf, type SceneObject, type Speed } from './scene-object.ts';
import { scaled } from './shapes.ts';

const WINDOW_S = 1;
/** Over less time a slope is noise. */
const LEAST_SPAN_S = 0.3;
/** Own heights in a second: less has no direction. */
const LEAST_HEIGHTS_PER_S = 0.15;
/** Of its own size: further from where it rested, it moves. */
const REST_SIZES = 0.25;
/** It has come to rest when it stayed there for so long. */
export const REST_S = 5;

interface Sample { readonly timeS: number; readonly place: Point; readonly ground: Point | null }

export class Movement {
  readonly #samples: Sample[] = [];
  #rest: { readonly place: Point; readonly sinceS: number } | null = null;

  /** To be called for each look that sees the object; sets its `speed` and `motion`. */
  see(object: SceneObject, nowS: number, aspect: number, ground: GroundPlane | null): void {
    const place = scaled(anchorOf(object.box, 'centre'), aspect);
    // One that is older stays, for who is looked at less than once a second.
    while (this.#samples.length > 1 && this.#samples[1]!.timeS < nowS - WINDOW_S) this.#samples.shift();
    this.#samples.push({ timeS: nowS, place, ground: ground?.toGround(anchorOf(object.box, 'base')) ?? null });
    object.speed = this.#speed(object.height);
    const width = (object.box[2] - object.box[0]) * aspect;
    const moved = this.#rest === null ? Infinity : Math.max(Math.abs(place[0] - this.#rest.place[0]) / width, Math.abs(place[1] - this.#rest.place[1]) / object.height);
    if (!(moved <= REST_SIZES)) this.#rest = { place, sinceS: nowS };
    if (nowS - this.#rest!.sinceS >= REST_S) {
      if (object.motion?.is !== 'stationary') object.motion = { is: 'stationary', sinceS: this.#rest!.sinceS };
    } else if (object.speed?.headingDegrees != null) {
      if (object.motion?.is !== 'moving') object.motion = { is: 'moving', sinceS: nowS };
    } else object.motion = null;
  }

  #speed(height: number): Speed | null {
    const slope = slopeOf(this.#samples, ({ place }) => place);
    if (slope === null) return null;
    const framesPerS = Math.hypot(...slope);
    const onGround = slopeOf(this.#samples, ({ ground }) => ground);
    return {
      framesPerS, metresPerS: onGround === null ? null : Math.hypot(...onGround),
      headingDegrees: framesPerS < LEAST_HEIGHTS_PER_S * height ? null : (Math.atan2(slope[0], -slope[1]) * 180 / Math.PI + 360) % 360,
    };
  }
}

/** By least squares, per second; null where the samples do not tell. */
function slopeOf(samples: readonly Sample[], pointOf: (sample: Sample) => Point | null): Point | null {
  const n = samples.length;
  if (n < 2 || samples[n - 1]!.timeS - samples[0]!.timeS < LEAST_SPAN_S) return null;
  let [t, x, y] = [0, 0, 0];
  for (const sample of samples) {
    const point = pointOf(sample);
    if (point === null) return null;
    t += sample.timeS / n;
    x += point[0] / n;
    y += point[1] / n;
  }
  let [tt, tx, ty] = [0, 0, 0];
  for (const sample of samples) {
    const [point, dt] = [pointOf(sample)!, sample.timeS - t];
    tt += dt * dt;
    tx += dt * (point[0] - x);
    ty += dt * (point[1] - y);
  }
  return [tx / tt, ty / tt];
}
