// What is seen and what happens as ONVIF defines it for MQTT, held against the rules of its specifications (onvif-rules.ts).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CoreEvent } from '@ruth/protocol';
import { frameOf, OnvifEvents, onvifMomentOf } from '@ruth/server/parts';
import { OBJECT_TYPES, VEHICLE_TYPES, violations, type Published } from './onvif-rules.ts';
import { look } from './stand-ins.ts';

let id = 0;
const seen = (type: string, over: object = {}): CoreEvent => ({
  version: 1, at: 1_700_000_000, id: ++id, type, camera_id: 'front', model_id: 'detector', frame_id: 1, captured_at: 1_700_000_000, recording_at: 1, ...over,
}) as CoreEvent;
const track = (trackId: number, className = 'person') => ({ track: { id: trackId, class_id: 0, class_name: className, confidence: 0.9, bbox: [0.1, 0.2, 0.3, 0.6], first_seen: 1, last_seen: 1 } });
const camera = (type: 'camera.up' | 'camera.down'): CoreEvent => ({ version: 1, at: 1_700_000_000, id: ++id, type, camera_id: 'front', reason: null });

/** The data of the one message; null where the property is deleted. */
function told(messages: readonly Published[], topic: string): Record<string, unknown> | null {
  const found = messages.filter((message) => message.topic.includes(`/${topic}/`));
  assert.equal(found.length, 1, `${topic} in ${messages.map((message) => message.topic).join()}`);
  const text = String(found[0]!.payload);
  return text === '' ? null : (JSON.parse(text) as { Data: Record<string, unknown> }).Data;
}

test('the rules take the published examples, and refuse what they say is wrong', () => {
  // Analytics Service Specification, "JSON over MQTT", example, without the attributes that Ruth does not tell; Core Specification, "JSON Event Payload", example.
  const frame = { '@UtcTime': '2021-10-05T15:13:27.321', '@Source': 'MyClassifier', '@context': { acme: 'http://www.acme.com/schema' }, Transformation: { Translate: { '@x': -1, '@y': -1 }, Scale: { '@x': 0.003125, '@y': 0.00416667 } }, Object: [{ '@ObjectId': 15, Appearance: { Shape: { BoundingBox: { '@left': 20, '@top': 20, '@right': 100, '@bottom': 30 }, CenterOfGravity: { '@x': 60, '@y': 50 }, Polygon: [{ '@x': 20, '@y': 30 }, { '@x': 100, '@y': 30 }] }, Class: { Type: [{ '@Likelihood': 0.8, '#text': 'Human' }] } } }] };
  const mj = (payload: object): Published => ({ topic: 'MyDevice/onvif-mj/VideoAnalytics/1/MyClassifier', payload: JSON.stringify(payload), retain: false });
  assert.deepEqual(violations(mj({ Frame: [frame] })), []);
  for (const wrong of [{ Frame: frame }, { Frame: [{ Object: [] }] }, { Frame: [{ ...frame, UtcTime: '2021' }] }, { Frame: [{ ...frame, Object: [{ ObjectId: 15 }] }] }]) assert.notDeepEqual(violations(mj(wrong)), [], JSON.stringify(wrong));
  const crossed = { UtcTime: '2008-10-10T12:24:57.321Z', Source: { VideoSource: '1', AnalyticsConfiguration: '2', Rule: 'MyImportantFence1' }, Data: { ObjectId: '15' } };
  const ej = (payload: object, over: Partial<Published> = {}): Published => ({ topic: 'MyDevice/onvif-ej/RuleEngine/LineDetector/Crossed/&1/2/MyImportantFence1', payload: JSON.stringify(payload), retain: false, ...over });
  assert.deepEqual(violations(ej(crossed)), []);
  for (const wrong of [ej({ ...crossed, PropertyOperation: 'Changed' }), ej(crossed, { retain: true }), ej({ ...crossed, Source: { Rule: 'x' } }), ej(crossed, { topic: 'MyDevice/onvif-ej/tns:x/Alert/&1' }), ej(crossed, { topic: 'MyDevice/onvif-ej/RuleEngine/LineDetector/Crossed/&1/2/Other' })]) assert.notDeepEqual(violations(wrong), [], JSON.stringify(wrong));
});

