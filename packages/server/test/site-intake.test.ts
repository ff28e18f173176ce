// Events of a site out of its stream into a real PostgreSQL, by two servers at once whose answers get lost, while one of them writes its own events as well:
// each event is there once, in the order of the stream, its hour counts it once, and no track goes back.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CoreEvent, SiteEvent, SiteEventBatch, TrackEvent } from '@ruth/protocol';
import { keptOf, SiteIntake, Upstream } from '@ruth/server/parts';
import { openStore, type EventSearch, type Store } from '@ruth/server/store';
import { createLogger } from '@ruth/transport';
import { postgresPrograms, startPostgres } from './postgres.ts';
import { until } from './stand-ins.ts';

const programs = postgresPrograms();
const logger = createLogger('server', 'silent');
const T0_S = Date.UTC(2026, 0, 5, 8, 0) / 1000;
const ALL: EventSearch = { types: null, cameras: null, models: null, classes: null, zones: null, rules: null, minScore: null, startUs: 0, endUs: Number.MAX_SAFE_INTEGER, cursor: null, limit: 5000 };

const up = (node: string, id: number): SiteEvent => ({ node, source: 'core', epoch: 0, event: { id, version: 1, at: T0_S + id * 30, type: 'camera.up', camera_id: `${node}-gate`, reason: null } });
const trackEvent = (type: 'track.started' | 'track.ended', id: number, lastSeen: number): TrackEvent => ({
  id, version: 1, at: T0_S + lastSeen, type, camera_id: 'walk', model_id: 'm', frame_id: id, captured_at: T0_S + lastSeen, ...(type === 'track.ended' ? { reason: 'gone', trajectory: [] } : {}),
  track: { id: 1, class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0, 0, 1, 1], first_seen: T0_S, last_seen: T0_S + lastSeen, stationary: false, zones: [] },
} as unknown as TrackEvent);

