// Events that a real mosquitto is told of, out of the store: each in its order, however long the broker or the server was away, and past one that the broker does not take.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { kernelSocketPath, type MqttConfig } from '@ruth/protocol';
import { MqttBridge, Notifications, Upstream } from '@ruth/server/parts';
import { openStore, type EventRow } from '@ruth/server/store';
import { createLogger, secretReader } from '@ruth/transport';
import { Broker, noBroker } from './broker.ts';
import { until } from './stand-ins.ts';

const PATIENCE_MS = 60_000;
interface Heard { readonly event_type: string; readonly event_id: number; readonly id: number }

/** A node by itself with a store and no camera. */
async function nodeOf(t: TestContext, config: MqttConfig) {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-mqtt-events-'));
  const store = await openStore({ kind: 'sqlite', file: join(directory, 'ruth.sqlite') });
  const kernel = new Upstream('kernel', kernelSocketPath(directory));
  const common = { kernel, logger: createLogger('test', 'silent'), readSecret: secretReader({}) };
  let lastId = 0;
  const start = () => {
    const bridge = new MqttBridge({ ...common, config: { home_assistant: false, ...config }, version: '1', reconnectMs: 50, onConnected: () => notifications.poke() });
    const notifications = new Notifications({ ...common, config: {}, broker: bridge.target, store, timeZone: null, retriesMs: [20, 20], waitMs: 50 });
    const stop = new AbortController();
    const running = Promise.all([bridge.run(stop.signal), notifications.run(stop.signal)]);
    return { bridge, notifications, stop: async () => { stop.abort(); await running; } };
  };
  let running = start();
  t.after(async () => {
    await running.stop();
    await store[Symbol.asyncDispose]();
    await kernel[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });
  const eventOf = (type: string, more: object = {}, camera = 'front'): EventRow => ({
    sourceId: ++lastId, atUs: 1_700_000_000e6 + lastId, score: null, series: { type, camera, model: 'detector', class_name: '', zones: '', rule: '' },
    body: JSON.stringify({ version: 1, id: lastId, at: 1_700_000_000, type, camera_id: camera, model_id: 'detector', captured_at: 1_700_000_000, ...more }),
  });
  return {
    store, get bridge() { return running.bridge; }, get courier() { return running.notifications.couriers[0]!; },
    async say(count: number, type = 'zone.entered', more: object = {}) { await this.append(Array.from({ length: count }, () => eventOf(type, more))); },
    eventOf,
    async append(events: readonly EventRow[]) {
      await store.write('append', { source: 'core', after: await store.write('positionOf', 'core'), position: { epoch: 0, lastId }, events, tracks: [] });
      running.notifications.poke();
    },
    stop: () => running.stop(),
    start() { running = start(); },
  };
}

const idsOf = (heard: readonly { topic: string; text: string }[]): number[] => heard.filter(({ topic }) => topic === 'ruth/cameras/front/events').map(({ text }) => (JSON.parse(text) as Heard).id);
const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

test('events wait in the store while the broker is away, over a restart of the server: then each is told, in order, and none of before', { skip: noBroker }, async (t) => {
  await using broker = await Broker.start();
  const node = await nodeOf(t, { url: broker.url, onvif_metadata: true });
  await until(() => node.bridge.connected, 'the broker is there', PATIENCE_MS);
  await node.store.write('courierPosition', 'mqtt');
  {
    await using listener = await broker.listen('ruth/#');
    await node.say(3);
    await node.say(1, 'occupancy');
    await node.say(1, 'line.crossed', { line: 'sill', track: { id: 7, class_name: 'person' } });
    await until(() => idsOf(listener.heard).length === 4, 'it is told at once', PATIENCE_MS);
    assert.deepEqual(idsOf(listener.heard), [1, 2, 3, 5], 'what is a state is no event');
    const [first] = listener.heard.filter(({ topic }) => topic.endsWith('/events'));
    const { event_type: type, event_id: eventId } = JSON.parse(first!.text) as Heard;
    assert.deepEqual([type, eventId, first!.retained], ['zone.entered', 1, false]);
    await until(() => listener.heard.some(({ topic }) => topic === 'ruth/onvif-ej/RuleEngine/LineDetector/Crossed/&front/detector/sill'), 'ONVIF has it too', PATIENCE_MS);
    await until(async () => await node.store.write('courierPosition', 'mqtt') === 5, 'it is noted', PATIENCE_MS);
  }
  await broker.down();
  await until(() => !node.bridge.connected, 'the broker is missed', PATIENCE_MS);
  await node.say(700);
  await node.stop();
  node.start();
  await node.say(100);
  assert.equal(node.courier.state.lastError, 'it is not there');
  await node.stop();
  await broker.up();
  await using listener = await broker.listen('ruth/#');
  node.start();
  await until(() => new Set(idsOf(listener.heard)).size >= 800, 'all are told', PATIENCE_MS);
  assert.deepEqual(idsOf(listener.heard), upTo(805, 6));
  await until(() => node.courier.state.lastError === null && node.courier.state.delivered >= 800, 'it is well', PATIENCE_MS);
  assert.deepEqual(await node.store.read('deadLetters', 10), []);
});

test('an event that the broker does not take becomes a dead letter, and those after it are told', { skip: noBroker }, async (t) => {
  // Such a broker ends the connection.
  await using broker = await Broker.start('max_packet_size 20000\n');
  const node = await nodeOf(t, { url: broker.url });
  await until(() => node.bridge.connected, 'the broker is there', PATIENCE_MS);
  await node.store.write('courierPosition', 'mqtt');
  await using listener = await broker.listen('ruth/#');
  await node.say(5);
  await node.say(1, 'zone.entered', { zone: 'z'.repeat(30_000) });
  await node.say(70);
  await until(() => new Set(idsOf(listener.heard)).size === 75, 'all others are told', PATIENCE_MS);
  const told = idsOf(listener.heard);
  assert.deepEqual([...new Set(told)].toSorted((one, other) => one - other), upTo(76).filter((id) => id !== 6));
  await until(async () => await node.store.write('courierPosition', 'mqtt') === 76, 'it is noted', PATIENCE_MS);
  const letters = await node.store.read('deadLetters', 10);
  assert.deepEqual(letters.map(({ target, event_id: id }) => [target, id]), [['mqtt', 6]]);
  assert.match(letters[0]!.error, /the MQTT broker did not take it/);
});

test('what a broker does not let this server tell is a dead letter at once, and holds up nothing else', { skip: noBroker }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-broker-acl-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, 'acl'), 'topic readwrite #\ntopic deny ruth/cameras/cellar/#\n');
  await using broker = await Broker.start(`acl_file ${join(directory, 'acl')}\n`);
  const node = await nodeOf(t, { url: broker.url });
  await until(() => node.bridge.connected, 'the broker is there', PATIENCE_MS);
  await node.store.write('courierPosition', 'mqtt');
  await using listener = await broker.listen('ruth/#');
  await node.append(['front', 'cellar', 'front', 'cellar', 'front'].map((camera) => node.eventOf('zone.entered', {}, camera)));
  await until(async () => await node.store.write('courierPosition', 'mqtt') === 5, 'all are done with', PATIENCE_MS);
  await until(() => idsOf(listener.heard).length >= 3, 'the others are told', PATIENCE_MS);
  assert.deepEqual(idsOf(listener.heard), [1, 3, 5], 'each once');
  const letters = await node.store.read('deadLetters', 10);
  assert.deepEqual(letters.map(({ event_id: id }) => id), [4, 2]);
  assert.match(letters[0]!.error, /Not authorized/);
});