test('a look is a frame of ONVIF, in its coordinates', () => {
  const detections = [
    { class_id: 0, class_name: 'person', confidence: 0.8, bbox: [0, 0, 0.5, 0.25] as [number, number, number, number], track_id: 15 },
    { class_id: 1, class_name: 'toaster', confidence: 0.5, bbox: [0.5, 0.5, 1, 1] as [number, number, number, number] }, { class_id: 2, class_name: 'truck', confidence: 0.7, bbox: [0.5, 0.5, 1, 1] as [number, number, number, number], track_id: 3 },
  ];
  const message = frameOf('home', look('front.1', 'detector', 1, { captured_at: 1_700_000_000.5, detections }))!;
  assert.deepEqual(violations(message), []);
  assert.equal(message.topic, 'home/onvif-mj/VideoAnalytics/front.1/detector');
  const [frame] = (JSON.parse(String(message.payload)) as { Frame: { '@UtcTime': string; Object: { '@ObjectId': number; Appearance: { Shape: object; Class: { Type: { '#text': string }[] } } }[] }[] }).Frame;
  assert.equal(frame!['@UtcTime'], '2023-11-14T22:13:20.500Z');
  assert.deepEqual(frame!.Object.map((object) => object['@ObjectId']), [15, -2, 3]);
  assert.deepEqual(frame!.Object[0]!.Appearance.Shape, { BoundingBox: { '@left': -1, '@top': 1, '@right': 0, '@bottom': 0.5 }, CenterOfGravity: { '@x': -0.5, '@y': 0.75 } });
  assert.deepEqual(frame!.Object.map(({ Appearance: { Class: { Type } } }) => Type.map((type) => type['#text'])), [['Human'], ['toaster'], ['Vehicle', 'Truck']]);
  assert.ok(['Human', 'Vehicle'].every((type) => OBJECT_TYPES.includes(type)) && VEHICLE_TYPES.includes('Truck'));
  const empty = frameOf('home', look('front', 'detector', 1))!;
  assert.deepEqual([violations(empty), JSON.parse(String(empty.payload))], [[], { Frame: [{ '@UtcTime': '2023-11-14T22:13:20.000Z', '@Source': 'detector' }] }]);
  assert.equal(frameOf('home', look('front', 'detector', 1, { error: 'it could not', error_code: 'inference_failed' })), null);
});