/** What the outbox's process answers, over a stream that is a list: the message at `position` p is the p-th. */
class ListedStream implements AsyncDisposable {
  readonly messages: SiteEvent[] = [];
  made = 1_700_000_000_000;
  /** What it does not hold any more. */
  letGo = 0;
  isAway = false;
  asked: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'ruth-site-'));
  readonly #server: Server = createServer((request, response) => {
    const { searchParams } = new URL(request.url!, 'http://outbox');
    this.asked.push(request.url!);
    if (this.isAway) return void response.writeHead(503).end(JSON.stringify({ error: 'no NATS server of the site was there yet', error_code: 'unreachable' }));
    const isKnown = searchParams.has('after');
    const answer = (): SiteEventBatch => {
      const newest = this.messages.length;
      if (!isKnown) return { stream: this.made, position: newest, newest, missed: 0, waiting: 0, events: [] };
      const after = Number(searchParams.get('stream')) === this.made ? Number(searchParams.get('after')) : 0;
      const from = Math.max(after, this.letGo);
      const events = this.messages.slice(from, from + 50);
      return { stream: this.made, position: from + events.length, newest, missed: from - after, waiting: 0, events };
    };
    const { events, missed } = answer();
    setTimeout(() => response.end(JSON.stringify(answer())), events.length === 0 && missed === 0 && isKnown ? 50 : 0);
  });
  readonly upstream: Upstream;

  constructor() { this.upstream = new Upstream('outbox', join(this.#folder, 'outbox.sock')); }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.upstream.socketPath, resolve));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.upstream[Symbol.asyncDispose]();
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

describe('events of a site', { skip: programs === null && 'PostgreSQL is missing: apt-get install postgresql' }, () => {
  const stack = new AsyncDisposableStack();
  const said: string[] = [];
  const nameOf = ({ node, event }: SiteEvent): string => `${node} ${event.id}`;
  let stream: ListedStream;
  let north: Store;
  let south: Store;

  before(async () => {
    const { url } = stack.use(await startPostgres(programs!));
    stream = stack.use(await new ListedStream().listen());
    north = stack.use(await openStore({ kind: 'postgres', url, node: 'north' }));
    south = stack.use(await openStore({ kind: 'postgres', url, node: 'south' }));
  });
  after(() => stack.disposeAsync());

  const intakeOf = (store: Store): SiteIntake => new SiteIntake({ store, outbox: stream.upstream, logger, onStored: () => undefined, againMs: 20 });
  /** Every third answer of the database is lost on its way: what it was asked to do is done. */
  const losing = (store: Store): Store => {
    let calls = 0;
    return { ...store, read: store.read, write: async (task, ...args) => {
      const answer = await store.write(task, ...args);
      if (++calls % 3 === 0) throw new Error('the connection ended');
      return answer;
    } } as Store;
  };
  const stored = async (): Promise<string[]> => (await north.read('eventsAfter', 0, 5000)).map(({ node, body }) => `${node} ${(JSON.parse(body) as CoreEvent).id}`);
  const counted = async (): Promise<number> => (await north.read('countEvents', { ...ALL, endUs: 1e16 })).counts.reduce((sum, { events }) => sum + events, 0);
  const caughtUp = async (): Promise<boolean> => (await north.write('takeSiteTurn', 0)).position.lastId === stream.messages.length;
  const running = (...intakes: SiteIntake[]): AsyncDisposable => {
    const stop = new AbortController();
    const ends = intakes.map((intake) => intake.run(stop.signal));
    return { async [Symbol.asyncDispose]() { stop.abort(); await Promise.all(ends); } };
  };

  it('are read from where the stream is when the database is new: nobody is told of last week', async () => {
    stream.messages.push(up('north', 1), up('north', 2));
    await using _running = running(intakeOf(south));
    await until(caughtUp, 'it knows where the stream is', 30_000);
    assert.deepEqual(await stored(), []);
  });

  it('are each there once and in order, though two servers read at once, answers are lost, and messages come again and late', async () => {
    const fresh = Array.from({ length: 600 }, (_, index) => up(index % 3 === 0 ? 'south' : 'north', 100 + index));
    said.push(...fresh.map(nameOf));
    // A window of which the middle was lost when the leader was, and a node that began anew after the window of ids was over.
    stream.messages.push(...fresh.slice(0, 200), ...fresh.slice(220, 240), ...fresh.slice(200, 220), ...fresh.slice(220, 240), ...fresh.slice(240), ...fresh.slice(0, 50));
    const intakes = [intakeOf(losing(north)), intakeOf(losing(south))];
    await using _running = running(...intakes);
    await until(caughtUp, 'all is read', 60_000);
    const found = await stored();
    assert.deepEqual([found.length, new Set(found).size], [600, 600]);
    assert.deepEqual(found.filter((name) => !(name.slice(6) >= '300' && name.slice(6) < '340')), said.filter((name) => !(name.slice(6) >= '300' && name.slice(6) < '340')));
    assert.equal(await counted(), 600);
  });

  it('that their own server wrote are known, and those that it writes later, too', async () => {
    const own = Array.from({ length: 40 }, (_, index) => up('north', 2000 + index));
    const rows = own.map(({ event }) => keptOf(event, JSON.stringify(event))!.event!);
    const append = async (afterId: number, some: typeof rows): Promise<number> => north.write('append', { source: 'core', after: { epoch: 0, lastId: afterId }, position: { epoch: 0, lastId: some.at(-1)!.sourceId }, events: some, tracks: [] });
    assert.equal(await append(-1, rows.slice(0, 20)), 20);
    stream.messages.push(...own);
    const intake = intakeOf(south);
    {
      await using _running = running(intake);
      await until(caughtUp, 'all is read', 30_000);
    }
    // It counts when the database has said that it has them.
    await until(() => intake.counters.stored + intake.counters.known === 40, 'all are counted', 30_000);
    assert.deepEqual(intake.counters, { stored: 20, known: 20, missed: 0, failures: 0 });
    assert.equal(await append(2019, rows.slice(20)), 0);
    said.push(...own.map(nameOf));
    assert.deepEqual([(await stored()).length, await counted()], [640, 640]);
    assert.deepEqual((await north.read('eventsOfNode', null, 0, 5000)).events.length + (await north.read('eventsOfNode', 'south', 0, 5000)).events.length, 640, 'each is brought to targets by its own node, however it came');
  });

  it('move no track back: one that has ended stays so', async () => {
    const of = (event: TrackEvent): SiteEvent => ({ node: 'south', source: 'core', epoch: 0, event });
    const [started, ended] = [trackEvent('track.started', 3000, 1), trackEvent('track.ended', 3001, 9)];
    const track = async (): Promise<unknown> => (await north.read('searchTracks', { cameras: ['walk'], models: null, classes: null, startUs: 0, endUs: 1e16, minScore: null, limit: 5, cursor: null })).tracks.map((row) => [row.end_reason, row.last_us / 1e6 - T0_S]);
    for (const events of [[started], [ended, started], [started, ended, started], [started]]) {
      stream.messages.push(...events.map(of));
      await using _running = running(intakeOf(north));
      await until(caughtUp, 'all is read', 30_000);
    }
    assert.deepEqual(await track(), [['gone', 9]]);
    assert.equal(await counted(), 642);
  });

  it('that the stream had let go are told as a gap, and a stream that was made anew is read from its beginning', async () => {
    const before = stream.messages.length;
    stream.messages.push(...Array.from({ length: 30 }, (_, index) => up('south', 4000 + index)));
    stream.letGo = before + 10;
    const intake = intakeOf(south);
    await using _running = running(intake);
    await until(caughtUp, 'all is read', 30_000);
    await until(() => intake.counters.stored === 21, 'all are counted', 30_000);
    assert.equal(intake.counters.missed, 10);
    const { events: [gap] } = await north.read('searchEvents', { ...ALL, types: ['gap'] });
    const { asked_after: askedAfter, oldest } = JSON.parse(gap!.body) as { asked_after: number; oldest: number };
    assert.deepEqual([gap!.node, gap!.source, askedAfter, oldest], [null, 'site', before, before + 11]);
    stream.messages.splice(0, Infinity, up('south', 5000), up('south', 5001));
    [stream.made, stream.letGo] = [stream.made + 1, 0];
    await until(() => intake.counters.stored === 23, 'the new stream is read', 30_000);
  });

  it('are read by another server where the one whose turn it is cannot', async () => {
    await using away = await new ListedStream().listen();
    away.isAway = true;
    const cutOff = new SiteIntake({ store: north, outbox: away.upstream, logger, onStored: () => undefined, againMs: 20 });
    await using _first = running(cutOff);
    await until(() => cutOff.counters.failures > 0, 'it has tried', 30_000);
    stream.messages.push(up('south', 6000));
    const reads = intakeOf(south);
    await using _second = running(reads);
    await until(() => reads.counters.stored === 1, 'it is there', 30_000);
    assert.deepEqual([reads.isReading, cutOff.isReading, cutOff.behind], [true, false, null]);
  });
});
