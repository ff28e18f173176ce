// Events on their way from core into the store and out over HTTP: each exactly once, whatever stops and starts again.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { coreSocketPath, EventPage, kernelSocketPath, RuthError, validator, type CoreEvent, type ErrorBody, type EventCounts, type RecordedAt, type StoredEvent, type Timeline, type TrackPage, type TrackState, type ZoneEnteredEvent } from '@ruth/protocol';
import { openStore, startServer, type Store } from '@ruth/server';
import { EventKeeper, keptOf, storeSink, Upstream } from '@ruth/server/parts';
import { EventRecorder } from '@ruth/transport/follow';
import { createLogger, EventLog, streamEvents, type EventContent } from '@ruth/transport';
import { fastify } from 'fastify';
import { camera, everyone, look, startKernel, startPlace, until } from './stand-ins.ts';

const logger = createLogger('server', 'fatal');
const NOON = Date.UTC(2026, 0, 5, 12) / 1000;
const track = (id: number, over: Partial<TrackState> = {}): TrackState => ({ id, class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0, 0, 1, 1], first_seen: NOON, last_seen: NOON + 1, ...over });
const entered = (id: number, over: Partial<ZoneEnteredEvent> = {}): EventContent<ZoneEnteredEvent> => ({
  type: 'zone.entered', camera_id: 'front', model_id: 'detector', frame_id: id, captured_at: NOON + id, recording_at: NOON + id, zone: 'yard', track: track(1), ...over,
});

/** The event stream of a core as it is: numbered, kept, resumed. */
async function startCore(directory: string, log = new EventLog<CoreEvent>({ utcMs: Date.now })) {
  const app = fastify({ forceCloseConnections: true });
  const stop = new AbortController();
  const asked: number[] = [];
  app.get('/v1/events', async (request, reply) => {
    reply.hijack();
    asked.push(Number(request.headers['last-event-id']));
    await streamEvents(log, asked.at(-1)!, reply.raw, stop.signal);
  });
  await app.listen({ path: coreSocketPath(directory) });
  return { log, asked, async [Symbol.asyncDispose]() { stop.abort(); await app.close(); } };
}

const get = async <T>(url: string, path: string): Promise<T> => {
  const response = await fetch(`${url}/api/v1/${path}`);
  assert.equal(response.status, 200, `${path}: ${await response.clone().text()}`);
  return await response.json() as T;
};
const frames = async (url: string, query = ''): Promise<number[]> => (await get<EventPage>(url, `events?limit=500${query}`)).events.flatMap(({ event }) => ('frame_id' in event ? [event.frame_id] : []));
const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, index) => last - index);

