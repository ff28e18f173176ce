// Events of a node on all their ways into the database, with the real parts: a core that speaks, the outbox's process, a NATS server, servers as processes, a PostgreSQL
// that is away for longer than core keeps what it emitted. All are there in the end, each once, each hour counts them once, a webhook is told of each by whichever server there
// is, and the metrics of it are those that are documented.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { coreSocketPath, type CoreEvent } from '@ruth/protocol';
import { openStore, type EventSearch, type Store } from '@ruth/server/store';
import { EventLog, listenOnSocket, streamEvents } from '@ruth/transport';
import { freePorts, Nats, natsMissing } from '../../fleet/test/nats.ts';
import { postgresPrograms, startPostgres, type RunningPostgres } from './postgres.ts';
import { until } from './stand-ins.ts';

const programs = postgresPrograms();
const PACKAGES = join(import.meta.dirname, '../..');
const TOKEN = 'a-fixed-token-for-the-tests-of-sites';
const PATIENCE_MS = 90_000;
/** So few that what an outage takes is soon more. */
const KEPT_BY_CORE = 100;
const ALL: EventSearch = { types: null, cameras: null, models: null, classes: null, zones: null, rules: null, minScore: null, startUs: 0, endUs: 1e16, cursor: null, limit: 5000 };
const log = process.env.RUTH_TEST_LOG ? 2 : 'ignore';

