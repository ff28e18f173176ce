// What an MQTT broker is told, by a real mosquitto: how each camera stands, what happens, Home Assistant's discovery; and what
// becomes of it while the broker is away.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { kernelSocketPath, type AlertRaisedEvent, type MqttConfig, type TrackEvent } from '@ruth/protocol';
import { startServer, type RunningServer } from '@ruth/server';
import { CameraTopics, MqttBridge, Upstream, type MqttSite, type Standing } from '@ruth/server/parts';
import { createLogger, secretReader } from '@ruth/transport';
import { fastify } from 'fastify';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Broker, noBroker } from './broker.ts';
import { camera, everyone, startCore, startKernel, subscription, until } from './stand-ins.ts';

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

function startBridge(kernel: Upstream, config: MqttConfig, { standing, ...more }: { coreBegan?: () => Promise<number>; standing?: Standing; site?: MqttSite } = {}) {
  const bridge = new MqttBridge({ config, kernel, logger: createLogger('test', 'silent'), version: '1', readSecret: secretReader({}), reconnectMs: 100, roundMs: 200, foundWithinMs: 500, ...more });
  if (standing) bridge.begin(standing);
  const stop = new AbortController();
  const running = bridge.run(stop.signal);
  return { bridge, end: async () => { stop.abort(); await running; }, async [Symbol.asyncDispose]() { stop.abort(); await running; } };
}

test('servers of a site say each for itself that it is there, and a camera that goes from one to another stays in Home Assistant, and stands as the one says that has it', { skip: noBroker }, async () => {
  await using broker = await Broker.start();
  await using listener = await broker.listen('#');
  const { newest, heard, client } = listener;
  const has = { north: [camera('gate')], south: [camera('yard')] };
  let looks = 0;
  const place: Record<string, 'elsewhere' | 'unplaced' | 'gone'> = {};
  const site = (node: string): MqttSite => ({ node, placeOf: async (id) => place[id] ?? null });
  await using kernelOfNorth = await kernelOf(() => has.north);
  await using kernelOfSouth = await kernelOf(() => { looks++; return has.south; });
  await client.publishAsync('ruth/status', 'offline', { retain: true, qos: 1 });
  await using north = startBridge(kernelOfNorth.kernel, { url: broker.url, onvif_metadata: true }, { site: site('north') });
  await using _south = startBridge(kernelOfSouth.kernel, { url: broker.url, onvif_metadata: true }, { site: site('south') });
  const holds = async (expected: Record<string, string>): Promise<void> => { for (const [topic, text] of Object.entries(expected)) await until(() => newest.get(topic) === text, `${topic} is ${JSON.stringify(text)}, and not ${JSON.stringify(newest.get(topic))}`, 30_000); };
  await holds({ 'ruth/nodes/north/status': 'online', 'ruth/nodes/south/status': 'online', 'ruth/status': '', 'ruth/cameras/gate/status': 'online', 'ruth/cameras/yard/status': 'online' });
  const availability = (id: string): string[] => (JSON.parse(newest.get(`homeassistant/device/ruth_${id}/config`)!) as { availability: { topic: string }[] }).availability.map(({ topic }) => topic);
  await until(() => newest.has('homeassistant/device/ruth_gate/config'), 'it is made known', 30_000);
  assert.deepEqual(availability('gate'), ['ruth/nodes/north/status', 'ruth/cameras/gate/status']);

  north.bridge.take({ ...alert, camera_id: 'gate' });
  north.bridge.take({ ...envelope, id: ++id, type: 'zone.entered', camera_id: 'gate', model_id: 'detector', frame_id: 1, captured_at: envelope.at, recording_at: 1, zone: 'yard', track: track('track.started', 1).track });
  const inside = 'ruth/onvif-ej/RuleEngine/FieldDetector/ObjectsInside/&gate/detector/yard';
  await holds({ 'ruth/cameras/gate/rules/loitering': 'ON' });
  await until(() => newest.get(inside)?.includes('"IsInside":true') === true, 'somebody is inside', 30_000);
  // Of a time before, of which nobody here knows.
  await client.publishAsync('ruth/cameras/gate/rules/ghost', 'ON', { retain: true, qos: 1 });
  // The next node has it before pictures come there: until they do, the other one says how it stands.
  has.south = [camera('yard'), camera('gate', { state: 'connecting' })];
  const looksBefore = looks;
  await until(() => looks >= looksBefore + 3, 'it was seen', 30_000);
  assert.ok(!heard.some(({ topic, text }) => topic === 'ruth/cameras/gate/status' && text !== 'online') && availability('gate')[0] === 'ruth/nodes/north/status');
  has.south = [camera('yard')];
  // Nobody has it for a while; then another one.
  has.north = [];
  place.gate = 'unplaced';
  await holds({ 'ruth/cameras/gate/status': 'offline', 'ruth/cameras/gate/rules/loitering': 'None', 'ruth/cameras/gate/motion': 'None' });
  place.gate = 'elsewhere';
  has.south = [camera('yard'), camera('gate')];
  await holds({ 'ruth/cameras/gate/status': 'online' });
  await until(() => availability('gate')[0] === 'ruth/nodes/south/status', 'the device is told of anew', 30_000);
  // What the one says late that had it before, and what it left behind, is put right.
  const offline = (): number => heard.filter(({ topic, text }) => topic === 'ruth/cameras/gate/status' && text === 'offline').length;
  const before = offline();
  await client.publishAsync('ruth/cameras/gate/status', 'offline', { retain: true, qos: 1 });
  await until(() => offline() > before, 'it is said', 30_000);
  await holds({ 'ruth/cameras/gate/status': 'online', [inside]: '', 'ruth/cameras/gate/rules/ghost': 'None' });
  await north.end();
  await holds({ 'ruth/nodes/north/status': 'offline' });
  assert.ok(heard.every(({ topic, text }) => !(text === '' && (topic.includes('_gate/') || topic.startsWith('ruth/cameras/'))) && !(topic === 'ruth/nodes/south/status' && text !== 'online')), 'nothing flaps');
  has.south = [camera('yard')];
  place.gate = 'gone';
  await holds({ 'ruth/cameras/gate/status': '', 'homeassistant/device/ruth_gate/config': '', 'ruth/nodes/south/status': 'online' });
});

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
    return published > 6 && published === before;
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
  bridge.take({ ...envelope, id: ++id, type: 'camera.down', camera_id: 'front', reason: 'it is off' });
  await until(() => newest.get('home/ruth/cameras/front/objects/person') === 'None', 'what nobody can see is not zero');

  cameras = [];
  await until(() => newest.get('homeassistant/device/home_ruth_front/config') === '' && newest.get('home/ruth/cameras/front/status') === '', 'it is taken back');
  await running.end();
  await until(() => newest.get('home/ruth/status') === 'offline', 'it says that it goes');
});