test('what happens is events of ONVIF: what stands is retained, with all whom it concerns, and taken back when nobody can tell any more', () => {
  const events = new OnvifEvents('home');
  const all: Published[] = [];
  const take = (event: CoreEvent): Published[] => {
    const messages: Published[] = [...events.take(event), onvifMomentOf('home', event) ?? []].flat();
    all.push(...messages);
    return messages;
  };
  const [inside, loitering, occupancy] = ['RuleEngine/FieldDetector/ObjectsInside', 'RuleEngine/LoiteringDetector/ObjectIsLoitering', 'RuleEngine/CountAggregation/OccupancyCounter'];

  assert.deepEqual(told(take(camera('camera.up')), 'VideoSource/SignalLoss'), { State: false });
  assert.deepEqual(take(camera('camera.up')), [], 'it is said once');
  const [crossed] = take(seen('line.crossed', { line: 'sill/#1', direction: 'in', ...track(4) }));
  assert.equal(crossed!.topic, 'home/onvif-ej/RuleEngine/LineDetector/Crossed/&front/detector/sill1', 'special characters are left out');
  assert.deepEqual(JSON.parse(String(crossed!.payload)), { UtcTime: '2023-11-14T22:13:20.000Z', Source: { VideoSource: 'front', AnalyticsConfiguration: 'detector', Rule: 'sill/#1' }, Data: { ObjectId: '4', ClassTypes: 'Human' } });

  assert.deepEqual(told(take(seen('zone.entered', { zone: 'yard', ...track(4) })), inside), { ObjectId: '4', ClassTypes: 'Human', IsInside: true });
  assert.deepEqual(told(take(seen('zone.entered', { zone: 'yard', ...track(5, 'cell phone') })), inside), { ObjectId: '4 5', ClassTypes: 'Human cell_phone', IsInside: true });
  assert.deepEqual(told(take(seen('dwell', { zone: 'yard', stay_s: 10, ...track(4) })), loitering), { ObjectId: '4', ClassTypes: 'Human', Since: '2023-11-14T22:13:10.000Z' });
  const left = take(seen('zone.left', { zone: 'yard', stay_s: 12, reason: 'left', ...track(4) }));
  assert.deepEqual([told(left, inside), told(left, loitering)], [{ ObjectId: '5', ClassTypes: 'cell_phone', IsInside: true }, null], 'nobody loiters any more');
  assert.deepEqual(told(take(seen('track.ended', track(5))), inside), { IsInside: false });
  assert.deepEqual(told(take(seen('object.left', { zones: ['yard'], since: 1_699_999_990, owner_track_id: null, ...track(9, 'suitcase') })), 'RuleEngine/ObjectAbandoned'), { ObjectId: '9', ClassTypes: 'suitcase' });
  assert.equal(told(take(seen('track.ended', track(9, 'suitcase'))), 'RuleEngine/ObjectAbandoned'), null);

  assert.deepEqual(told(take(seen('occupancy', { zone: 'yard', count: 3, by_class: {} })), occupancy), { Count: 3 });
  assert.equal(told(take(seen('occupancy', { zone: 'yard', count: null, by_class: {} })), occupancy), null, 'not known is not zero');
  const alert = { rule: 'night', rule_name: 'Night', event: 'loitering', severity: 'high', alert_id: 'a', tracks: [], bbox: null };
  assert.deepEqual(told(take(seen('alert.raised', { ...alert, lasting: true, conditions: [] })), 'RuleEngine/ruth:Alert'), { State: true, 'ruth:Severity': 'high', 'ruth:Event': 'loitering' });
  assert.deepEqual(told(take(seen('alert.cleared', { ...alert, raised_at: 1, lasted_s: 1, reason: 'no_longer' })), 'RuleEngine/ruth:Alert'), { State: false, 'ruth:Severity': 'high', 'ruth:Event': 'loitering' });
  assert.equal(take(seen('alert.raised', { ...alert, rule: 'fall', lasting: false, conditions: [] }))[0]!.retain, false, 'an instant does not stand');
  assert.deepEqual(take(seen('track.started', track(1))), []);

  take(seen('zone.entered', { zone: 'yard', ...track(6) }));
  assert.deepEqual(events.standing().map(({ topic }) => topic.split('/').slice(2, 5).join('/')), ['VideoSource/SignalLoss/&front', 'RuleEngine/FieldDetector/ObjectsInside', 'RuleEngine/ruth:Alert/&front']);
  const down = take(camera('camera.down'));
  assert.deepEqual([told(down, inside), told(down, 'VideoSource/SignalLoss')], [null, { State: true }], 'what nobody sees is neither inside nor outside');
  assert.deepEqual(told(take(seen('zone.entered', { zone: 'yard', ...track(7) })), inside), { ObjectId: '7', ClassTypes: 'Human', IsInside: true });
  take({ version: 1, at: 1, id: ++id, type: 'model.down', model_id: 'detector', reason: null });
  all.push(...events.cleared('front'));
  assert.deepEqual(events.standing(), []);

  const wrong = all.flatMap((message) => violations(message).map((problem) => `${message.topic}: ${problem}`));
  assert.deepEqual(wrong, []);
});
