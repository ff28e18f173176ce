// What happened and what was alerted, as events of the contract.
import type { Box, SceneEvent } from '@ruth/protocol';
import type { EventContent } from '@ruth/transport';
import type { AlertNews } from '../rules/rule-watch.ts';
import type { Happening } from '../scene/happenings.ts';
import type { SceneObject } from '../scene/scene-object.ts';
import type { Occupancy } from '../scene/zone-watch.ts';
import type { Sight } from '../tracking/camera-tracks.ts';

export type SceneEventContent = EventContent<SceneEvent>;

/** Which look an event belongs to, and how the stream's seconds become UTC. */
export interface EventPlace extends Sight { readonly camera_id: string; readonly model_id: string }

const MOST_TRACKS = 32;

/** `nowS`: of the look of `place`, in seconds of the stream. */
export function happeningEvent(happening: Happening, place: EventPlace, nowS: number): SceneEventContent {
  const track = happening.object.state;
  const utc = (timeS: number): number => place.captured_at - (nowS - timeS);
  switch (happening.type) {
    case 'zone.entered': return { ...place, type: happening.type, zone: happening.zone, track };
    case 'zone.left': return { ...place, type: happening.type, zone: happening.zone, track, stay_s: Math.max(0, happening.stayS), reason: happening.reason };
    case 'line.crossed': return { ...place, type: happening.type, line: happening.line, direction: happening.direction, track };
    case 'dwell': return { ...place, type: happening.type, zone: happening.zone, track, stay_s: happening.stayS };
    case 'object.left': case 'object.removed': return { ...place, type: happening.type, track, zones: happening.object.zoneIds, since: utc(happening.sinceS), owner_track_id: happening.ownerId };
    case 'posture': return { ...place, type: happening.type, track, posture: happening.posture, since: utc(happening.sinceS), before: happening.before };
    case 'fall': return { ...place, type: happening.type, track, began_at: utc(happening.beganS), lying_s: happening.lyingS };
  }
}

export function occupancyEvent(zone: string, occupancy: Occupancy | null, place: EventPlace): SceneEventContent {
  return { ...place, type: 'occupancy', zone, count: occupancy?.count ?? null, by_class: { ...occupancy?.byClass } };
}

export function alertEvent(news: AlertNews, place: EventPlace): SceneEventContent {
  const { rule, object, objects, conditions, lasting, raisedS, raisedAt, heldS } = news.alert;
  const alert = {
    ...place, alert_id: `${rule.id}-${place.model_id}-${object?.id ?? 'count'}-${Math.round(raisedAt * 1000)}`, rule: rule.id, rule_name: rule.name, event: rule.event, severity: rule.severity,
    tracks: objects.slice(0, MOST_TRACKS).map((each) => each.state), bbox: boxAround(objects),
  };
  if (news.type === 'raised') return { ...alert, type: 'alert.raised', conditions: [...conditions], lasting };
  return { ...alert, type: 'alert.cleared', raised_at: raisedAt, lasted_s: Math.max(0, heldS - raisedS), reason: news.reason };
}

function boxAround(objects: readonly SceneObject[]): Box | null {
  if (objects.length === 0) return null;
  const boxes = objects.map(({ box }) => box);
  return [Math.min(...boxes.map(([left]) => left)), Math.min(...boxes.map(([, top]) => top)), Math.max(...boxes.map(([,, right]) => right)), Math.max(...boxes.map(([,,, bottom]) => bottom))];
}
