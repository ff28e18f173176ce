// The store over both real databases, by the same tests: events are there exactly once, and are found whatever is asked.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openStore, type EventBatch, type EventRow, type EventSearch, type SeriesKey, type Store, type StoreAddress } from '@ruth/server/store';
import { until } from './stand-ins.ts';
import { postgresPrograms, startPostgres, type RunningPostgres } from './postgres.ts';

const T0_US = Date.UTC(2026, 0, 5, 8, 0) * 1000;
const MINUTE_US = 60e6;
const HOUR_US = 3600e6;
const series = (over: Partial<SeriesKey> = {}): SeriesKey => ({ type: 'zone.entered', camera: 'front', model: 'detector', class_name: 'person', zones: 'yard', rule: '', ...over });
const row = (sourceId: number, atUs: number, over: Partial<SeriesKey> = {}, score: number | null = 0.9): EventRow => ({ sourceId, atUs, score, series: series(over), body: JSON.stringify({ id: sourceId }) });
const ALL: EventSearch = { types: null, cameras: null, models: null, classes: null, zones: null, rules: null, minScore: null, startUs: 0, endUs: Number.MAX_SAFE_INTEGER, cursor: null, limit: 100 };
const batch = (fromId: number, events: readonly EventRow[], over: Partial<EventBatch> = {}): EventBatch => ({
  source: 'core', after: { epoch: 0, lastId: fromId }, position: { epoch: 0, lastId: events.at(-1)?.sourceId ?? fromId }, events, tracks: [], ...over,
});
const idsOf = async (store: Store, over: Partial<EventSearch>): Promise<number[]> => (await store.read('searchEvents', { ...ALL, ...over })).events.map(({ body }) => (JSON.parse(body) as { id: number }).id);

const databases: { name: string; skip: string | false; open(): Promise<StoreAddress>; close(): Promise<void> }[] = [];
{
  let directory: string;
  databases.push({
    name: 'SQLite', skip: false,
    open: async () => ({ kind: 'sqlite', file: join(directory = mkdtempSync(join(tmpdir(), 'ruth-store-')), 'ruth.sqlite') }),
    close: async () => rmSync(directory, { recursive: true, force: true }),
  });
  const programs = postgresPrograms();
  let postgres: RunningPostgres;
  databases.push({
    name: 'PostgreSQL', skip: programs === null && 'PostgreSQL is not installed (apt-get install postgresql)',
    open: async () => ({ kind: 'postgres', url: (postgres = await startPostgres(programs!)).url }),
    close: async () => postgres[Symbol.asyncDispose](),
  });
}

