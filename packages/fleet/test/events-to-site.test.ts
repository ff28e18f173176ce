// The process of the outbox between a core that speaks and a real NATS server: cut off, killed, its answers lost, the server gone. What the stream holds
// then is what core said, in order, each event under one id.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { coreSocketPath, outboxSocketPath, type CoreEvent } from '@ruth/protocol';
import { EventLog, listenOnSocket, streamEvents } from '@ruth/transport';
import { EVENT_STREAM, parseMessage, SiteStore, subjectOf } from '../src/index.ts';
import { jetstreamManager } from '@nats-io/jetstream';
import { Link, Nats, natsMissing } from './nats.ts';
import { logger, until } from './site-run.ts';

const NODE = 'east.1';
const MAIN = join(import.meta.dirname, '../src/outbox-main.ts');

describe('events of a node', { skip: natsMissing() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-outbox-'));
  const log = new EventLog<CoreEvent>({ utcMs: Date.now, maxEvents: 50_000, maxBytes: 32e6 });
  const stop = new AbortController();
  const core = createServer((request, response) => void streamEvents(log, Number(request.headers['last-event-id'] ?? 0), response, stop.signal));
  const said: number[] = [];
  let nats: Nats;
  let link: Link;
  let store: SiteStore;
  let child: ChildProcess;
  let settings: string;

  const say = (count: number): void => {
    for (let index = 0; index < count; index++) {
      // Of three in four nobody hears later.
      if (index % 4 === 0) said.push(log.append({ type: 'camera.up', camera_id: `camera-${said.length}`, reason: null }).id);
      else log.append({ type: 'track.updated', camera_id: 'gate', model_id: 'm', frame_id: 1, captured_at: 1, track: track() });
    }
  };
  const begin = (): void => {
    child = spawn(process.execPath, [MAIN, '-c', '-'], { stdio: ['pipe', process.env.RUTH_TEST_LOG ? 2 : 'ignore', 'inherit'] });
    child.stdin!.end(settings);
  };
  const kill = async (): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  /** Ids of events, as they lie in the stream. */
  const kept = async (): Promise<number[]> => {
    const manager = await jetstreamManager(store.connection);
    const { state } = await manager.streams.info(EVENT_STREAM).catch(() => ({ state: { messages: 0, first_seq: 0, last_seq: 0 } }));
    const ids: number[] = [];
    for (let seq = state.first_seq; state.messages > 0 && seq <= state.last_seq; seq++) {
      const message = await manager.streams.getMessage(EVENT_STREAM, { seq });
      const event = parseMessage(message!.data)!;
      assert.deepEqual([message!.subject, event.node, event.source, event.epoch, message!.header.get('Nats-Msg-Id')], [subjectOf(NODE), NODE, 'core', 0, `${NODE}:core:0:${event.event.id}`]);
      ids.push(event.event.id);
    }
    return ids;
  };
  const count = async (): Promise<number> => (await (await jetstreamManager(store.connection)).streams.info(EVENT_STREAM).catch(() => null))?.state.messages ?? 0;
  const metric = async (name: string): Promise<number> => {
    const { Agent, fetch } = await import('undici');
    const agent = new Agent({ connect: { socketPath: outboxSocketPath(folder) } });
    const text = await fetch('http://outbox/v1/metrics', { dispatcher: agent }).then((response) => response.text(), () => '');
    await agent.destroy();
    return Number(new RegExp(`^ruth_outbox_${name} (.+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  };

  before(async () => {
    nats = await Nats.start();
    link = new Link(Number(new URL(nats.url).port));
    settings = JSON.stringify({
      paths: { socket_directory: folder, data_directory: folder }, log_level: process.env.RUTH_TEST_LOG ?? 'error', models: [], cameras: [], site: { nats: [await link.listen()], node: NODE },
    });
    store = await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, logger);
    await listenOnSocket(core, coreSocketPath(folder));
  });
  after(async () => {
    await kill();
    stop.abort();
    core.close();
    core.closeAllConnections();
    await store[Symbol.asyncDispose]();
    await link[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it('wait on its disk while the site cannot be reached from the start, and come in order once it can', async () => {
    link.cut();
    say(400);
    begin();
    await until(async () => await metric('events_waiting') === 100, 'they are in the outbox');
    assert.deepEqual([await metric('site_connected'), await kept()], [0, []]);
    link.mend();
    await until(async () => await count() === 100, 'the site has them');
    assert.deepEqual(await kept(), said);
    await until(async () => await metric('events_waiting') === 0, 'the outbox is empty');
    assert.equal(await metric('events_dropped_total'), 0);
  });

  it('are in the stream once, though the process was killed after they had arrived and before it knew', async () => {
    link.loseAnswers();
    say(40);
    await until(async () => await count() > 100, 'some have arrived');
    assert.ok(await metric('events_waiting') > 0, 'nobody has acknowledged them');
    await kill();
    link.mend();
    begin();
    await until(async () => await metric('events_waiting') === 0, 'the outbox is empty');
    assert.deepEqual(await kept(), said);
    assert.ok(await metric('events_duplicate_total') > 0);
  });

  it('are all there, and once, though the process is killed again and again while they come', async () => {
    for (let round = 0; round < 4; round++) {
      say(2000);
      await new Promise((resolve) => setTimeout(resolve, 150 + 150 * round));
      await kill();
      say(200);
      begin();
    }
    await until(async () => await count() >= said.length && await metric('events_waiting') === 0, 'the site has all');
    assert.deepEqual(await kept(), said);
  });

  it('come when the server of the site is back, which tells how they were doing', async () => {
    await nats.kill();
    say(400);
    await until(async () => await metric('events_waiting') === 100, 'they are in the outbox');
    await nats.run();
    await until(async () => await metric('events_waiting') === 0, 'the outbox is empty');
    await until(async () => await count() === said.length, 'the site has them');
    assert.deepEqual(await kept(), said);
    await until(async () => (await store.outboxes.get(NODE))?.value?.waiting === 0, 'the site knows of it');
  });
});

const track = () => ({ id: 1, class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0, 0, 1, 1] as [number, number, number, number], first_seen: 1, last_seen: 1, stationary: false, zones: [] });
