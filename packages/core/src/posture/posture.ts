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
/** From hip to ankle downwards, in lengths of the trunk: legs that are straight, and bent so far that the body sits on its heels. */
const STRAIGHT_LEGS = 1.25;
const FOLDED_LEGS = 0.65;
/** From hip to knee downwards, where ankles are not seen. */
const STRAIGHT_THIGHS = 0.6;
const FLAT_THIGHS = 0.4;
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
  if (!shoulders || !hips) return boxAspect >= LYING_ASPECT ? { posture: 'lying', torsoDegrees: null, shoulderY: (box[1] + box[3]) / 2 } : null;
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
  if (ankles) {
    const legs = (ankles[1] - hips[1]) / trunk;
    return told(legs >= STRAIGHT_LEGS ? 'standing' : legs < FOLDED_LEGS ? 'crouching' : 'sitting');
  }
  if (!knees) return null;
  const thighs = (knees[1] - hips[1]) / trunk;
  return thighs >= STRAIGHT_THIGHS ? told('standing') : thighs <= FLAT_THIGHS ? told('sitting') : null;
}

function middle(points: readonly XY[]): XY | null {
  if (points.length === 0) return null;
  return [points.reduce((sum, [x]) => sum + x, 0) / points.length, points.reduce((sum, [, y]) => sum + y, 0) / points.length];
}

/** 0: `to` is straight above `from`; 180: below. */
function degreesFromUp(from: XY, to: XY): number {
  return Math.abs(Math.atan2(to[0] - from[0], from[1] - to[1])) * 180 / Math.PI;
}