test('a broker that is away, and forgets all, is told every state when it is back', { skip: noBroker }, async () => {
  await using broker = await Broker.start();
  await using place = await kernelOf(() => [camera('front')]);
  await using running = startBridge(place.kernel, { url: broker.url, home_assistant: false, snapshots: false });
  const { bridge } = running;
  await until(() => bridge.connected, 'the broker is there');
  await broker.down();
  await until(() => !bridge.connected, 'the broker is missed');
  for (let one = 1; one <= 600; one++) bridge.take(track('track.started', one));
  assert.equal(bridge.waiting, 0, 'states are said anew');
  await broker.up();
  await using listener = await broker.listen('ruth/#');
  await until(() => listener.newest.get('ruth/cameras/front/objects/person') === '600' && listener.newest.get('ruth/status') === 'online', 'the state is there though the broker forgot all', 30_000);
  assert.equal(bridge.counters.connections, 2);
});

test('a server that starts says how things stand, and what the broker holds of before is put right or taken back; so is what a core told that ended', { skip: noBroker }, async () => {
  await using broker = await Broker.start();
  await using listener = await broker.listen('#');
  const { client, newest } = listener;
  const onvif = 'ruth/onvif-ej/RuleEngine/FieldDetector/ObjectsInside/&front/detector';
  const stale: Record<string, string> = {
    'ruth/cameras/front/objects/dog': '4', 'ruth/cameras/front/objects/person': '7', 'ruth/cameras/front/zones/shed': '3', 'ruth/cameras/front/rules/ghost': 'ON', 'ruth/cameras/front/motion': 'OFF', [`${onvif}/shed`]: '{}',
    'ruth/cameras/sold/status': 'online', 'ruth/cameras/sold/objects/person': '2', 'ruth/cameras/sold/snapshot': 'a picture', 'homeassistant/device/ruth_sold/config': '{}', 'ruth/cameras/dark/objects/cat': '1', 'another/cameras/front/motion': 'ON',
  };
  for (const [topic, text] of Object.entries(stale)) await client.publishAsync(topic, text, { retain: true, qos: 1 });
  await using place = await kernelOf(() => [camera('front'), camera('dark')]);
  let beganS = envelope.at - 1000;
  const standing: Standing = {
    events: [
      { ...envelope, id: ++id, type: 'zone.entered', camera_id: 'front', model_id: 'detector', frame_id: 1, captured_at: envelope.at, recording_at: 1, zone: 'yard', track: track('track.started', 1).track },
      { ...envelope, id: ++id, type: 'occupancy', camera_id: 'front', model_id: 'detector', frame_id: 1, captured_at: envelope.at, recording_at: 1, zone: 'yard', count: 1, by_class: { person: 1 } },
      alert, track('track.started', 1, { first_seen: envelope.at }),
    ],
    lookedAt: new Set(['front']),
  };
  await using running = startBridge(place.kernel, { url: broker.url, onvif_metadata: true }, { coreBegan: async () => beganS, standing });
  const holds = async (expected: Record<string, string>): Promise<void> => { for (const [topic, text] of Object.entries(expected)) await until(() => newest.get(topic) === text, `${topic} is ${JSON.stringify(text)}, and not ${JSON.stringify(newest.get(topic))}`, 30_000); };
  const truth = {
    'ruth/cameras/front/objects/person': '1', 'ruth/cameras/front/motion': 'ON', 'ruth/cameras/front/zones/yard': '1', 'ruth/cameras/front/rules/loitering': 'ON', 'ruth/cameras/front/objects/dog': '0', 'ruth/cameras/front/rules/ghost': 'OFF',
    'ruth/cameras/front/zones/shed': 'None', 'ruth/cameras/dark/objects/cat': 'None', 'ruth/cameras/sold/status': '', 'ruth/cameras/sold/objects/person': '', 'ruth/cameras/sold/snapshot': '', 'homeassistant/device/ruth_sold/config': '', [`${onvif}/shed`]: '',
    'another/cameras/front/motion': 'ON',
  };
  await holds(truth);
  assert.match(newest.get(`${onvif}/yard`) ?? '', /"IsInside":true/);
  assert.ok(!listener.heard.some(({ topic }) => topic.endsWith('/events')), 'nothing of it is told as if it happened now');
  // A broker that forgot all is told all.
  await broker.down();
  newest.clear();
  await broker.up();
  await holds(Object.fromEntries(Object.entries(truth).filter(([topic, text]) => text !== '' && !topic.startsWith('another'))));
  // A core that began anew knows nothing of what the one before it told.
  running.bridge.take(track('track.started', 2, { first_seen: envelope.at + 600, class_name: 'dog' }));
  beganS = envelope.at + 500;
  await holds({ 'ruth/cameras/front/objects/person': '0', 'ruth/cameras/front/objects/dog': '1', 'ruth/cameras/front/zones/yard': 'None', 'ruth/cameras/front/rules/loitering': 'None', [`${onvif}/yard`]: '' });
});

