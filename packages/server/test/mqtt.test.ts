// What an MQTT broker is told, by a real mosquitto: how each camera stands, what happens, Home Assistant's discovery; and what
// becomes of it while the broker is away.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { kernelSocketPath, type AlertRaisedEvent, type MqttConfig, type TrackEvent } from '@ruth/protocol';
import { CameraTopics, MqttBridge, Upstream } from '@ruth/server/parts';
import { createLogger, secretReader } from '@ruth/transport';
import { fastify } from 'fastify';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Broker, noBroker } from './broker.ts';
import { camera, until } from './stand-ins.ts';

let id = 0;
const envelope = { version: 1 as const, at: 1_700_000_000 };
const track = (type: TrackEvent['type'], trackId: number, over: Partial<TrackEvent['track']> = {}, model = 'detector'): TrackEvent => ({
  ...envelope, id: ++id, type, camera_id: 'front', model_id: model, frame_id: 1, captured_at: 1_700_000_000,
  track: { id: trackId, class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0.1, 0.2, 0.3, 0.6], first_seen: 1, last_seen: 1, ...over },
});
const alert: AlertRaisedEvent = {
  ...envelope, id: 999, type: 'alert.raised', camera_id: 'front', model_id: 'detector', frame_id: 1, captured_at: 1_700_000_000, recording_at: 1, alert_id: 'a', rule: 'loitering', rule_name: 'Loitering', event: 'loitering', severity: 'high',
  tracks: [], bbox: null, conditions: [], lasting: true,
};

/** A kernel with one camera and a picture of it. */
async function kernelOf(cameras: () => ReturnType<typeof camera>[]) {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-mqtt-'));
  const app = fastify({ forceCloseConnections: true });
  app.get('/v1/cameras', () => cameras());
  app.get('/v1/cameras/:id/snapshot.jpg', (_request, reply) => reply.type('image/jpeg').send(Buffer.from('a picture')));
  await app.listen({ path: kernelSocketPath(directory) });
  const kernel = new Upstream('kernel', kernelSocketPath(directory));
  return { kernel, async [Symbol.asyncDispose]() { await kernel[Symbol.asyncDispose](); await app.close(); rmSync(directory, { recursive: true }); } };
}

function startBridge(kernel: Upstream, config: MqttConfig) {
  const bridge = new MqttBridge({ config, kernel, logger: createLogger('test', 'silent'), version: '1', readSecret: secretReader({}), reconnectMs: 100, roundMs: 200 });
  const stop = new AbortController();
  const running = bridge.run(stop.signal);
  return { bridge, end: async () => { stop.abort(); await running; }, async [Symbol.asyncDispose]() { stop.abort(); await running; } };
}

