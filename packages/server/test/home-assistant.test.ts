// What Home Assistant is told, held against the rules of its MQTT integration (home-assistant-rules.ts).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoreEvent, KernelEvent } from '@ruth/protocol';
import { CameraTopics, discoveryOf, eventMessageOf, EVENT_TYPES } from '@ruth/server/parts';
import { discoveryViolations, stateViolations, type Discovery } from './home-assistant-rules.ts';

const context = { discoveryPrefix: 'homeassistant', prefix: 'home/ruth', statusTopic: 'home/ruth/status', version: '1.2.3', snapshots: true };
let id = 0;
const seen = (type: string, over: object = {}): CoreEvent => ({ version: 1, at: 1, id: ++id, type, camera_id: 'front.1', model_id: 'detector', frame_id: 1, captured_at: 1, recording_at: 1, ...over }) as CoreEvent;
const track = (trackId: number, className: string, stationary = false) => ({ track: { id: trackId, class_id: 0, class_name: className, confidence: 0.9, bbox: [0, 0, 1, 1], first_seen: 1, last_seen: 1, stationary } });
const alert = { rule: 'night watch', rule_name: 'Night', event: 'loitering', severity: 'high', alert_id: 'a', tracks: [], bbox: null };

/** By type, what the schemas of the events allow. */
const typesOf = (schema: { anyOf?: unknown[] }): { type: string; ofCamera: boolean }[] => (schema.anyOf ?? []).flatMap((one) => {
  const { properties } = one as { properties: Record<string, { const?: string; enum?: string[] }> };
  return (properties.type!.enum ?? [properties.type!.const!]).map((type) => ({ type, ofCamera: 'camera_id' in properties }));
});

test('a camera of Home Assistant has only keys that it takes, and each topic says what its entity reads', () => {
  const camera = new CameraTopics('home/ruth', 'front.1');
  const happened = [
    seen('camera.up', { reason: null }), seen('track.started', track(1, 'person')), seen('track.started', track(2, 'cell phone/+#', true)), seen('occupancy', { zone: 'yard', count: 2, by_class: {} }), seen('zone.entered', { zone: 'yard', ...track(1, 'person') }),
    seen('alert.raised', { ...alert, lasting: true, conditions: [] }), seen('alert.cleared', { ...alert, raised_at: 1, lasted_s: 1, reason: 'no_longer' }), seen('track.ended', track(2, 'cell phone/+#')),
    seen('alert.raised', { ...alert, lasting: true, conditions: [] }), seen('alert.cleared', { ...alert, raised_at: 1, lasted_s: 1, reason: 'could_not_look' }), seen('occupancy', { zone: 'yard', count: null, by_class: {} }), seen('camera.down', { reason: 'off' }),
  ];
  const said = happened.flatMap((event) => [...camera.take(event), ...(EVENT_TYPES.includes(event.type) ? [eventMessageOf('home/ruth', { event_id: event.id, camera_id: 'front.1', type: event.type, event })] : [])]);
  const message = discoveryOf(camera, 'Front door', context);
  assert.deepEqual(discoveryViolations(message), []);
  const { components } = JSON.parse(String(message.payload)) as Discovery;
  const entities = Object.values(components);
  assert.deepEqual(entities.map(({ platform }) => platform), ['binary_sensor', 'event', 'image', 'sensor', 'sensor', 'sensor', 'binary_sensor']);
  const problems = said.flatMap(({ topic, payload, retain }) => {
    const entity = entities.find(({ state_topic: state }) => state === topic);
    if (!entity) return topic.endsWith('/status') ? [] : [`nobody reads ${topic}`];
    return stateViolations(entity, String(payload), retain).map((problem) => `${topic}: ${problem}`);
  });
  assert.deepEqual(problems, []);
  const last = (name: string): unknown => said.findLast(({ topic }) => topic === camera.topic(name))?.payload;
  assert.deepEqual(['motion', 'objects/person', 'zones/yard', 'rules/night_watch', 'status'].map(last), ['None', 'None', 'None', 'None', 'offline'], 'where nobody looks nothing is off, and nothing zero');
  for (const { state_topic: state } of entities) if (state) assert.ok(said.some(({ topic }) => topic === state), `${state} says something`);
});

test('the rules see what Home Assistant would drop', () => {
  const message = discoveryOf(new CameraTopics('ruth', 'a'), 'A', context);
  const with_ = (change: (payload: Record<string, never>) => object) => ({ ...message, payload: JSON.stringify(change(JSON.parse(String(message.payload)) as Record<string, never>)) });
  for (const wrong of [
    { ...message, topic: 'homeassistant/device/a b/config' }, { ...message, retain: false }, with_((payload) => ({ ...payload, origin: undefined })), with_(({ components, ...payload }) => ({ ...payload, components: { ...components as unknown as object, x: { platform: 'sensor', unique_id: 'x', name: 'x', state_topic: 'a', icons: 'mdi:x' } } })),
    with_(({ components, ...payload }) => ({ ...payload, components: { ...components as unknown as object, x: { platform: 'binary_sensor', unique_id: 'x', name: 'x', state_topic: 'a/#', device_class: 'person' } } })),
  ]) assert.notDeepEqual(discoveryViolations(wrong), []);
});

test('each event that is told of a camera is of a type that was named before', () => {
  const ofCameras = [...typesOf(CoreEvent), ...typesOf(KernelEvent)].filter(({ ofCamera }) => ofCamera).map(({ type }) => type);
  assert.ok(ofCameras.length > 12);
  // These become states, or would be too many.
  const untold = ['detection', 'occupancy', 'track.updated'];
  assert.deepEqual(ofCameras.filter((type) => !EVENT_TYPES.includes(type) && !untold.includes(type)), []);
  assert.deepEqual(EVENT_TYPES.filter((type) => !ofCameras.includes(type)), []);
});