for (const database of databases) {
  describe(`the store in ${database.name}`, { skip: database.skip }, () => {
    let address: StoreAddress;
    let store: Store;
    before(async () => {
      address = await database.open();
      store = await openStore(address);
    });
    after(async () => {
      await store[Symbol.asyncDispose]();
      await database.close();
    });

    it('holds events once, whatever the writer tries again, and says where it is', async () => {
      assert.deepEqual(await store.read('positionOf', 'core'), { epoch: 0, lastId: -1 });
      const first = batch(-1, [row(1, T0_US), row(2, T0_US + MINUTE_US)]);
      await store.write('append', first);
      await assert.rejects(store.write('append', first), { code: 'conflict' });
      assert.deepEqual(await idsOf(store, {}), [2, 1]);
      assert.deepEqual(await store.read('positionOf', 'core'), { epoch: 0, lastId: 2 });
      assert.deepEqual(await store.read('positionOf', 'kernel'), { epoch: 0, lastId: -1 });
    });

    it('writes a batch whole or not at all', async () => {
      const bad = { ...row(4, T0_US), body: null as unknown as string };
      await assert.rejects(store.write('append', batch(2, [row(3, T0_US, { class_name: 'never' }), bad])), { code: 'store_unavailable' });
      assert.deepEqual(await idsOf(store, {}), [2, 1]);
      // Also the series that came with it: its number must not be remembered.
      await store.write('append', batch(2, [row(3, T0_US + 2 * MINUTE_US, { class_name: 'never' })]));
      assert.deepEqual(await idsOf(store, { classes: ['never'] }), [3]);
    });

    it('finds by camera, model, class, type, zone, rule, score and time, newest first', async () => {
      const day = T0_US + 24 * HOUR_US;
      await store.write('append', batch(3, [
        row(10, day, { camera: 'back' }), row(11, day + 1, { model: 'pose' }), row(12, day + 2, { class_name: 'dog' }), row(13, day + 3, { type: 'fall' }), row(14, day + 4, { zones: 'gate,yard' }),
        row(15, day + 5, { rule: 'night', type: 'alert.raised' }), row(16, day + 6, {}, 0.4), row(17, day + 7, { camera: '', model: '', class_name: '', zones: '', type: 'recording.storage' }, null),
      ]));
      const within = { startUs: day, endUs: day + HOUR_US };
      assert.deepEqual(await idsOf(store, within), [17, 16, 15, 14, 13, 12, 11, 10]);
      assert.deepEqual(await idsOf(store, { ...within, cameras: ['back'] }), [10]);
      assert.deepEqual(await idsOf(store, { ...within, models: ['pose'] }), [11]);
      assert.deepEqual(await idsOf(store, { ...within, classes: ['dog', 'person'], types: ['zone.entered'], minScore: 0.5 }), [14, 12, 11, 10]);
      assert.deepEqual(await idsOf(store, { ...within, types: ['fall'] }), [13]);
      assert.deepEqual(await idsOf(store, { ...within, zones: ['gate'] }), [14]);
      assert.deepEqual(await idsOf(store, { ...within, rules: ['night'] }), [15]);
      assert.deepEqual(await idsOf(store, { ...within, minScore: 0.9 }), [15, 14, 13, 12, 11, 10]);
      assert.deepEqual(await idsOf(store, { cameras: ['back'], startUs: day + 1 }), []);
      assert.deepEqual(await idsOf(store, { cameras: ['back'], endUs: day }), []);
      assert.deepEqual(await idsOf(store, { cameras: [] }), []);
      assert.deepEqual(await idsOf(store, { cameras: ['nowhere'] }), []);
    });

    it('turns pages that events stored meanwhile do not shift, also of events at one instant', async () => {
      const at = T0_US + 48 * HOUR_US;
      const two = { startUs: at, endUs: at + 100 * HOUR_US };
      // Spread over hours that are far apart, three at each instant.
      const events = Array.from({ length: 60 }, (_, index) => row(100 + index, at + Math.floor(index / 3) * 5 * HOUR_US));
      await store.write('append', batch(17, events));
      for (const filter of [{}, { cameras: ['front'] }, { minScore: 0.5 }]) {
        const seen: number[] = [];
        let cursor: EventSearch['cursor'] = null;
        do {
          const page: Awaited<ReturnType<typeof store.read<'searchEvents'>>> = await store.read('searchEvents', { ...ALL, ...two, ...filter, cursor, limit: 7 });
          seen.push(...page.events.map(({ body }) => (JSON.parse(body) as { id: number }).id));
          cursor = page.next;
          if (seen.length === 7) {
            const { lastId } = await store.read('positionOf', 'core');
            await store.write('append', batch(lastId, [row(lastId + 1000, at + 99 * HOUR_US)]));
          }
        } while (cursor);
        const newer = seen.filter((id) => id >= 1000).length;
        const added = Object.keys(filter).length === 0 ? 0 : seen.length - 60;
        assert.equal(newer, added);
        assert.deepEqual(seen.filter((id) => id < 1000), events.map(({ sourceId }) => sourceId).toReversed());
      }
    });

    it('counts by hour', async () => {
      const { counts, series: kinds } = await store.read('countEvents', { ...ALL, startUs: T0_US, endUs: T0_US + 2 * HOUR_US });
      assert.deepEqual(kinds.map(({ class_name }) => class_name).toSorted(), ['never', 'person']);
      assert.deepEqual(counts.map(({ hour, events }) => [hour * HOUR_US, events]).toSorted(), [[T0_US, 1], [T0_US, 2]]);
      assert.deepEqual((await store.read('countEvents', { ...ALL, classes: ['never'], startUs: T0_US, endUs: T0_US + HOUR_US })).counts.map(({ events }) => events), [1]);
    });

    it('keeps one row for a track, which its last event fills', async () => {
      const track = { camera: 'front', model: 'detector', track_id: 7, first_us: T0_US, last_us: T0_US + 1e6, class_name: 'person', score: 0.5, body: '{"n":1}', end_reason: null };
      const { lastId } = await store.read('positionOf', 'core');
      await store.write('append', batch(lastId, [], { tracks: [track, { ...track, last_us: T0_US + 2e6, body: '{"n":2}' }] }));
      await store.write('append', batch(lastId, [], { tracks: [{ ...track, last_us: T0_US + 9e6, body: '{"n":3}', end_reason: 'gone' }, { ...track, track_id: 8, camera: 'back' }] }));
      const search = { ...ALL, cursor: null, limit: 1 };
      const first = await store.read('searchTracks', { ...search });
      assert.deepEqual(first.tracks.map(({ camera, end_reason, body }) => [camera, end_reason, body]), [['front', 'gone', '{"n":3}']]);
      const second = await store.read('searchTracks', { ...search, cursor: first.next });
      assert.deepEqual([second.tracks.map(({ camera }) => camera), second.next], [['back'], null]);
      assert.deepEqual((await store.read('searchTracks', { ...search, cameras: ['back'] })).tracks.map(({ track_id }) => track_id), [8]);
    });

    it('tells what stands of what was told since an instant: tracks that live, with what zones said of them, and the newest of each state', async () => {
      const sinceUs = T0_US + 500 * HOUR_US;
      const { lastId } = await store.read('positionOf', 'core');
      const track = (id: number, firstUs: number, end: string | null, camera = 'gate') => ({ camera, model: 'detector', track_id: id, first_us: firstUs, last_us: firstUs, class_name: 'person', score: 0.5, body: JSON.stringify({ of: `track ${id}` }), end_reason: end });
      const event = (sourceId: number, type: string, atUs: number, body: object, camera = 'gate') => ({ sourceId, atUs, score: null, body: JSON.stringify(body), series: { type, camera, model: 'detector', class_name: '', zones: 'yard', rule: '' } });
      const ofTrack = (id: number) => ({ camera_id: 'gate', model_id: 'detector', track: { id }, of: `zone ${id}` });
      await store.write('append', batch(lastId, [
        event(lastId + 1, 'occupancy', sinceUs - 1, { of: 'before' }), event(lastId + 2, 'zone.entered', sinceUs + 1, ofTrack(1)), event(lastId + 3, 'zone.entered', sinceUs + 2, ofTrack(2)), event(lastId + 4, 'occupancy', sinceUs + 3, { of: 'older' }),
        event(lastId + 5, 'occupancy', sinceUs + 4, { of: 'newest' }), event(lastId + 6, 'alert.raised', sinceUs + 5, { of: 'alert' }), event(lastId + 7, 'occupancy', sinceUs + 6, { of: 'elsewhere' }, 'shore'),
      ], { tracks: [track(1, sinceUs, null), track(2, sinceUs, 'gone'), track(3, sinceUs - 1, null), track(4, sinceUs, null, 'shore')] }));
      const told = async (cameras: string[], fromUs: number): Promise<string[]> => (await store.read('standingEvents', cameras, fromUs)).map((body) => (JSON.parse(body) as { of: string }).of);
      assert.deepEqual(await told(['gate'], sinceUs), ['zone 1', 'newest', 'alert', 'track 1']);
      assert.deepEqual([await told([], sinceUs), await told(['gate'], sinceUs + HOUR_US), await told(['nowhere'], sinceUs)], [[], [], []]);
    });

    it('forgets an hour of one camera, in pieces, and nothing else', async () => {
      const at = T0_US + 1000 * HOUR_US;
      let { lastId } = await store.read('positionOf', 'core');
      const many = Array.from({ length: 2500 }, (_, index) => row(lastId + 1 + index, at + index * 1000, { camera: index < 2400 ? 'busy' : 'calm' }));
      await store.write('append', batch(lastId, many));
      lastId += many.length;
      assert.deepEqual((await store.read('oldestHours')).find(({ camera }) => camera === 'busy'), { camera: 'busy', hour: at / HOUR_US });
      assert.deepEqual(await store.write('forgetHour', 'busy', at / HOUR_US), { events: 2000, tracks: 0, isDone: false });
      assert.deepEqual(await store.write('forgetHour', 'busy', at / HOUR_US), { events: 400, tracks: 0, isDone: true });
      assert.deepEqual(await store.read('hoursOf', 'busy', 0, 1e6), []);
      assert.deepEqual(await store.read('hoursOf', 'calm', 0, 1e6), [at / HOUR_US]);
      assert.equal((await idsOf(store, { cameras: ['calm'] })).length, 100);
    });

    it('knows what somebody has seen, one by one and up to an instant, and finds the rest', async () => {
      const user = { name: `viewer`, password: '', is_one_time: 0, role: 'viewer', cameras: null, active: 1, created_us: 1 };
      await store.write('addUser', user);
      const { id } = (await store.read('user', 'viewer'))!;
      const WHOLE = { ...ALL, limit: 5000 };
      const all = (await store.read('searchEvents', WHOLE)).events;
      assert.ok(all.length > 3);
      const [newest, second] = all;
      await store.write('markSeen', id, [newest!.id, newest!.id, 999_999]);
      await store.write('markSeen', id, [newest!.id]);
      for (const filter of [{}, { cameras: all.map(({ series: { camera } }) => camera) }]) {
        const unseen = (await store.read('searchEvents', { ...WHOLE, ...filter, unseenBy: id })).events;
        assert.deepEqual(unseen.map((event) => event.id), all.slice(1).map((event) => event.id));
      }
      await store.write('markSeenBefore', id, second!.atUs);
      await store.write('markSeenBefore', id, 1);
      const { beforeUs, ids } = await store.read('seenAmong', id, all.map((event) => event.id));
      assert.deepEqual([beforeUs, [...ids]], [second!.atUs, [newest!.id]]);
      await store.write('unmarkSeen', id, newest!.id);
      const left = (await store.read('searchEvents', { ...WHOLE, unseenBy: id })).events;
      assert.deepEqual(left.map((event) => event.id), all.filter(({ atUs }) => atUs >= second!.atUs).map((event) => event.id));
      // Marks go with their event and their person.
      await store.write('markSeen', id, [newest!.id]);
      await store.write('removeUser', 'viewer');
      assert.equal((await store.read('searchEvents', { ...WHOLE, unseenBy: id })).events.length, all.length);
    });

    it('knows how far each target of notifications came, which begins with what comes, and keeps what could not be delivered', async () => {
      const all = (await store.read('eventsAfter', 0, 5000)).map(({ id }) => id);
      assert.deepEqual(all, all.toSorted((a, b) => a - b));
      const newest = all.at(-1)!;
      assert.equal(await store.write('courierPosition', 'webhook crm'), newest);
      assert.deepEqual(await store.read('eventsAfter', newest, 10), []);
      assert.deepEqual((await store.read('eventsAfter', all.at(-3)!, 1)).map(({ id }) => id), [all.at(-2)]);
      // The position moves with the letter, and never back.
      await store.write('buryEvent', { target: 'webhook crm', event_id: newest + 1, at_us: T0_US, attempts: 8, error: 'it answered 500' });
      await store.write('moveCourier', 'webhook crm', newest);
      assert.equal(await store.write('courierPosition', 'webhook crm'), newest + 1);
      const [letter, ...more] = await store.read('deadLetters', 10);
      assert.deepEqual([letter!.event_id, letter!.at_us, letter!.error, more], [newest + 1, T0_US, 'it answered 500', []]);
      assert.deepEqual(await store.read('deadLetter', letter!.id), letter);
      assert.deepEqual([await store.write('removeDeadLetter', letter!.id), await store.write('removeDeadLetter', letter!.id)], [true, false]);
      await store.write('keepCouriers', ['webhook crm']);
      assert.equal(await store.write('courierPosition', 'webhook crm'), newest + 1);
      await store.write('keepCouriers', ['another']);
      assert.equal(await store.write('courierPosition', 'webhook crm'), newest, 'one that was not named for a while begins anew');
    });

    // One process alone writes a file.
    if (database.name === 'PostgreSQL') it('keeps the events of several nodes apart where they share it, and gives each its own to bring', async () => {
      const of = (node: string): Promise<Store> => openStore({ ...address as StoreAddress & { kind: 'postgres' }, node });
      await using north = await of('north');
      await using south = await of('south');
      const turns = (node: Store, address: string, forS = 60, leaving: string[] = []) => node.write('takeCourierTurns', { targets: [{ name: 'mail', address, hears: '[{}]', topics: '{"topic_prefix":"x"}' }], timeZone: 'UTC', forS, leaving });
      for (const node of [north, south]) assert.deepEqual(await turns(node, 'a'), { own: ['mail'], others: [], unbrought: [] });
      const positions = [await north.read('courierPosition', 'mail'), await south.write('courierPosition', 'mail')];
      // The same ids at the same time, as two cores give them.
      for (let round = 0; round < 5; round++) {
        await Promise.all([north, south].map((node) => node.write('append', batch(round - 1, [row(round, T0_US + round * MINUTE_US, { camera: `of ${round} of ${node === north ? 'north' : 'south'}` })]))));
      }
      assert.equal((await idsOf(store, { cameras: [0, 1, 2, 3, 4].flatMap((round) => ['north', 'south'].map((node) => `of ${round} of ${node}`)) })).length, 10);
      for (const [index, node] of [north, south].entries()) {
        const { events: own } = await node.read('eventsOfNode', null, positions[index]!, 50);
        assert.deepEqual(own.map((event) => [event.node, event.source, event.series.camera]), [0, 1, 2, 3, 4].map((round) => [['north', 'south'][index], 'core', `of ${round} of ${['north', 'south'][index]}`]));
        assert.deepEqual(await node.read('positionOf', 'core'), { epoch: 0, lastId: 4 });
        assert.equal((await node.write('newestEvents', 'core', 3)).length, 3);
      }
      await north.write('moveCourier', 'mail', positions[0]! + 100);
      assert.equal(await south.write('courierPosition', 'mail'), positions[1], 'what one has brought is not brought for the other');
      assert.equal((await north.read('eventsAfter', positions[0]!, 50)).length, 10, 'all are read by all');

      await north.write('keepCouriers', ['mail']);
      assert.deepEqual([await north.write('courierPosition', 'mail'), await south.write('courierPosition', 'mail')], [positions[0]! + 100, positions[1]], 'what a node does not name any more is of no other one');

      // South's server is away: north stands in where it has the same target, and nobody else moves how far it came.
      await turns(south, 'a', 0);
      await assert.rejects(north.write('moveCourier', 'mail', 1, 'south'), { code: 'conflict' });
      assert.deepEqual((await turns(north, 'another')).others, [], 'a target of the same name that leads elsewhere is another one');
      assert.deepEqual((await turns(north, 'a')).others, [{ node: 'south', name: 'mail', hears: '[{}]', timeZone: 'UTC', topics: '{"topic_prefix":"x"}' }]);
      await north.write('moveCourier', 'mail', positions[1]! + 50, 'south');
      await assert.rejects(south.write('moveCourier', 'mail', positions[1]! + 60), { code: 'conflict' });
      // It is back: north keeps the turn until what it was delivering is noted.
      assert.deepEqual([(await turns(south, 'a')).own, (await turns(north, 'a', 60, ['south/mail'])).others.length, (await turns(north, 'a')).others.length, (await turns(south, 'a')).own], [[], 1, 0, []]);
      await north.write('leaveCourierTurns', ['south/mail']);
      assert.deepEqual([(await turns(south, 'a')).own, await south.write('courierPosition', 'mail')], [['mail'], positions[1]! + 50]);
    });

    it('goes on where it was when it is opened again', async () => {
      const before = [await store.read('positionOf', 'core'), await idsOf(store, {})];
      await store[Symbol.asyncDispose]();
      await assert.rejects(store.read('positionOf', 'core'), { code: 'shutting_down' });
      store = await openStore(address);
      assert.deepEqual([await store.read('positionOf', 'core'), await idsOf(store, {})], before);
    });
  });
}

describe('a store whose database is away', { skip: postgresPrograms() === null && 'PostgreSQL is not installed (apt-get install postgresql)' }, () => {
  it('says so, since when and which, until that is back, also where nobody asks anything else of it', async () => {
    await using postgres = await startPostgres(postgresPrograms()!);
    await using store = await openStore({ kind: 'postgres', url: postgres.url });
    assert.deepEqual(store.health(), { state: 'ok', message: null, since: null });
    await postgres.kill();
    await assert.rejects(store.read('searchEvents', ALL), { code: 'store_unavailable', message: /^the database postgres:\/\/\/postgres does not answer: / });
    const { state, message, since } = store.health();
    assert.deepEqual([state, message !== null && message.includes('does not answer')], ['failing', true]);
    await assert.rejects(store.write('positionOf', 'core'), { code: 'store_unavailable' });
    assert.equal(store.health().since, since, 'since the first call that failed');
    await postgres.start();
    await until(() => store.health().state === 'ok', 'it is seen to be back');
    assert.deepEqual(store.health(), { state: 'ok', message: null, since: null });
  });
});
