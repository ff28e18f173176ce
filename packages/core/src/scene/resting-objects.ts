// Objects that were left behind, and removed: what can be left is remembered where it lies, also while its track is lost or another
// one has taken its place, for what lies still is hidden often and moves never.
import type { Box, LeftObjectsConfig } from '@ruth/protocol';
import { bufferedIou } from '../tracking/overlap.ts';
import type { Happening } from './happenings.ts';
import { distance, scaled } from './shapes.ts';
import { anchorOf, type SceneObject } from './scene-object.ts';

const CLASSES = ['backpack', 'handbag', 'suitcase'];
const OWNERS = ['person'];
const AFTER_S = 30;
const NEAR_HEIGHTS = 1;
const GONE_S = 5;
/** What is found again here is the same thing. */
const SAME_IOU = 0.4;
/** So much of it is covered by another object: it cannot be seen whether it is there. */
const HIDDEN_PART = 0.3;
/** More lies around nowhere. */
const MOST = 64;

interface Resting {
  object: SceneObject;
  readonly box: Box;
  readonly className: string;
  readonly sinceS: number;
  readonly ownerId: number | null;
  /** Lying still with nobody near. */
  aloneS: number;
  /** Not seen by looks that could have seen it. */
  missedS: number;
  isLeft: boolean;
}

export class RestingObjects {
  readonly #classes: readonly string[];
  readonly #owners: readonly string[];
  readonly #afterS: number;
  readonly #near: number;
  readonly #goneS: number;
  #resting: Resting[] = [];
  #timeS: number | null = null;

  constructor({ classes = CLASSES, owners = OWNERS, after_s = AFTER_S, near = NEAR_HEIGHTS, gone_s = GONE_S }: LeftObjectsConfig) {
    this.#classes = classes;
    this.#owners = owners;
    this.#afterS = after_s;
    this.#near = near;
    this.#goneS = gone_s;
  }

  /** To be called after each look. Time in which nobody looked counts for nothing. */
  follow(objects: ReadonlyMap<number, SceneObject>, nowS: number, mostGapS: number, aspect: number): Happening[] {
    const elapsedS = this.#timeS === null ? 0 : Math.min(nowS - this.#timeS, mostGapS);
    this.#timeS = nowS;
    const seen = [...objects.values()].filter(({ isSeen }) => isSeen);
    const unclaimed = new Set(seen.filter(({ className }) => this.#classes.includes(className)));
    const owners = seen.filter(({ className }) => this.#owners.includes(className));
    const happened: Happening[] = [];
    this.#resting = this.#resting.filter((resting) => {
      const here = [...unclaimed].find((object) => object.className === resting.className && bufferedIou(object.box, resting.box) >= SAME_IOU);
      if (here) {
        unclaimed.delete(here);
        resting.object = here;
        resting.missedS = 0;
        if (!owners.some((owner) => this.#isNear(owner, resting.box, aspect))) resting.aloneS += elapsedS;
        if (!resting.isLeft && resting.aloneS >= this.#afterS) {
          resting.isLeft = true;
          happened.push({ type: 'object.left', object: here, sinceS: resting.sinceS, ownerId: resting.ownerId });
        }
        here.leftSinceS = resting.isLeft ? here.leftSinceS ?? nowS : null;
        return true;
      }
      // Seen elsewhere, it was moved; otherwise somebody may only stand before it.
      const isMoved = objects.get(resting.object.id)?.isSeen ?? false;
      if (isMoved && nowS - resting.sinceS < this.#afterS) return false;
      if (!isMoved && seen.some((object) => coveredPart(resting.box, object.box) >= HIDDEN_PART)) return true;
      resting.missedS += elapsedS;
      if (resting.missedS < this.#goneS) return true;
      resting.object.leftSinceS = null;
      if (nowS - resting.missedS - resting.sinceS >= this.#afterS) happened.push({ type: 'object.removed', object: resting.object, sinceS: resting.sinceS, ownerId: resting.ownerId });
      return false;
    });
    for (const object of unclaimed) {
      if (this.#resting.length >= MOST) break;
      if (this.#resting.some((resting) => resting.object === object)) continue;
      const owner = owners.find((candidate) => this.#isNear(candidate, object.box, aspect));
      this.#resting.push({ object, box: object.box, className: object.className, sinceS: nowS, ownerId: owner?.id ?? null, aloneS: 0, missedS: 0, isLeft: false });
    }
    return happened;
  }

  #isNear(owner: SceneObject, box: Box, aspect: number): boolean {
    return distance(owner.place('base', aspect), scaled(anchorOf(box, 'base'), aspect)) <= this.#near * owner.height;
  }
}

function coveredPart(of: Box, by: Box): number {
  const width = Math.min(of[2], by[2]) - Math.max(of[0], by[0]);
  const height = Math.min(of[3], by[3]) - Math.max(of[1], by[1]);
  return width <= 0 || height <= 0 ? 0 : width * height / ((of[2] - of[0]) * (of[3] - of[1]));
}
