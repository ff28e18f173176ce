// Who may do what: every role, every camera, every route, over HTTP, WebSockets, WHEP, HLS and files. What is allowed is written down here
// once more, by hand, so that a slip in the server's own table is found.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { CreatedToken, Verification, ZoneEnteredEvent } from '@ruth/protocol';
import { guardRoutes, ROUTE_TABLE } from '@ruth/server/parts';
import { fastify } from 'fastify';
import { admin, CAMERAS, cookieOf, startAccessPlace, type AccessPlace, type Asked, type Headers } from './access-place.ts';
import { everyone, until } from './stand-ins.ts';

const SESSION = '00000000-0000-4000-8000-000000000000';
const OPEN = ['GET /', 'GET /sign-in', 'GET /favicon.svg', 'GET /assets/*', 'GET /api/v1/health', 'POST /api/v1/session', 'GET /api/v1/session/ways', 'GET /api/v1/session/oidc', 'GET /api/v1/session/oidc/callback'];
const ANYBODY_KNOWN = ['GET /api/v1/openapi.json', 'GET /api/v1/session', 'PUT /api/v1/session/password', 'DELETE /api/v1/session'];
const LOOK_AT_A_CAMERA = [
  'GET /api/v1/cameras/:id/scene', 'GET /api/v1/detections/latest', 'GET /api/v1/cameras/:id/live', 'GET /api/v1/cameras/:id/webrtc', 'POST /api/v1/cameras/:id/whep', 'OPTIONS /api/v1/cameras/:id/whep',
  'PATCH /api/v1/cameras/:id/whep/:session', 'DELETE /api/v1/cameras/:id/whep/:session', 'GET /api/v1/cameras/:id/timeline', 'GET /api/v1/cameras/:id/keyframes', 'GET /api/v1/cameras/:id/snapshot.jpg',
  'GET /api/v1/cameras/:id/hls/index.m3u8', 'GET /api/v1/cameras/:id/hls/:file/:name', 'GET /api/v1/cameras/:id/segments/:name', 'GET /api/v1/cameras/:id/settings',
];
const CHANGE_OF_A_CAMERA = [
  'PUT /api/v1/cameras/:id/kept', 'DELETE /api/v1/cameras/:id/kept', 'POST /api/v1/exports', 'POST /api/v1/clips', 'GET /api/v1/exports/:id', 'DELETE /api/v1/exports/:id', 'GET /api/v1/exports/:id/file',
  'PATCH /api/v1/cameras/:id/intent', 'POST /api/v1/cameras/:id/rules/test',
];
/** Of a camera, and for administrators. */
const ADMINISTER_A_CAMERA = ['PATCH /api/v1/cameras/:id', 'DELETE /api/v1/cameras/:id'];
const LOOK_AT_THE_NODE = [
  'GET /api/v1/cameras', 'GET /api/v1/camera-settings', 'GET /api/v1/models', 'GET /api/v1/models/installed', 'GET /api/v1/models/offered', 'GET /api/v1/models/:id/preview.jpg', 'GET /api/v1/subscriptions', 'GET /api/v1/storage', 'GET /api/v1/processes', 'GET /api/v1/latencies', 'GET /api/v1/system', 'GET /api/v1/live', 'GET /api/v1/events', 'GET /api/v1/events/counts', 'GET /api/v1/events/:id', 'PUT /api/v1/events/:id/seen', 'DELETE /api/v1/events/:id/seen', 'POST /api/v1/events/seen', 'GET /api/v1/tracks',
  'GET /api/v1/tokens', 'POST /api/v1/tokens', 'DELETE /api/v1/tokens/:id',
];
/** Of the cameras that may be seen. */
const OPERATE = ['GET /api/v1/verifications', 'POST /api/v1/verifications', 'GET /api/v1/verifications/:id', 'DELETE /api/v1/verifications/:id'];
const METRICS = ['GET /metrics'];
const ADMINISTER = ['GET /api/v1/users', 'POST /api/v1/users', 'PATCH /api/v1/users/:name', 'DELETE /api/v1/users/:name', 'GET /api/v1/audit', 'POST /api/v1/cameras', 'POST /api/v1/cameras/probe', 'POST /api/v1/cameras/discover',
  'POST /api/v1/models/:id/enable', 'POST /api/v1/models/:id/disable', 'POST /api/v1/models/:id/rollback', 'DELETE /api/v1/models/:id',
  'GET /api/v1/model-jobs', 'POST /api/v1/model-jobs', 'GET /api/v1/model-jobs/:id', 'DELETE /api/v1/model-jobs/:id', 'GET /api/v1/model-jobs/:id/picture.jpg', 'POST /api/v1/model-uploads', 'DELETE /api/v1/model-uploads/:id',
  'GET /api/v1/deliveries', 'GET /api/v1/dead-letters', 'POST /api/v1/dead-letters/:id/retry', 'DELETE /api/v1/dead-letters/:id'];
const WEBSOCKETS = ['GET /api/v1/live', 'GET /api/v1/cameras/:id/live', 'GET /api/v1/cameras/:id/webrtc'];

type Outcome = 'passed' | 'who?' | 'no';
interface Person { readonly headers: Headers; readonly may: readonly (readonly string[])[]; readonly cameras: readonly string[] }