describe('the events of core', () => {
  it('are stored once each over restarts of the server and of core, also what neither of them saw happen', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ruth-events-'));
    const start = () => startServer({ host: '127.0.0.1', port: 0, socketDirectory: directory, models: [], pageDirectory: directory, identify: async () => everyone, store: { kind: 'sqlite', file: join(directory, 'ruth.sqlite') }, logger });
    const log = new EventLog<CoreEvent>({ utcMs: Date.now });
    // Before any server has followed: what the log holds is stored all the same, and no gap is told.
    for (let frame = 1; frame <= 20; frame++) log.append(entered(frame));
    const core = await startCore(directory, log);
    {
      await using server = await start();
      await until(async () => (await frames(server.url)).length === 20, 'what was there is stored');
      for (let frame = 21; frame <= 30; frame++) log.append(entered(frame));
      log.append({ type: 'detection', look: look('front', 'detector', 31) });
      await until(async () => (await frames(server.url)).length === 30, 'what comes is stored');
    }
    for (let frame = 31; frame <= 700; frame++) log.append(entered(frame));
    await using server = await start();
    await until(async () => (await frames(server.url, `&start=${NOON + 600.5}`)).length === 100, 'what happened meanwhile is stored');
    await core[Symbol.asyncDispose]();
    // A core that lost its log, with a clock that was set back: what lies between is told to be unknown.
    await using again = await startCore(directory, new EventLog<CoreEvent>({ utcMs: () => 1e9 }));
    await until(() => again.asked.length === 1, 'core is followed again');
    for (let frame = 701; frame <= 710; frame++) again.log.append(entered(frame));
    await until(async () => (await frames(server.url, '&type=zone.entered')).length === 500 && (await frames(server.url, `&start=${NOON + 700.5}`)).length === 10, 'the new core is stored');
    assert.equal((await get<EventPage>(server.url, 'events?type=gap')).events.length, 1);
    const all: number[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: EventPage = await get<EventPage>(server.url, `events?type=zone.entered&limit=200${cursor && `&cursor=${cursor}`}`);
      all.push(...page.events.map(({ event }) => (event as ZoneEnteredEvent).frame_id));
      cursor = page.next_cursor;
    }
    assert.deepEqual(all, upTo(710));
    rmSync(directory, { recursive: true, force: true });
  });

  it('are let go while the store is away for long, and fetched again once it is back', async () => {
    await using place = await startPlace();
    await using real = await openStore({ kind: 'sqlite', file: join(place.directory, 'other.sqlite') });
    let isAway = false;
    let isAnswerLost = true;
    const store = {
      ...real,
      async write(...call: [task: never, ...args: never[]]): Promise<unknown> {
        if (isAway) throw new RuthError('store_unavailable', 'away');
        const answer = await (real.write as (...call: unknown[]) => Promise<unknown>)(...call);
        // Written, but the writer is told otherwise: the first batch must not be written twice.
        if (call[0] as string === 'append' && isAnswerLost) {
          isAnswerLost = false;
          throw new RuthError('store_unavailable', 'the answer is lost');
        }
        return answer;
      },
    } as unknown as Store;
    const log = new EventLog<CoreEvent>({ utcMs: Date.now, maxEvents: 60_000, maxBytes: 64e6 });
    let resumed = 0;
    const recorder = new EventRecorder({ source: 'core', sink: storeSink(store), keep: keptOf, logger, position: { epoch: 0, lastId: -1 }, resume: () => { resumed++; feed(); } });
    const feed = (): void => {
      recorder.opened();
      for (let event = log.after(Math.max(0, recorder.position.lastId)); event; event = log.after(event.id)) recorder.offer(JSON.parse(event.text) as CoreEvent, event.text);
    };
    const stop = new AbortController();
    const running = recorder.run(stop.signal);
    for (let frame = 1; frame <= 10; frame++) log.append(entered(frame));
    feed();
    await until(() => recorder.waiting === 0, 'the first are stored');
    isAway = true;
    for (let frame = 11; frame <= 20_000; frame++) log.append(entered(frame));
    feed();
    assert.ok(recorder.waiting < 10_000, `${recorder.waiting} wait`);
    assert.equal(recorder.counters.lettingGo, 1);
    isAway = false;
    const count = async (): Promise<number> => (await real.read('countEvents', { types: null, cameras: null, models: null, classes: null, zones: null, rules: null, startUs: 0, endUs: 1e16 })).counts.reduce((sum, { events }) => sum + events, 0);
    await until(async () => await count() >= 20_000, 'all are stored', 60_000);
    assert.deepEqual([await count(), resumed > 0], [20_000, true]);
    stop.abort();
    await running;
  });
});

