// The posture of one body in one picture, from its keypoints: how far the trunk leans, how far the legs carry it, and where the
// keypoints do not tell, the shape of its box. One picture may err: posture-watch.ts confirms over time.
import type { Box, Keypoint, Posture } from '@ruth/protocol';

export interface BodySight {
  readonly posture: Posture;
  /** 0: the trunk stands upright; 90: it lies. Null where only the box told. */
  readonly torsoDegrees: number | null;
  /** Height of the shoulders in the picture, heights of the picture from its top. */
  readonly shoulderY: number;
}

/** Keypoints less sure than this are not looked at. */
const LEAST_SCORE = 0.3;
/** A trunk that leans further lies, or bends. */
const LEANING_DEGREES = 50;
/** From hip to knee downwards, in lengths of the trunk: thighs that hang, and that lie as on a seat. Between them a picture does not tell. */
const HANGING_THIGHS = 0.5;
const FLAT_THIGHS = 0.4;
/** From hip to ankle downwards, in lengths of the trunk: as little as in a long stride, seen from above; and bent so far that the body sits on its heels. */
const SHORTEST_STAND = 1;
const FOLDED_LEGS = 0.65;
/** Of legs whose knees are not seen. */
const STRAIGHT_LEGS = 1.25;
/** Width over height of a box in which a body lies. */
const LYING_ASPECT = 1.2;
/** A trunk seen from above or along is too short to tell: part of the height of the box. */
const LEAST_TRUNK = 0.12;

type XY = readonly [x: number, y: number];

/** Null where nothing can be said. `names`: of the keypoints, as the model tells them; `aspect`: width of the picture over its height. */
export function postureOf(keypoints: readonly Keypoint[], names: readonly string[], box: Box, aspect: number): BodySight | null {
  const at = (part: string): XY | null => middle(['left', 'right'].flatMap((side) => {
    const point = keypoints[names.indexOf(`${side}_${part}`)];
    return point && point[2] >= LEAST_SCORE ? [[point[0] * aspect, point[1]] as const] : [];
  }));
  const [shoulders, hips, knees, ankles] = [at('shoulder'), at('hip'), at('knee'), at('ankle')];
  const boxAspect = (box[2] - box[0]) * aspect / (box[3] - box[1]);
  // Of shoulders without hips a desk, or the edge of the picture, may have the rest.
  if (!shoulders && !hips) return boxAspect >= LYING_ASPECT ? { posture: 'lying', torsoDegrees: null, shoulderY: (box[1] + box[3]) / 2 } : null;
  if (!shoulders || !hips) return null;
  const trunk = Math.hypot(shoulders[0] - hips[0], shoulders[1] - hips[1]);
  const torsoDegrees = degreesFromUp(hips, shoulders);
  const told = (posture: Posture): BodySight => ({ posture, torsoDegrees, shoulderY: shoulders[1] });
  if (trunk < LEAST_TRUNK * (box[3] - box[1])) return null;
  if (torsoDegrees > LEANING_DEGREES) {
    const legs = ankles ?? knees;
    // Who bends down stands on legs that hang from the hips.
    const legsLie = legs === null ? boxAspect >= 1 : degreesFromUp(legs, hips) > LEANING_DEGREES;
    return legsLie ? told('lying') : told(ankles && (ankles[1] - hips[1]) / trunk < FOLDED_LEGS ? 'crouching' : 'standing');
  }
  const legs = ankles && (ankles[1] - hips[1]) / trunk;
  const posture = uprightPosture(knees && (knees[1] - hips[1]) / trunk, legs);
  return posture && told(posture);
}

/**
 * Of a body whose trunk is upright. Whose legs are short in the picture need not sit: it may stride, or be seen from above; thighs that lie
 * are what tells a seat. `thighs`, `legs`: how far they go down, in lengths of the trunk; null where their ends are not seen.
 */
function uprightPosture(thighs: number | null, legs: number | null): Posture | null {
  if (thighs === null) return legs === null ? null : legs >= STRAIGHT_LEGS ? 'standing' : legs < FOLDED_LEGS ? 'crouching' : null;
  if (thighs <= FLAT_THIGHS) return legs !== null && legs < FOLDED_LEGS ? 'crouching' : 'sitting';
  return thighs >= HANGING_THIGHS && (legs === null || legs >= SHORTEST_STAND) ? 'standing' : null;
}

function middle(points: readonly XY[]): XY | null {
  if (points.length === 0) return null;
  return [points.reduce((sum, [x]) => sum + x, 0) / points.length, points.reduce((sum, [, y]) => sum + y, 0) / points.length];
}

/** 0: `to` is straight above `from`; 180: below. */
function degreesFromUp(from: XY, to: XY): number {
  return Math.abs(Math.atan2(to[0] - from[0], from[1] - to[1])) * 180 / Math.PI;
}
