// Postures over time: one counts once it was seen for a while, and a fall is a body that went down fast and stays down. A body that
// cannot be read keeps its posture; time in which nobody looked confirms nothing.
import type { Posture } from '@ruth/protocol';
import type { Happening } from '../scene/happenings.ts';
import type { SceneObject } from '../scene/scene-object.ts';
import type { BodySight } from './posture.ts';

/** A posture counts once it was seen for so long, in two looks or more. */
const CONFIRM_S = 0.6;
/** From the last upright sight until it lies: slower, it lay down. */
const FALL_S = 2;
/** The shoulders came down by so much of the height of the body. */
const FALL_HEIGHTS = 0.4;
/** What stays of its height in a second. */
const HEIGHT_KEPT = 0.98;
/** A fall is told after so long on the ground. */
const STAYS_DOWN_S = 2;
/** Looks further apart are not one stretch of looking. */
const MOST_GAP_S = 2;
/** A track that breaks as its box falls over: where and how long ago the one before was seen, in heights of its body. */
const SAME_BODY_S = 2;
const SAME_BODY_HEIGHTS = 1;

interface Upright { readonly atS: number; readonly shoulderY: number }

interface Body {
  candidate: { readonly posture: Posture; readonly sinceS: number } | null;
  lastS: number;
  /** The sights of the last FALL_S in which it did not lie. */
  uprights: Upright[];
  /** As tall as it was in any of them, fading slowly: who walks away gets smaller. */
  height: number;
  /** Since it lies after having gone down fast; not told yet. */
  down: { readonly beganS: number; readonly lyingSinceS: number } | null;
}

export class PostureWatch {
  /** By object. */
  readonly #bodies = new Map<number, Body>();

  /** To be called with what was read of an object's body in one picture. `objects`: all that live, lost ones too. */
  see(object: SceneObject, sight: BodySight, nowS: number, objects: ReadonlyMap<number, SceneObject>): Happening[] {
    const body = this.#bodies.get(object.id) ?? this.#begin(object, objects, nowS);
    this.#bodies.set(object.id, body);
    if (nowS < body.lastS) return [];
    if (nowS - body.lastS > MOST_GAP_S) Object.assign(body, { candidate: null, uprights: [], height: 0, down: null });
    body.height *= HEIGHT_KEPT ** (nowS - body.lastS);
    body.lastS = nowS;
    body.uprights = body.uprights.filter(({ atS }) => nowS - atS <= FALL_S);
    if (body.candidate?.posture !== sight.posture) body.candidate = { posture: sight.posture, sinceS: nowS };
    if (sight.posture === 'lying') {
      const from = body.uprights.findLast((upright) => sight.shoulderY - upright.shoulderY >= FALL_HEIGHTS * body.height);
      if (from && !body.down && object.posture?.is !== 'lying') body.down = { beganS: from.atS, lyingSinceS: nowS };
    } else {
      body.uprights.push({ atS: nowS, shoulderY: sight.shoulderY });
      body.height = Math.max(body.height, object.height);
    }
    return this.#confirm(object, body, nowS);
  }

  end(objectId: number): void { this.#bodies.delete(objectId); }

  #confirm(object: SceneObject, body: Body, nowS: number): Happening[] {
    const { posture, sinceS } = body.candidate!;
    if (nowS - sinceS < CONFIRM_S) return [];
    const happened: Happening[] = [];
    if (object.posture?.is !== posture) {
      happened.push({ type: 'posture', object, posture, sinceS, before: object.posture?.is ?? null });
      object.posture = { is: posture, sinceS };
    }
    if (posture !== 'lying') {
      body.down = null;
      object.fallenSinceS = null;
    } else if (body.down && object.fallenSinceS === null && nowS - body.down.lyingSinceS >= STAYS_DOWN_S) {
      object.fallenSinceS = body.down.beganS;
      happened.push({ type: 'fall', object, beganS: body.down.beganS, lyingS: nowS - body.down.lyingSinceS });
    }
    return happened;
  }

  /** A box that falls over may be another track: what stood there a moment ago and is not seen now was the same body. */
  #begin(object: SceneObject, objects: ReadonlyMap<number, SceneObject>, nowS: number): Body {
    for (const other of objects.values()) {
      const known = this.#bodies.get(other.id);
      if (!known || other.id === object.id || other.isSeen || other.className !== object.className || nowS - other.track.seenAtS > SAME_BODY_S) continue;
      const [dx, dy] = [(other.box[0] + other.box[2] - object.box[0] - object.box[2]) / 2, other.box[3] - object.box[3]];
      if (Math.hypot(dx, dy) > SAME_BODY_HEIGHTS * known.height) continue;
      object.posture = other.posture;
      object.fallenSinceS = other.fallenSinceS;
      return { ...known, uprights: [...known.uprights] };
    }
    return { candidate: null, lastS: nowS, uprights: [], height: 0, down: null };
  }
}
