// What is seen and what happens in the JSON that ONVIF defines for MQTT (Profile M): scene descriptions (`onvif-mj`, Analytics Service
// Specification, "JSON over MQTT": attributes of tt:Frame with "@", text beside attributes as "#text", what may repeat as a list) and events
// (`onvif-ej`, Core Specification, "MQTT": UtcTime, PropertyOperation, Source, Data). Coordinates are ONVIF's: -1..1, y upwards. Pure.
import type { CoreEvent, Look } from '@ruth/protocol';
import { topicPart, type MqttMessage } from './topics.ts';

/** tt:ObjectType, where it has a name for what models call otherwise; free names are allowed and kept. */
const OBJECT_TYPES: Readonly<Record<string, string>> = {
  person: 'Human', face: 'HumanFace', car: 'Vehicle', truck: 'Vehicle', bus: 'Vehicle', motorcycle: 'Bike', bicycle: 'Bicycle', license_plate: 'LicensePlate',
  bird: 'Animal', cat: 'Animal', dog: 'Animal', horse: 'Animal', sheep: 'Animal', cow: 'Animal', elephant: 'Animal', bear: 'Animal', zebra: 'Animal', giraffe: 'Animal', fire: 'Fire', smoke: 'Smoke',
};
const utc = (seconds: number): string => new Date(seconds * 1000).toISOString();
const round = (value: number): number => Math.round(value * 1e5) / 1e5;

/** A look in which nothing was seen is an empty frame; one that could not be made says nothing. */
export function frameOf(prefix: string, look: Look): MqttMessage | null {
  if (look.error !== null) return null;
  const objects = look.detections.map(({ bbox: [left, top, right, bottom], class_name: name, confidence, track_id: track }, index) => ({
    '@ObjectId': track ?? -(index + 1),
    Appearance: {
      Shape: {
        BoundingBox: { '@left': round(2 * left - 1), '@top': round(1 - 2 * top), '@right': round(2 * right - 1), '@bottom': round(1 - 2 * bottom) },
        CenterOfGravity: { '@x': round(left + right - 1), '@y': round(1 - top - bottom) },
      },
      Class: { Type: [{ '@Likelihood': round(confidence), '#text': OBJECT_TYPES[name] ?? name }] },
    },
  }));
  const frame = { '@UtcTime': utc(look.captured_at), '@Source': look.model_id, ...(objects.length === 0 ? {} : { Object: objects }) };
  return { topic: `${prefix}/onvif-mj/VideoAnalytics/${topicPart(look.camera_id)}/${topicPart(look.model_id)}`, payload: JSON.stringify({ Frame: [frame] }), retain: false };
}

/** Null for what ONVIF has no topic of. */
export function onvifEventOf(prefix: string, event: CoreEvent): MqttMessage | null {
  const told = toldOf(event);
  if (!told || !('camera_id' in event)) return null;
  const { topic, rule, data, operation } = told;
  const source = { VideoSourceConfigurationToken: event.camera_id, ...('model_id' in event ? { VideoAnalyticsConfigurationToken: event.model_id } : {}), ...(rule === undefined ? {} : { Rule: rule }) };
  const payload = { UtcTime: utc('captured_at' in event ? event.captured_at : event.at), ...(operation === undefined ? {} : { PropertyOperation: operation }), Source: source, Data: data };
  return { topic: `${prefix}/onvif-ej/${topic}/&${Object.values(source).map(topicPart).join('/')}`, payload: JSON.stringify(payload), retain: false };
}

interface Told { readonly topic: string; readonly rule?: string; readonly operation?: 'Initialized' | 'Changed' | 'Deleted'; readonly data: Record<string, unknown> }

/** Topics of the Analytics Service Specification, annex A; alerts of Ruth's own rules have a topic of Ruth's. */
function toldOf(event: CoreEvent): Told | null {
  switch (event.type) {
    case 'line.crossed': return { topic: 'RuleEngine/LineDetector/Crossed', rule: event.line, data: { ObjectId: String(event.track.id) } };
    case 'zone.entered': case 'zone.left': return { topic: 'RuleEngine/FieldDetector/ObjectsInside', rule: event.zone, operation: 'Changed', data: { ObjectId: String(event.track.id), IsInside: event.type === 'zone.entered' } };
    case 'dwell': return { topic: 'RuleEngine/LoiteringDetector/ObjectIsLoitering', rule: event.zone, operation: 'Changed', data: { Since: utc(event.captured_at - event.stay_s), ObjectId: String(event.track.id), State: true } };
    case 'occupancy': return event.count === null ? null : { topic: 'RuleEngine/CountAggregation/OccupancyCounter', rule: event.zone, operation: 'Changed', data: { Count: event.count } };
    case 'alert.raised': return { topic: 'tns:ruth/RuleEngine/Alert', rule: event.rule, ...(event.lasting ? { operation: 'Changed' as const } : {}), data: { State: true, Severity: event.severity, Event: event.event } };
    case 'alert.cleared': return { topic: 'tns:ruth/RuleEngine/Alert', rule: event.rule, operation: 'Changed', data: { State: false, Severity: event.severity, Event: event.event } };
    case 'camera.up': case 'camera.down': return { topic: 'VideoSource/SignalLoss', operation: 'Changed', data: { State: event.type === 'camera.down' } };
    default: return null;
  }
}
