// People of every kind, all routes, and what each of them may: written down by hand once more, so that a slip in the server's own table is found. Walked
// through the server that has the cameras, and through that of another node of its site.
import assert from 'node:assert/strict';
import type { CreatedToken } from '@ruth/protocol';
import { ROUTE_TABLE } from '@ruth/server/parts';
import { admin, CAMERAS, type AccessPlace, type Headers } from './access-place.ts';

const SESSION = '00000000-0000-4000-8000-000000000000';
export const OPEN = ['GET /', 'GET /sign-in', 'GET /favicon.svg', 'GET /assets/*', 'GET /api/v1/health', 'POST /api/v1/session', 'GET /api/v1/session/ways', 'GET /api/v1/session/oidc', 'GET /api/v1/session/oidc/callback'];
const ANYBODY_KNOWN = ['GET /api/v1/openapi.json', 'GET /api/v1/session', 'PUT /api/v1/session/password', 'DELETE /api/v1/session'];
const LOOK_AT_A_CAMERA = [
  'GET /api/v1/cameras/:id/scene', 'GET /api/v1/detections/latest', 'GET /api/v1/cameras/:id/live', 'GET /api/v1/cameras/:id/webrtc', 'GET /api/v1/cameras/:id/pipe', 'POST /api/v1/cameras/:id/whep', 'OPTIONS /api/v1/cameras/:id/whep',
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
  'GET /api/v1/cameras', 'GET /api/v1/camera-settings', 'GET /api/v1/models', 'GET /api/v1/models/installed', 'GET /api/v1/models/offered', 'GET /api/v1/models/:id/preview.jpg', 'GET /api/v1/subscriptions', 'GET /api/v1/storage', 'GET /api/v1/processes', 'GET /api/v1/latencies', 'GET /api/v1/system', 'GET /api/v1/site', 'GET /api/v1/pipes/:id', 'GET /api/v1/live', 'GET /api/v1/events', 'GET /api/v1/events/counts', 'GET /api/v1/events/:id', 'PUT /api/v1/events/:id/seen', 'DELETE /api/v1/events/:id/seen', 'POST /api/v1/events/seen', 'POST /api/v1/recorded', 'GET /api/v1/tracks',
  'GET /api/v1/tokens', 'POST /api/v1/tokens', 'DELETE /api/v1/tokens/:id',
];
/** Of the cameras that may be seen. */
const OPERATE = ['GET /api/v1/verifications', 'POST /api/v1/verifications', 'GET /api/v1/verifications/:id', 'DELETE /api/v1/verifications/:id'];
const METRICS = ['GET /metrics'];
const ADMINISTER = ['GET /api/v1/users', 'POST /api/v1/users', 'PATCH /api/v1/users/:name', 'DELETE /api/v1/users/:name', 'GET /api/v1/audit', 'GET /api/v1/copies', 'PATCH /api/v1/site/nodes/:id', 'POST /api/v1/cameras', 'POST /api/v1/cameras/probe', 'POST /api/v1/cameras/discover',
  'POST /api/v1/models/:id/enable', 'POST /api/v1/models/:id/disable', 'POST /api/v1/models/:id/rollback', 'DELETE /api/v1/models/:id',
  'GET /api/v1/model-jobs', 'POST /api/v1/model-jobs', 'GET /api/v1/model-jobs/:id', 'DELETE /api/v1/model-jobs/:id', 'GET /api/v1/model-jobs/:id/picture.jpg', 'POST /api/v1/model-uploads', 'DELETE /api/v1/model-uploads/:id',
  'GET /api/v1/deliveries', 'GET /api/v1/dead-letters', 'POST /api/v1/dead-letters/:id/retry', 'DELETE /api/v1/dead-letters/:id'];
const WEBSOCKETS = ['GET /api/v1/live', 'GET /api/v1/cameras/:id/live', 'GET /api/v1/cameras/:id/webrtc', 'GET /api/v1/cameras/:id/pipe'];

export type Outcome = 'passed' | 'who?' | 'no';
export interface Person { readonly headers: Headers; readonly may: readonly (readonly string[])[]; readonly cameras: readonly string[] }
export const ALL_ROUTES = [OPEN, ANYBODY_KNOWN, LOOK_AT_A_CAMERA, CHANGE_OF_A_CAMERA, ADMINISTER_A_CAMERA, LOOK_AT_THE_NODE, OPERATE, METRICS, ADMINISTER].flat();
export const OF_A_CAMERA = [...LOOK_AT_A_CAMERA, ...CHANGE_OF_A_CAMERA, ...ADMINISTER_A_CAMERA];

export async function addPeople(at: AccessPlace): Promise<Map<string, Person>> {
  const people = new Map<string, Person>();
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
  return people;
}

/** What went otherwise than it should, of every person, route and camera. */
export async function walk(at: AccessPlace, people: ReadonlyMap<string, Person>, only: (route: string) => boolean = () => true): Promise<{ wrong: string[]; looked: number }> {
  // What ends a session comes last.
  const routes = Object.keys(ROUTE_TABLE).filter(only).toSorted((a, b) => Number(a === 'DELETE /api/v1/session') - Number(b === 'DELETE /api/v1/session'));
  const wrong: string[] = [];
  let looked = 0;
  for (const [who, person] of people) {
    for (const route of routes) {
      const isOfACamera = OF_A_CAMERA.includes(route);
      for (const id of isOfACamera ? CAMERAS : ['']) {
        const may = person.may.flat().includes(route) && (!isOfACamera || person.cameras.includes(id));
        const expected: Outcome = OPEN.includes(route) || may ? 'passed' : who === 'nobody' ? 'who?' : 'no';
        const outcome = await attempt(at, route, id, person.headers);
        looked++;
        if (outcome !== expected) wrong.push(`${who}: ${route} of ${id || '-'}: ${outcome}, and it should be ${expected}`);
      }
    }
  }
  return { wrong, looked };
}

async function attempt(at: AccessPlace, route: string, id: string, headers: Headers): Promise<Outcome> {
  const [method, pattern] = route.split(' ') as [string, string];
  const path = pattern.replace(':session', SESSION).replace('/users/:name', '/users/nobody-like-this').replace('/events/:id', '/events/999').replace('/tokens/:id', '/tokens/999').replace('/dead-letters/:id', '/dead-letters/999').replace('/models/:id', '/models/none').replace('/model-jobs/:id', '/model-jobs/none').replace(':id', id)
    .replace(':file/:name', `${'a'.repeat(8)}.mp4/init.mp4`).replace(':name', '1.mp4').replace('*', 'a.js') + (pattern.endsWith('latest') ? `?camera=${id}` : '') + (pattern.endsWith('counts') ? '?start=0&end=1' : '') + (pattern.endsWith('/pipe') ? `?receiver=south&pipe=${SESSION}` : '');
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