test('a server that comes back says at once who is there, by what was stored and what came meanwhile', { skip: noBroker }, async () => {
  await using broker = await Broker.start();
  const directory = mkdtempSync(join(tmpdir(), 'ruth-mqtt-server-'));
  const start = (): Promise<RunningServer> => startServer({
    host: '127.0.0.1', port: 0, socketDirectory: directory, models: [], pageDirectory: directory, identify: async () => everyone, store: { kind: 'sqlite', file: join(directory, 'ruth.sqlite') }, logger: createLogger('server', 'fatal'), mqtt: { url: broker.url, snapshots: false },
  });
  const beganMs = performance.now();
  const nowS = Date.now() / 1000;
  await using kernel = await startKernel(directory, () => [camera('front')]);
  await using core = await startCore(directory, { models: () => [], subscriptions: () => [subscription('front', 'detector')], latest: () => [], uptimeMs: () => 60_000 + performance.now() - beganMs });
  const at = (one: number, type: TrackEvent['type'], trackId: number): TrackEvent => ({ ...track(type, trackId, { first_seen: nowS, last_seen: nowS }), id: one, at: nowS, captured_at: nowS });
  {
    await using _server = await start();
    await until(() => core.connections.length > 0, 'core is followed');
    for (const one of [1, 2, 3]) core.publish(at(one, 'track.started', one));
    core.publish(at(4, 'track.ended', 1));
    // Of a core that ended long ago: its track never ended.
    core.publish({ ...at(5, 'track.started', 9), track: { ...at(5, 'track.started', 9).track, first_seen: nowS - 7200, last_seen: nowS - 7200 } });
    await using listener = await broker.listen('ruth/#');
    await until(() => listener.newest.get('ruth/cameras/front/objects/person') === '3', 'it is told');
  }
  await broker.down();
  await broker.up();
  await using listener = await broker.listen('ruth/#');
  await using _server = await start();
  await until(() => listener.newest.get('ruth/cameras/front/objects/person') === '2', 'two are there', 30_000);
  assert.ok(kernel.connections.length > 0);
  rmSync(directory, { recursive: true, force: true });
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
