// Whether a condition of a rule holds for an object, and since when. Pure; times are seconds of the stream.
import type { Condition, Heading } from '@ruth/protocol';
import type { Happening } from '../scene/happenings.ts';
import type { SceneObject } from '../scene/scene-object.ts';
import { COUNTED_S } from '../scene/zone-watch.ts';

/** Of one object, and not how many there are. */
export type ObjectCondition = Exclude<Condition, { count: unknown }>;
export type CountCondition = Extract<Condition, { count: unknown }>;

const KM_PER_H = 3.6;
const DEGREES: Readonly<Record<Heading, number>> = { up: 0, right: 90, down: 180, left: 270 };
const HEADING_TOLERANCE = 45;

export const isInstant = (condition: Condition): boolean =>
  'enters_zone' in condition || 'leaves_zone' in condition || 'crosses_line' in condition || ('is' in condition && condition.is === 'removed');

/** Of a condition that lasts: since when it holds, as far as the scene knows (`nowS` where it only knows that it does now); null where it does not. */
export function holdsSince(condition: ObjectCondition, object: SceneObject, nowS: number): number | null {
  if ('in_zone' in condition || 'outside_zone' in condition) {
    const stay = object.zones.get('in_zone' in condition ? condition.in_zone : condition.outside_zone);
    return stay && stay.inside === 'in_zone' in condition ? stay.sinceS : null;
  }
  if ('faster_than' in condition || 'slower_than' in condition) {
    const { speed } = object;
    const value = condition.unit === 'frames/s' ? speed?.framesPerS : speed?.metresPerS;
    if (value == null) return null;
    const inUnit = condition.unit === 'km/h' ? value * KM_PER_H : value;
    return ('faster_than' in condition ? inUnit > condition.faster_than : inUnit < condition.slower_than) ? nowS : null;
  }
  if ('heads' in condition) {
    const heading = object.speed?.headingDegrees;
    if (heading == null) return null;
    const wanted = typeof condition.heads === 'number' ? condition.heads : DEGREES[condition.heads];
    const off = Math.abs(((heading - wanted) % 360 + 540) % 360 - 180);
    return off <= (condition.within_degrees ?? HEADING_TOLERANCE) ? nowS : null;
  }
  if (!('is' in condition)) return null;
  switch (condition.is) {
    case 'moving': case 'stationary': return object.motion?.is === condition.is ? object.motion.sinceS : null;
    case 'fallen': return object.fallenSinceS;
    case 'left': return object.leftSinceS;
    case 'removed': return null;
    default: return object.posture?.is === condition.is ? object.posture.sinceS : null;
  }
}

/** Whether this is the instant of which a condition speaks. */
export function happensIn(condition: ObjectCondition, happening: Happening): boolean {
  if ('enters_zone' in condition) return happening.type === 'zone.entered' && happening.zone === condition.enters_zone;
  if ('leaves_zone' in condition) return happening.type === 'zone.left' && happening.reason === 'left' && happening.zone === condition.leaves_zone;
  if ('crosses_line' in condition) {
    return happening.type === 'line.crossed' && happening.line === condition.crosses_line && (condition.direction ?? happening.direction) === happening.direction;
  }
  return 'is' in condition && condition.is === 'removed' && happening.type === 'object.removed';
}

/** Those that a condition counts: seen now or a moment ago. */
export function counted({ count, zone }: CountCondition, objects: Iterable<SceneObject>, nowS: number): SceneObject[] {
  const classes = typeof count === 'string' ? [count] : count;
  return [...objects].filter((object) => nowS - object.track.seenAtS <= COUNTED_S
    && (classes.includes('any') || classes.includes(object.className)) && (zone === undefined || (object.zones.get(zone)?.inside ?? false)));
}

export function countHolds({ at_least: least = 0, at_most: most = Infinity }: CountCondition, count: number): boolean {
  return count >= least && count <= most;
}
