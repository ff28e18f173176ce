// Events over MQTT of a node whose server is dead: two servers as processes, a real PostgreSQL that they share, a real mosquitto that was away. The other server tells them, under the topics
// of the node that they are of, in order, each once; and the node's own goes on where that one stopped.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CoreEvent } from '@ruth/protocol';
import { openStore } from '@ruth/server/store';
import pg from 'pg';
import { freePorts } from '../../fleet/test/nats.ts';
import { Broker, noBroker } from './broker.ts';
import { postgresPrograms, startPostgres } from './postgres.ts';
import { startCore, until, type StandInWithEvents } from './stand-ins.ts';

const programs = postgresPrograms();
const PATIENCE_MS = 90_000;
const MAIN = join(import.meta.dirname, '../src/main.ts');
const log = process.env.RUTH_TEST_LOG ? 2 : 'ignore';

class Node implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'ruth-mqtt-site-'));
  readonly #id: string;
  readonly #settings: string;
  readonly #databaseUrl: string;
  core!: StandInWithEvents<CoreEvent>;
  #server: ChildProcess | null = null;
  #lastId = 0;

  constructor(id: string, port: number, databaseUrl: string, mqtt: object) {
    this.#id = id;
    this.#databaseUrl = databaseUrl;
    this.#settings = JSON.stringify({
      paths: { socket_directory: this.folder, ring_directory: this.folder, data_directory: this.folder }, http: { port }, log_level: process.env.RUTH_TEST_LOG ?? 'error', models: [], cameras: [], site: { nats: ['nats://127.0.0.1:9'], node: id }, mqtt,
    });
  }

  async begin(): Promise<this> {
    this.core = await startCore(this.folder, { models: () => [], subscriptions: () => [], latest: () => [] });
    await this.startServer();
    return this;
  }

  /** Until it follows its core. */
  async startServer(): Promise<void> {
    const before = this.core.connections.length;
    this.#server = spawn(process.execPath, [MAIN, '-c', '-'], { stdio: ['pipe', log, log], env: { ...process.env, DATABASE_URL: this.#databaseUrl } });
    this.#server.stdin!.on('error', () => undefined).end(this.#settings);
    await until(() => this.core.connections.length > before, `the server of ${this.#id} follows its core`, PATIENCE_MS);
  }

  say(count: number): void {
    for (let index = 0; index < count; index++) this.core.publish({ version: 1, id: ++this.#lastId, at: Date.now() / 1000, type: 'camera.up', camera_id: `${this.#id}-gate`, reason: null });
  }

  async kill(): Promise<void> {
    const child = this.#server;
    this.#server = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.core[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

test('events of a node whose server was killed are told by the other server, under the topics of that node, each once and in order', { skip: noBroker || (programs === null && 'PostgreSQL is missing: apt-get install postgresql') }, async () => {
  await using postgres = await startPostgres(programs!);
  await using broker = await Broker.start();
  await using store = await openStore({ kind: 'postgres', url: postgres.url });
  const [northPort, southPort] = await freePorts(2);
  await using north = await new Node('north', northPort!, postgres.url, { url: broker.url, topic_prefix: 'plant/north', home_assistant: false }).begin();
  await using south = await new Node('south', southPort!, postgres.url, { url: broker.url, home_assistant: false }).begin();
  const idsOf = (heard: readonly { topic: string; text: string }[], topic: string): number[] => heard.filter((message) => message.topic === topic).map(({ text }) => (JSON.parse(text) as { id: number }).id);
  const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const [ofNorth, ofSouth] = ['plant/north/cameras/north-gate/events', 'ruth/cameras/south-gate/events'];
  {
    await using listener = await broker.listen('#');
    await until(() => listener.newest.get('plant/north/nodes/north/status') === 'online' && listener.newest.get('ruth/nodes/south/status') === 'online', 'both are there', PATIENCE_MS);
    north.say(5);
    south.say(5);
    await until(() => idsOf(listener.heard, ofNorth).length === 5 && idsOf(listener.heard, ofSouth).length === 5, 'each is told by its own server', PATIENCE_MS);
    assert.equal((JSON.parse(listener.newest.get(ofNorth)!) as { node: string }).node, 'north');
  }
  await broker.down();
  north.say(600);
  await until(async () => (await store.read('eventsAfter', 0, 1000)).length === 610, 'they are stored', PATIENCE_MS);
  await north.kill();
  // As when it was not heard of for as long as that takes.
  await using stack = new AsyncDisposableStack();
  const database = stack.adopt(new pg.Client(postgres.url), (client) => client.end());
  await database.connect();
  await database.query("update couriers set own_until = now() - interval '1 s', until = now() - interval '1 s' where target = 'north/mqtt'");
  await until(async () => (await database.query<{ holder: string }>("select holder from couriers where target = 'north/mqtt'")).rows[0]?.holder === 'south', 'the other server stands in', PATIENCE_MS);
  // Nobody is there to be told before somebody listens.
  await south.kill();
  await broker.up();
  await using listener = await broker.listen('#');
  await south.startServer();
  south.say(1);
  await until(() => idsOf(listener.heard, ofNorth).length >= 600 && idsOf(listener.heard, ofSouth).length >= 1, 'all are told', PATIENCE_MS);
  assert.deepEqual([idsOf(listener.heard, ofNorth), idsOf(listener.heard, ofSouth)], [upTo(605, 6), [6]]);
  await north.startServer();
  north.say(3);
  await until(() => idsOf(listener.heard, ofNorth).length >= 603, 'its own server goes on', PATIENCE_MS);
  assert.deepEqual(idsOf(listener.heard, ofNorth), upTo(608, 6));
});