test('a camera stands in retained topics, appears in Home Assistant by itself, and is taken back when it is gone', { skip: noBroker }, async () => {
  await using broker = await Broker.start();
  let cameras = [camera('front', { name: 'Front door' })];
  await using place = await kernelOf(() => cameras);
  await using running = startBridge(place.kernel, { url: broker.url, topic_prefix: 'home/ruth' });
  const { bridge } = running;
  await until(() => bridge.connected, 'the broker is there');
  bridge.take(track('track.started', 1));
  bridge.take(track('track.started', 2));
  // The same two, and one more, seen by another model; and one that stands still.
  for (const one of [7, 8, 9]) bridge.take(track('track.started', one, { stationary: true }, 'other'));
  bridge.take(alert);
  bridge.take(alert);
  // Somebody who comes later hears how things stand.
  let published = 0;
  await until(async () => {
    const before = published;
    await delay(100);
    published = bridge.counters.published;
    return published > 12 && published === before;
  }, 'all is said');
  await using listener = await broker.listen('#');
  const { newest, heard } = listener;
  const standing: Record<string, string> = { 'home/ruth/status': 'online', 'home/ruth/cameras/front/status': 'online', 'home/ruth/cameras/front/motion': 'ON', 'home/ruth/cameras/front/objects/person': '3', 'home/ruth/cameras/front/rules/loitering': 'ON', 'home/ruth/cameras/front/snapshot': 'a picture' };
  for (const [topic, text] of Object.entries(standing)) await until(() => newest.get(topic) === text, `${topic} is ${text}, not ${newest.get(topic)}`);
  assert.ok(heard.every(({ retained }) => retained) && !newest.has('home/ruth/cameras/front/events'));

  const discovery = JSON.parse(newest.get('homeassistant/device/home_ruth_front/config')!) as { device: { name: string }; availability: { topic: string }[]; components: Record<string, Record<string, string>> };
  assert.equal(discovery.device.name, 'Front door');
  assert.deepEqual(discovery.availability.map(({ topic }) => topic), ['home/ruth/status', 'home/ruth/cameras/front/status']);
  assert.deepEqual(Object.entries(discovery.components).map(([key, { platform }]) => [key, platform]), [['motion', 'binary_sensor'], ['events', 'event'], ['snapshot', 'image'], ['objects_person', 'sensor'], ['rule_loitering', 'binary_sensor']]);
  assert.ok(Object.values(discovery.components).every(({ unique_id, state_topic, image_topic }) => unique_id!.startsWith('home_ruth_front_') && newest.has(state_topic ?? image_topic!) || state_topic?.endsWith('/events')));

  for (const [trackId, model] of [[1, 'detector'], [2, 'detector'], [7, 'other'], [8, 'other'], [9, 'other']] as const) bridge.take(track('track.ended', trackId, {}, model));
  await until(() => newest.get('home/ruth/cameras/front/objects/person') === '0' && newest.get('home/ruth/cameras/front/motion') === 'OFF', 'nobody is there');
  await until(() => heard.some(({ topic, text, retained }) => topic.endsWith('/events') && !retained && (JSON.parse(text) as { event_type: string }).event_type === 'track.ended'), 'events are told, and not kept');
  bridge.take({ ...envelope, id: ++id, type: 'camera.down', camera_id: 'front', reason: 'it is off' });
  await until(() => newest.get('home/ruth/cameras/front/objects/person') === 'None', 'what nobody can see is not zero');

  cameras = [];
  await until(() => newest.get('homeassistant/device/home_ruth_front/config') === '' && newest.get('home/ruth/cameras/front/status') === '', 'it is taken back');
  await running.end();
  await until(() => newest.get('home/ruth/status') === 'offline', 'it says that it goes');
});

test('a broker that is away costs events beyond a bound, which are counted, and no state', { skip: noBroker }, async () => {
  await using broker = await Broker.start();
  await using place = await kernelOf(() => [camera('front')]);
  await using running = startBridge(place.kernel, { url: broker.url, home_assistant: false, snapshots: false });
  const { bridge } = running;
  await until(() => bridge.connected, 'the broker is there');
  await broker.down();
  await until(() => !bridge.connected, 'the broker is missed');
  for (let one = 1; one <= 600; one++) bridge.take(track('track.started', one));
  assert.deepEqual([bridge.waiting, bridge.counters.dropped], [512, 88]);
  await broker.up();
  await using listener = await broker.listen('ruth/#');
  await until(() => bridge.connected && bridge.waiting === 0, 'the broker is found again');
  await until(() => listener.newest.get('ruth/cameras/front/objects/person') === '600' && listener.newest.get('ruth/status') === 'online', 'the state is there though the broker forgot all');
  assert.equal(bridge.counters.connections, 2);
});

test('a server that dies is told of by its last will', { skip: noBroker }, async () => {
  await using broker = await Broker.start();
  await using listener = await broker.listen('ruth/status');
  const program = `
    import { MqttBridge, Upstream } from '@ruth/server/parts';
    import { createLogger } from '@ruth/transport';
    new MqttBridge({ config: { url: ${JSON.stringify(broker.url)} }, kernel: new Upstream('kernel', '/nowhere'), logger: createLogger('test', 'silent'), version: '1', readSecret: async () => '' }).run(new AbortController().signal);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd: import.meta.dirname, stdio: 'ignore' });
  await until(() => listener.newest.get('ruth/status') === 'online', 'it is there', 30_000);
  child.kill('SIGKILL');
  await until(() => listener.newest.get('ruth/status') === 'offline', 'the broker says it in its place');
});

test('names that may hold anything make topics that hold nothing', () => {
  const topics = new CameraTopics('ruth', 'front');
  const messages = topics.take(track('track.started', 1, { class_name: 'a/+#b c' }));
  assert.ok(messages.some(({ topic }) => topic === 'ruth/cameras/front/objects/a___b_c'));
  assert.ok(messages.every(({ topic }) => !/[+#]/.test(topic)));
});