for (const [how, answer] of [['says so', Buffer.from([0x20, 2, 0, 1])], ['ends the connection', null]] as const) {
  test(`a broker that knows MQTT 3.1.1 alone, and ${how}, is spoken to in that`, { skip: noBroker }, async (t) => {
    await using broker = await Broker.start();
    const levels: number[] = [];
    const old = createServer((socket) => {
      socket.on('error', () => undefined).once('data', (chunk) => {
        // Behind the length and the name "MQTT" of a CONNECT.
        levels.push(chunk[chunk.indexOf('MQTT') + 4]!);
        if (levels.at(-1) !== 4) return void (answer ? socket.end(answer) : socket.destroy());
        const real = connect(Number(new URL(broker.url).port), '127.0.0.1').on('error', () => socket.destroy()).on('close', () => socket.destroy());
        real.write(chunk);
        socket.on('close', () => real.destroy()).pipe(real).pipe(socket);
      });
    }).listen(0, '127.0.0.1');
    await once(old, 'listening');
    t.after(() => { old.close(); });
    const node = await nodeOf(t, { url: `mqtt://127.0.0.1:${(old.address() as AddressInfo).port}` });
    await until(() => node.bridge.connected, 'it is there', PATIENCE_MS);
    await node.store.write('courierPosition', 'mqtt');
    await using listener = await broker.listen('ruth/#');
    await node.say(3);
    await until(() => idsOf(listener.heard).length === 3, 'it is told', PATIENCE_MS);
    assert.deepEqual(levels, [5, 4]);
  });
}
