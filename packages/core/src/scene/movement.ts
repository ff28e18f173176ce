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

/** What is kept of a look, side by side in one array: seconds, the place, and the place on the ground, NaN where there is none. */
const FIELDS = 5;
const PLACE = 1;
const GROUND = 3;

export class Movement {
  /** Of the looks of the last second, FIELDS numbers each: used again, so that nothing is made for a look that lives for longer. */
  readonly #samples: number[] = [];
  #rest: { readonly place: Point; readonly sinceS: number } | null = null;

  /** To be called for each look that sees the object; sets its `speed` and `motion`. */
  see(object: SceneObject, nowS: number, aspect: number, ground: GroundPlane | null): void {
    const place = scaled(anchorOf(object.box, 'centre'), aspect);
    this.#keep(nowS, place, ground?.toGround(anchorOf(object.box, 'base')) ?? null);
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

  #keep(nowS: number, place: Point, ground: Point | null): void {
    const samples = this.#samples;
    let old = 0;
    // One that is older stays, for who is looked at less than once a second.
    while (old + FIELDS < samples.length && samples[old + FIELDS]! < nowS - WINDOW_S) old += FIELDS;
    if (old > 0) {
      for (let index = old; index < samples.length; index++) samples[index - old] = samples[index]!;
      samples.length -= old;
    }
    samples.push(nowS, place[0], place[1], ground?.[0] ?? NaN, ground?.[1] ?? NaN);
  }

  #speed(height: number): Speed | null {
    const slope = slopeOf(this.#samples, PLACE);
    if (slope === null) return null;
    const framesPerS = Math.hypot(slope[0], slope[1]);
    const onGround = slopeOf(this.#samples, GROUND);
    return {
      framesPerS, metresPerS: onGround === null ? null : Math.hypot(onGround[0], onGround[1]),
      headingDegrees: framesPerS < LEAST_HEIGHTS_PER_S * height ? null : (Math.atan2(slope[0], -slope[1]) * 180 / Math.PI + 360) % 360,
    };
  }
}

/** By least squares, per second, of the two numbers at `at` of each sample; null where the samples do not tell. */
function slopeOf(samples: readonly number[], at: number): Point | null {
  const n = samples.length / FIELDS;
  if (n < 2 || samples[samples.length - FIELDS]! - samples[0]! < LEAST_SPAN_S) return null;
  let [t, x, y] = [0, 0, 0];
  for (let index = 0; index < samples.length; index += FIELDS) {
    t += samples[index]! / n;
    x += samples[index + at]! / n;
    y += samples[index + at + 1]! / n;
  }
  if (Number.isNaN(x)) return null;
  let [tt, tx, ty] = [0, 0, 0];
  for (let index = 0; index < samples.length; index += FIELDS) {
    const dt = samples[index]! - t;
    tt += dt * dt;
    tx += dt * (samples[index + at]! - x);
    ty += dt * (samples[index + at + 1]! - y);
  }
  return [tx / tt, ty / tt];
}