describe('events of a node of a site', { skip: natsMissing() || (programs === null && 'PostgreSQL is missing: apt-get install postgresql') }, () => {
  const stack = new AsyncDisposableStack();
  const said: string[] = [];
  /** By the webhook, in order. */
  const told: string[] = [];
  const hook = createServer((request, response) => void request.toArray().then((chunks) => {
    const { node, event } = JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as { node: string; event: { id: number } };
    told.push(`${node} ${event.id}`);
    response.end();
  }));
  let postgres: RunningPostgres;
  let store: Store;
  let north: Node;
  let south: Node;
  /** It has no server. */
  let west: Node;

  /** Its outbox runs all the time. */
  class Node {
    readonly folder = mkdtempSync(join(tmpdir(), 'ruth-site-'));
    readonly #log = new EventLog<CoreEvent>({ utcMs: Date.now, maxEvents: KEPT_BY_CORE, maxBytes: 32e6 });
    readonly #stop = new AbortController();
    readonly #core = createServer((request, response) => void streamEvents(this.#log, Number(request.headers['last-event-id'] ?? 0), response, this.#stop.signal));
    readonly #settings: string;
    readonly url: string;
    readonly id: string;
    #outbox!: ChildProcess;
    #server: ChildProcess | null = null;

    constructor(id: string, natsUrl: string, port: number) {
      this.id = id;
      this.url = `http://127.0.0.1:${port}`;
      this.#settings = JSON.stringify({
        paths: { socket_directory: this.folder, ring_directory: this.folder, data_directory: this.folder }, http: { port }, log_level: process.env.RUTH_TEST_LOG ?? 'error', models: [], cameras: [], site: { nats: [natsUrl], node: id },
        notifications: { webhooks: [{ id: 'hook', url: `http://127.0.0.1:${(hook.address() as AddressInfo).port}`, secret: { env: 'RUTH_TEST_HOOK' }, hears: [{ types: ['camera.up'] }] }], allow_addresses: ['127.0.0.1'] },
      });
    }

    async begin(): Promise<this> {
      await listenOnSocket(this.#core, coreSocketPath(this.folder));
      this.#outbox = this.#spawn('fleet/src/outbox-main.ts');
      return this;
    }

    startServer(): void { this.#server = this.#spawn('server/src/main.ts'); }

    async killServer(): Promise<void> {
      await kill(this.#server);
      this.#server = null;
    }

    /** Some at a time, so that the outbox, though not the server, has each. */
    async say(count: number): Promise<void> {
      for (let index = 0; index < count; index++) {
        said.push(`${this.id} ${this.#log.append({ type: 'camera.up', camera_id: `${this.id}-gate`, reason: null }).id}`);
        if (index % 50 === 49) await until(async () => await this.published() >= this.saidHere(), 'the site has them', PATIENCE_MS);
      }
      await until(async () => await this.published() >= this.saidHere(), 'the site has them', PATIENCE_MS);
    }

    saidHere(): number { return said.filter((name) => name.startsWith(this.id)).length; }

    async published(): Promise<number> {
      const { Agent, fetch: ask } = await import('undici');
      const agent = new Agent({ connect: { socketPath: join(this.folder, 'vas_outbox.sock') } });
      const text = await ask('http://outbox/v1/metrics', { dispatcher: agent }).then((response) => response.text(), () => '');
      await agent.destroy();
      return Number(/^ruth_outbox_events_published_total (.+)$/m.exec(text)?.[1] ?? 0);
    }

    async metrics(): Promise<string> {
      return fetch(`${this.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } }).then((response) => response.text(), () => '');
    }

    async [Symbol.asyncDispose](): Promise<void> {
      await kill(this.#server);
      await kill(this.#outbox);
      this.#stop.abort();
      this.#core.close();
      this.#core.closeAllConnections();
      rmSync(this.folder, { recursive: true, force: true });
    }

    #spawn(entry: string): ChildProcess {
      const child = spawn(process.execPath, [join(PACKAGES, entry), '-c', '-'], { stdio: ['pipe', log, log], env: { ...process.env, DATABASE_URL: postgres.url, RUTH_ADMIN_TOKEN: TOKEN, RUTH_TEST_HOOK: 'a secret of the hook' } });
      child.stdin!.on('error', () => undefined).end(this.#settings);
      return child;
    }
  }

  before(async () => {
    await once(hook.listen(0, '127.0.0.1'), 'listening');
    stack.defer(() => { hook.close().closeAllConnections(); });
    postgres = stack.use(await startPostgres(programs!));
    const nats = stack.use(await Nats.start());
    store = stack.use(await openStore({ kind: 'postgres', url: postgres.url }));
    const [northPort, southPort, westPort] = await freePorts(3);
    north = stack.use(await new Node('north', nats.url, northPort!).begin());
    south = stack.use(await new Node('south', nats.url, southPort!).begin());
    west = stack.use(await new Node('west', nats.url, westPort!).begin());
  });
  after(() => stack.disposeAsync());

  /** Of core, in the order in which they were stored. */
  const stored = async (): Promise<string[]> => (await store.read('eventsAfter', 0, 5000).catch(() => [])).filter(({ series: { type } }) => type === 'camera.up').map(({ node, body }) => `${node} ${(JSON.parse(body) as CoreEvent).id}`);
  const allThere = async (): Promise<void> => {
    await until(async () => new Set(await stored()).size === said.length, 'all are in the database', PATIENCE_MS);
    assert.deepEqual((await stored()).toSorted(), said.toSorted());
    const { counts, series } = await store.read('countEvents', { ...ALL, types: ['camera.up'] });
    assert.equal(counts.filter(({ seriesId }) => series.some(({ id, type }) => id === seriesId && type === 'camera.up')).reduce((sum, { events }) => sum + events, 0), said.length, 'hours count them once');
  };

  /** Of each node in their order. */
  const allTold = async (from: number): Promise<void> => {
    const wanted = said.slice(from);
    await until(() => wanted.every((name) => told.includes(name)), 'the webhook is told of all', PATIENCE_MS);
    for (const { id } of [north, south, west]) {
      const first = [...new Set(told)].filter((name) => name.startsWith(id));
      assert.deepEqual(first, first.toSorted((a, b) => Number(a.split(' ')[1]) - Number(b.split(' ')[1])), id);
    }
  };

  it('are there once, though they come by two ways', async () => {
    await west.say(20);
    north.startServer();
    south.startServer();
    await until(async () => (await Promise.all([north, south].map((node) => node.metrics()))).some((text) => /^ruth_server_site_reads 1$/m.test(text)), 'one of the servers reads for both', PATIENCE_MS);
    for (const node of [north, south]) await until(async () => /^ruth_server_site_reads [01]$/m.test(await node.metrics()), 'both are there', PATIENCE_MS);
    // The webhook is told of what comes from when it is known on.
    for (const node of [north, south, west]) {
      await until(async () => {
        await node.say(1);
        return told.some((name) => name.startsWith(node.id));
      }, `the webhook hears of ${node.id}`, PATIENCE_MS);
    }
    const from = said.length;
    await Promise.all([north.say(60), south.say(60), west.say(60)]);
    await allThere();
    await allTold(from);
    assert.equal(new Set(told).size, told.length, 'each once');
    assert.deepEqual((await stored()).filter((name) => name.startsWith('north')), said.filter((name) => name.startsWith('north')), 'in the order in which they were told');
  });

  it('of a node whose server is dead are stored by another one, in their order', async () => {
    await north.killServer();
    const from = said.length;
    await north.say(300);
    await allThere();
    assert.deepEqual((await stored()).slice(from), said.slice(from));
    // South, whose own events go on meanwhile, stands in.
    await Promise.all([south.say(20), allTold(from)]);
    await until(async () => /^ruth_server_notifications_stood_in\{target="webhook hook"\} 2$/m.test(await south.metrics()), 'it stands in for west, too', PATIENCE_MS);
    assert.equal(new Set(told).size, told.length, 'each once: nobody died while something was on its way');
    north.startServer();
    await until(async () => /^ruth_server_notifications_stood_in\{target="webhook hook"\} 1$/m.test(await south.metrics()), 'it gives the turn back', PATIENCE_MS);
  });

  it('are all there when the database is back, though it was away for longer than core keeps them, and servers were killed meanwhile', async () => {
    const from = said.length;
    await postgres.kill();
    await Promise.all([north.say(300), south.say(150)]);
    await Promise.all([north.killServer(), south.killServer()]);
    await north.say(150);
    await postgres.start();
    north.startServer();
    south.startServer();
    await allThere();
    await south.say(20);
    await allThere();
    await allTold(from);
    for (const { id } of [north, south]) assert.deepEqual((await stored()).filter((name) => name.startsWith(id)), said.filter((name) => name.startsWith(id)), 'also what core did not keep lies in its order');
    const { events } = await store.read('searchEvents', { ...ALL, types: ['gap'] });
    assert.deepEqual(events, [], 'nothing is told as missing that is there');
  });

  it('are counted on their way by the metrics that docs/metrics.md names', async () => {
    const texts = async (): Promise<string[]> => Promise.all([north, south].map((node) => node.metrics()));
    await until(async () => (await texts()).every((text) => /^ruth_up\{part="outbox"\} 1$/m.test(text)) && (await texts()).some((text) => /^ruth_server_site_events_behind 0$/m.test(text)), 'both answer, and one reads', PATIENCE_MS);
    assert.ok((await texts()).some((text) => !/^ruth_server_site_events_behind \d/m.test(text)), 'who does not read does not know');
    const told = [...(await texts()).join('\n').matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`).filter((line) => /^ruth_(outbox|server_site)_/.test(line));
    const documented = [...readFileSync(join(PACKAGES, '../docs/metrics.md'), 'utf8').matchAll(/^\| `(ruth_(?:outbox|server_site)_\w+)` \| (\w+) \|/gm)].map(([, name, type]) => `${name} ${type}`);
    assert.deepEqual([...new Set(told)].toSorted(), documented.toSorted());
  });
});

async function kill(child: ChildProcess | null): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
