// Who may do what: every role, every camera, every route, over HTTP, WebSockets, WHEP, HLS and files. What is allowed is written down here
// once more, by hand, so that a slip in the server's own table is found.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Verification, ZoneEnteredEvent } from '@ruth/protocol';
import { guardRoutes, ROUTE_TABLE } from '@ruth/server/parts';
import { fastify } from 'fastify';
import { admin, CAMERAS, cookieOf, startAccessPlace, type AccessPlace, type Asked, type Headers } from './access-place.ts';
import { addPeople, ALL_ROUTES, walk, type Person } from './route-people.ts';
import { everyone, until } from './stand-ins.ts';

describe('every route', () => {
  let at: AccessPlace;
  let people: ReadonlyMap<string, Person>;
  before(async () => {
    at = await startAccessPlace();
    people = await addPeople(at);
    for (const [index, id] of CAMERAS.entries()) {
      const event: ZoneEnteredEvent = {
        id: 20 * index + 1, version: 1, at: Date.now() / 1000, type: 'zone.entered', camera_id: id, model_id: 'detector', frame_id: 1, captured_at: 1_700_000_000 + index, recording_at: 1, zone: `zone-of-${id}`,
        track: { id: 1, class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0, 0, 1, 1], first_seen: 1, last_seen: 1 },
      };
      await until(() => at.core.connections.length > 0, 'core is followed');
      at.core.publish(event);
      at.core.publish({ ...event, id: 20 * index + 11, type: 'track.started', reason: 'gone' } as never);
    }
    await until(async () => (await at.ask('GET', '/api/v1/events', admin)).text.split('zone-of-').length > 2 + 2, 'all events are stored');
  });
  after(() => at[Symbol.asyncDispose]());

  it('is in the table of routes, and in this test', () => {
    assert.deepEqual(Object.keys(ROUTE_TABLE).toSorted(), ALL_ROUTES.toSorted());
    const rogue = fastify();
    guardRoutes(rogue, { identify: async () => everyone, audit: null as never, exportOf: null as never });
    assert.throws(() => rogue.get('/api/v1/cameras/:id/secret', () => 'x'), /GET \/api\/v1\/cameras\/:id\/secret is not in route-table/);
  });

  it('lets through whom it may, for the cameras that they may see, and nobody else', async () => {
    const { wrong, looked } = await walk(at, people);
    assert.deepEqual(wrong, []);
    assert.ok(looked > 500, `${looked} combinations`);
  });

  it('shows nothing of a camera that may not be seen in what it lists', async () => {
    const wrong: string[] = [];
    const headers = (await at.signIn('yardviewer', 'correct horse battery'));
    const yard = { cookie: headers.headers.getSetCookie()[0]!.split(';')[0]! };
    for (const path of ['cameras', 'subscriptions', 'events', 'events?camera=vault', 'events?camera=vault&camera=yard', `events/counts?start=${1_699_999_000}&end=${1_700_009_000}&by=camera`, 'tracks', 'tracks?camera=vault', 'tokens']) {
      const { status, text } = await at.ask('GET', `/api/v1/${path}`, yard);
      if (status !== 200 || text.includes('vault')) wrong.push(`${path}: ${status} ${text.slice(0, 200)}`);
      if (/^(cameras|subscriptions|events|tracks)$/.test(path) && !text.includes('yard')) wrong.push(`${path} lacks the yard`);
    }
    // One event by its id: as if it were not there.
    const all = JSON.parse((await at.ask('GET', '/api/v1/events', admin)).text) as { events: { event_id: number; camera_id: string; type: string }[] };
    for (const { event_id, camera_id } of all.events) assert.equal((await at.ask('GET', `/api/v1/events/${event_id}`, yard)).status, camera_id === 'vault' ? 404 : 200);
    // What somebody marks as seen is theirs alone, and no way to learn of what they may not see.
    const own = { ...yard, origin: at.url };
    const [ofYard, ofVault] = ['yard', 'vault'].map((id) => all.events.find(({ camera_id, type }) => camera_id === id && type === 'zone.entered')!.event_id);
    assert.deepEqual([(await at.ask('PUT', `/api/v1/events/${ofYard}/seen`, own)).status, (await at.ask('PUT', `/api/v1/events/${ofVault}/seen`, own)).status], [204, 404]);
    assert.equal((await at.ask('POST', '/api/v1/events/seen', own, { event_ids: [ofYard, ofVault] })).status, 204);
    const seenBy = async (headers: Headers, query = ''): Promise<(boolean | null)[]> => (JSON.parse((await at.ask('GET', `/api/v1/events?type=zone.entered${query}`, headers)).text) as { events: { seen: boolean | null }[] }).events.map(({ seen }) => seen);
    assert.deepEqual([await seenBy(own), await seenBy(own, '&unseen=true'), await seenBy(admin)], [[true], [], [null, null]]);
    // Recordings are looked into for whoever may see the cameras, and what comes of it is told to nobody else.
    const operator = cookieOf(await at.signIn('yardoperator', 'correct horse battery'), at.url);
    const idsOf = async (headers: Headers): Promise<string[]> => (JSON.parse((await at.ask('GET', '/api/v1/verifications', headers)).text) as Verification[]).map(({ verification_id: id }) => id);
    assert.deepEqual([await idsOf(operator), await idsOf(admin)], [['yard'], ['yard', 'vault', 'all']]);
    const statusOf = async (method: string, id: string): Promise<number> => (await at.ask(method, `/api/v1/verifications/${id}`, operator)).status;
    assert.deepEqual([await statusOf('GET', 'yard'), await statusOf('GET', 'vault'), await statusOf('DELETE', 'vault'), await statusOf('GET', 'all')], [200, 404, 404, 404]);
    const begin = (headers: Headers, body: object): Promise<Asked> => at.ask('POST', '/api/v1/verifications', headers, body);
    assert.equal((await begin(operator, { cameras: ['yard', 'vault'] })).status, 403);
    assert.deepEqual((JSON.parse((await begin(operator, {})).text) as Verification).cameras, ['yard']);
    assert.equal((JSON.parse((await begin(admin, {})).text) as Verification).cameras, null);
    const { socket } = await at.upgrade('/api/v1/live', yard);
    const heard: string[] = [];
    socket.on('message', (data: Buffer) => heard.push(data.toString()));
    await until(() => at.place.server.hub.clientCount > 0, 'the socket listens');
    for (const [index, id] of ['vault', 'yard'].entries()) at.core.publish({ id: 100 + index, version: 1, at: Date.now() / 1000, type: 'camera.up', camera_id: id, reason: null });
    await until(() => heard.length > 0, 'something is heard');
    assert.deepEqual(heard.map((text) => (JSON.parse(text) as { camera_id: string }).camera_id), ['yard']);
    socket.terminate();
    assert.deepEqual(wrong, []);
  });
});