describe('GET /api/v1/events', () => {
  it('answers as its schema says, by every filter, and refuses what it does not know', async () => {
    await using place = await startPlace();
    await using core = await startCore(place.directory);
    core.log.append(entered(1));
    core.log.append(entered(2, { camera_id: 'back', zone: 'gate', track: track(2, { class_name: 'dog', confidence: 0.5 }) }));
    core.log.append({ type: 'line.crossed', camera_id: 'front', model_id: 'pose', frame_id: 3, captured_at: NOON + 3600, recording_at: NOON, line: 'door', direction: 'in', track: track(3) });
    core.log.append({ type: 'model.up', model_id: 'detector', reason: null });
    await until(async () => (await get<EventPage>(place.url, 'events')).events.length === 4, 'all are stored');
    const page = await get<EventPage>(place.url, 'events');
    assert.deepEqual(validator(EventPage).violations(page), []);
    assert.deepEqual(page.events.map(({ type, camera_id, class_name, zones, score }) => [type, camera_id, class_name, zones, score]), [
      ['model.up', null, null, [], null], ['line.crossed', 'front', 'person', ['door'], 0.9], ['zone.entered', 'back', 'dog', ['gate'], 0.5], ['zone.entered', 'front', 'person', ['yard'], 0.9],
    ]);
    for (const [query, expected] of [
      ['camera=front', [3, 1]], ['camera=front&camera=back', [3, 2, 1]], ['model=pose', [3]], ['class=dog', [2]], ['type=line.crossed', [3]], ['zone=gate', [2]], ['zone=door', [3]],
      ['min_score=0.6', [3, 1]], [`start=${NOON + 2}&end=${NOON + 3600}`, [2]], ['camera=nowhere', []],
    ] as const) assert.deepEqual(await frames(place.url, `&${query}`), expected, query);
    assert.deepEqual(await get(place.url, `events/${page.events[0]!.event_id}`), page.events[0]);
    const counts = await get<EventCounts>(place.url, `events/counts?start=${NOON}&end=${NOON + 7200}&by=camera`);
    assert.deepEqual(counts.counts.toSorted((a, b) => a.hour - b.hour || String(a.value).localeCompare(String(b.value))), [
      { hour: NOON, value: 'back', events: 1 }, { hour: NOON, value: 'front', events: 1 }, { hour: NOON + 3600, value: 'front', events: 1 },
    ]);
    for (const bad of ['camera=../x', 'limit=501', 'limit=0', 'min_score=2', 'cursor=nonsense', 'start=5&end=5', 'colour=red', 'events/counts', `events/counts?start=0&end=${NOON}`, 'events/0', 'tracks?cursor=e30']) {
      const response = await fetch(`${place.url}/api/v1/${bad.includes('/') && !bad.includes('=..') || bad.startsWith('tracks') ? bad : `events?${bad}`}`);
      assert.deepEqual([bad, response.status, (await response.json() as ErrorBody).error_code], [bad, 400, 'bad_request']);
    }
    assert.equal((await fetch(`${place.url}/api/v1/events/4000`)).status, 404);
  });

  it('tell whether the recording of their moment is there, and where nobody can look, that', async () => {
    await using place = await startPlace();
    await using core = await startCore(place.directory);
    for (const frame of [1, 2, 3]) core.log.append(entered(frame));
    core.log.append({ type: 'track.ended', camera_id: 'front', model_id: 'detector', frame_id: 4, captured_at: NOON + 4, track: track(1), reason: 'gone' });
    core.log.append({ type: 'model.up', model_id: 'detector', reason: null });
    await until(async () => (await get<EventPage>(place.url, 'events')).events.length === 5, 'all are stored');
    const recorded = async (query = ''): Promise<unknown[]> => (await get<EventPage>(place.url, `events${query}`)).events.toSorted((one, other) => one.event_id - other.event_id).map((event) => event.recorded);
    // The kernel is away: it is not known. What belongs to no camera has none.
    assert.deepEqual(await recorded(), ['unknown', 'unknown', 'unknown', 'unknown', null]);
    let asked = 0;
    const look = (_id: string, at: number): RecordedAt => {
      asked++;
      return at === NOON + 3 ? 'unknown' : at < NOON + 3;
    };
    await using _kernel = await startKernel(place.directory, () => [camera('front')], undefined, undefined, look);
    assert.deepEqual([await recorded(), asked], [[true, true, 'unknown', false, null], 4]);
    assert.deepEqual(await recorded('?after=1&limit=2'), [true, 'unknown']);
    const [first] = (await get<EventPage>(place.url, `events?type=zone.entered&limit=1`)).events;
    assert.equal((await get<StoredEvent>(place.url, `events/${first!.event_id}`)).recorded, 'unknown');
    const ask = async (body: unknown): Promise<unknown> => (await fetch(`${place.url}/api/v1/recorded`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();
    assert.deepEqual(await ask({ cameras: { front: [NOON, NOON + 9], back: [NOON + 3] } }), { cameras: { front: [true, false], back: ['unknown'] } });
    for (const bad of [{}, { cameras: { '../x': [1] } }, { cameras: { front: [] } }, { cameras: { front: ['now'] } }, { cameras: { front: Array(400).fill(1), back: Array(101).fill(1) } }]) assert.equal((await ask(bad) as ErrorBody).error_code, 'bad_request', JSON.stringify(bad).slice(0, 50));
  });

  it('knows tracks from their start to their end', async () => {
    await using place = await startPlace();
    await using core = await startCore(place.directory);
    const event = (type: 'track.started' | 'track.updated' | 'track.ended', id: number, over: object = {}) => core.log.append({ type, camera_id: 'front', model_id: 'detector', frame_id: 1, captured_at: NOON, track: track(id), ...over });
    event('track.started', 1);
    event('track.updated', 1, { track: track(1, { last_seen: NOON + 5 }) });
    event('track.ended', 1, { track: track(1, { last_seen: NOON + 9 }), reason: 'gone', trajectory: [[NOON, 0, 0], [NOON + 9, 1, 1]] });
    event('track.started', 2, { track: track(2, { first_seen: NOON + 1 }) });
    await until(async () => (await get<TrackPage>(place.url, 'tracks')).tracks.length === 2, 'both are stored');
    const { tracks } = await get<TrackPage>(place.url, 'tracks');
    assert.deepEqual(tracks.map(({ track_id, last_seen, end_reason }) => [track_id, last_seen, end_reason]), [[2, NOON + 1, null], [1, NOON + 9, 'gone']]);
    assert.equal(tracks[1]!.event.trajectory?.length, 2);
    const first = await get<TrackPage>(place.url, 'tracks?limit=1');
    assert.deepEqual((await get<TrackPage>(place.url, `tracks?limit=1&cursor=${first.next_cursor}`)).tracks.map(({ track_id }) => track_id), [1]);
    // An update alone is no event of its own.
    assert.deepEqual((await get<EventPage>(place.url, 'events?camera=front')).events.map(({ type }) => type).toSorted(), ['track.ended', 'track.started', 'track.started']);
  });
});

describe('old events', () => {
  it('go with the recordings they belong to: by hour and camera, and never where the kernel cannot be asked', async () => {
    await using place = await startPlace();
    await using store = await openStore({ kind: 'sqlite', file: join(place.directory, 'other.sqlite') });
    await using kernel = new Upstream('kernel', kernelSocketPath(place.directory));
    const hourUs = 3600e6;
    const now = Math.floor(NOON / 3600);
    const cameras = ['recorded', 'unrecorded', 'gone', ''];
    const rows = cameras.flatMap((name, which) => Array.from({ length: 100 }, (_, index) => ({
      sourceId: which * 100 + index, atUs: (now - index) * hourUs, score: null, body: '{}', series: { type: 'x', camera: name, model: '', class_name: '', zones: '', rule: '' },
    })));
    await store.write('append', { source: 'core', after: { epoch: 0, lastId: -1 }, position: { epoch: 0, lastId: 1 }, events: rows, tracks: [] });
    const keeper = new EventKeeper({ store, kernel, logger, maxAgeDays: 2, utcMs: () => NOON * 1000 });
    const left = async (): Promise<number[]> => Promise.all(cameras.map(async (name) => (await store.read('hoursOf', name, 0, now + 1)).length));
    const { signal } = new AbortController();
    await assert.rejects(keeper.runOnce(signal), { code: 'unreachable' });
    assert.deepEqual(await left(), [100, 100, 100, 100]);
    // Kept is the hour 80 hours ago; else the last ten hours are recorded.
    const hour = (ago: number): number => (now - ago) * 3600;
    const timeline: Timeline = { camera_id: 'recorded', start: 0, end: 1, gaps: [], oldest: hour(80), newest: hour(0), spans: [{ start: hour(80), end: hour(79), kept: true, bytes: 1 }, { start: hour(10), end: hour(0), kept: false, bytes: 1 }] };
    await using _kernel = await startKernel(place.directory, () => [camera('recorded'), camera('unrecorded')], undefined, (id) => (id === 'recorded' ? timeline : 'recording_off'));
    await keeper.runOnce(signal);
    // Two days, and the kept hour; what belongs to no recording, two days.
    assert.deepEqual(await left(), [50, 49, 49, 49]);
    assert.deepEqual((await store.read('hoursOf', 'recorded', 0, now - 48)).length, 1);
    // Where they outlive recordings, only their age counts; what is recorded stays all the same.
    const patient = new EventKeeper({ store, kernel, logger, maxAgeDays: 1, byAgeAlone: true, utcMs: () => NOON * 1000 });
    await patient.runOnce(signal);
    assert.deepEqual(await left(), [26, 25, 25, 25]);
  });
});