describe('every route', () => {
  let at: AccessPlace;
  const people = new Map<string, Person>();
  before(async () => {
    at = await startAccessPlace();
    const token = async (owner: Headers, body: object): Promise<Headers> => {
      const made = await at.ask('POST', '/api/v1/tokens', owner, body);
      assert.equal(made.status, 201, made.text);
      return { authorization: `Bearer ${(JSON.parse(made.text) as CreatedToken).token}` };
    };
    const viewing = [ANYBODY_KNOWN, LOOK_AT_A_CAMERA, LOOK_AT_THE_NODE];
    const operating = [...viewing, CHANGE_OF_A_CAMERA, OPERATE, METRICS];
    people.set('nobody', { headers: {}, may: [], cameras: [] });
    people.set('viewer of the yard', { headers: await at.add({ name: 'yardviewer', role: 'viewer', cameras: ['yard'] }), may: viewing, cameras: ['yard'] });
    people.set('viewer of nothing', { headers: await at.add({ name: 'blind', role: 'viewer', cameras: [] }), may: viewing, cameras: [] });
    people.set('viewer', { headers: await at.add({ name: 'viewer', role: 'viewer' }), may: viewing, cameras: CAMERAS });
    people.set('operator of the yard', { headers: await at.add({ name: 'yardoperator', role: 'operator', cameras: ['yard'] }), may: operating, cameras: ['yard'] });
    const boss = await at.add({ name: 'boss', role: 'admin' });
    people.set('admin', { headers: boss, may: [...operating, ADMINISTER, ADMINISTER_A_CAMERA], cameras: CAMERAS });
    people.set('fixed token', { headers: admin, may: [...operating, ADMINISTER, ADMINISTER_A_CAMERA], cameras: CAMERAS });
    people.set('token to view the vault', { headers: await token(boss, { name: 'vault', scopes: ['view'], cameras: ['vault'] }), may: viewing, cameras: ['vault'] });
    people.set('token for metrics', { headers: await token(boss, { name: 'prometheus', scopes: ['metrics'] }), may: [ANYBODY_KNOWN, METRICS], cameras: CAMERAS });
    people.set('token of the yard for more', { headers: await token(people.get('operator of the yard')!.headers, { name: 'greedy', scopes: ['view', 'operate'], cameras: ['yard', 'vault'] }), may: [...viewing, CHANGE_OF_A_CAMERA, OPERATE], cameras: ['yard'] });
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
    assert.deepEqual(Object.keys(ROUTE_TABLE).toSorted(), [OPEN, ANYBODY_KNOWN, LOOK_AT_A_CAMERA, CHANGE_OF_A_CAMERA, LOOK_AT_THE_NODE, OPERATE, METRICS, ADMINISTER, ADMINISTER_A_CAMERA].flat().toSorted());
    const rogue = fastify();
    guardRoutes(rogue, { identify: async () => everyone, audit: null as never, kernel: null as never });
    assert.throws(() => rogue.get('/api/v1/cameras/:id/secret', () => 'x'), /GET \/api\/v1\/cameras\/:id\/secret is not in route-table/);
  });

  it('lets through whom it may, for the cameras that they may see, and nobody else', async () => {
    // What ends a session comes last.
    const routes = Object.keys(ROUTE_TABLE).toSorted((a, b) => Number(a === 'DELETE /api/v1/session') - Number(b === 'DELETE /api/v1/session'));
    const wrong: string[] = [];
    let looked = 0;
    for (const [who, person] of people) {
      for (const route of routes) {
        const isOfACamera = [...LOOK_AT_A_CAMERA, ...CHANGE_OF_A_CAMERA, ...ADMINISTER_A_CAMERA].includes(route);
        for (const id of isOfACamera ? CAMERAS : ['']) {
          const may = person.may.flat().includes(route) && (!isOfACamera || person.cameras.includes(id));
          const expected: Outcome = OPEN.includes(route) || may ? 'passed' : who === 'nobody' ? 'who?' : 'no';
          const outcome = await attempt(at, route, id, person.headers);
          looked++;
          if (outcome !== expected) wrong.push(`${who}: ${route} of ${id || '-'}: ${outcome}, and it should be ${expected}`);
        }
      }
    }
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

async function attempt(at: AccessPlace, route: string, id: string, headers: Headers): Promise<Outcome> {
  const [method, pattern] = route.split(' ') as [string, string];
  const path = pattern.replace(':session', SESSION).replace('/users/:name', '/users/nobody-like-this').replace('/events/:id', '/events/999').replace('/tokens/:id', '/tokens/999').replace('/dead-letters/:id', '/dead-letters/999').replace('/models/:id', '/models/none').replace('/model-jobs/:id', '/model-jobs/none').replace(':id', id)
    .replace(':file/:name', `${'a'.repeat(8)}.mp4/init.mp4`).replace(':name', '1.mp4').replace('*', 'a.js') + (pattern.endsWith('latest') ? `?camera=${id}` : '') + (pattern.endsWith('counts') ? '?start=0&end=1' : '');
  if (WEBSOCKETS.includes(route)) {
    const { answer, socket } = await at.upgrade(path, headers);
    socket.terminate();
    return answer === 'open' ? 'passed' : outcomeOf(answer);
  }
  const span = { camera_id: id, start: 1, end: 2 };
  const body = pattern.endsWith('/exports') ? span : pattern.endsWith('/clips') ? { camera_id: id, at: 1, pre_s: 1, post_s: 1 } : method === 'PUT' || (method === 'POST' && !pattern.endsWith('whep')) || method === 'PATCH' && !pattern.includes('whep') ? {} : undefined;
  // A wrong sign-in is no question of permission: an empty one is answered with 400.
  const { status } = await at.ask(method, path, headers, body);
  return outcomeOf(status);
}

const outcomeOf = (status: number): Outcome => (status === 401 ? 'who?' : status === 403 ? 'no' : 'passed');
