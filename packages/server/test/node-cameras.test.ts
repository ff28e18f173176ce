// Cameras and what is looked for at them, through the server: what is wrong is told with its place, before anything is changed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { coreSocketPath, supervisorSocketPath, type AuditEntry, type ErrorBody, type IntentStatus, type NodeCamera, type RuleTest } from '@ruth/protocol';
import { fastify } from 'fastify';
import { startPlace, until, type Place } from './stand-ins.ts';

const door: NodeCamera = { config: { id: 'door', url: 'rtsp://***@h/1' }, has_credentials: true, managed: true, subscriptions: [{ model: 'finder', desired_fps: 5 }], scene: {}, rules: [], shared_rules: [{ id: 'crowd', when: 'at least 5 person' }] };
const zone = { id: 'mat', polygon: [[0, 0], [1, 0], [1, 1]] };

async function startNode({ directory }: Place, source: 'file' | 'intent' = 'file') {
  const asked: { method: string; path: string; body: unknown }[] = [];
  const supervisor = fastify({ forceCloseConnections: true });
  supervisor.all('/v1/*', (request, reply) => {
    asked.push({ method: request.method, path: request.url, body: request.body });
    if (request.method === 'DELETE') return reply.code(204).send();
    if (request.url === '/v1/cameras/nowhere') return reply.code(404).send({ error: 'rtsp://a:geheim@h is no camera', error_code: 'camera_not_found' } satisfies ErrorBody);
    return reply.code(request.method === 'POST' ? 201 : 200).send(request.url === '/v1/cameras' && request.method === 'GET' ? [door] : door);
  });
  await supervisor.listen({ path: supervisorSocketPath(directory) });
  const core = fastify({ forceCloseConnections: true });
  core.get('/v1/intent', (): IntentStatus => ({ revision: 3, cameras: { door: { source, state: 'converged', reason: null, subscriptions: [] } } }));
  core.get('/v1/cameras/door/scene', () => ({ zones: [zone] }));
  core.post('/v1/cameras/door/rules/test', (request): RuleTest => {
    asked.push({ method: 'POST', path: request.url, body: request.body });
    return { camera_id: 'door', start: 1, end: 2, kept_since: null, models: [], unseen: [{ start: 1, end: 2 }], alerts: [], alerts_left_out: 0, events: {} };
  });
  await core.listen({ path: coreSocketPath(directory) });
  return { asked, async [Symbol.asyncDispose]() { await supervisor.close(); await core.close(); } };
}

async function ask<T = ErrorBody>(place: Place, method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const response = await fetch(`${place.url}/api/v1/${path}`, { method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
}

describe('the cameras of a node', () => {
  it('are added, changed and removed through its supervisor, which is noted without credentials', async () => {
    await using place = await startPlace();
    await using node = await startNode(place);
    assert.equal((await ask(place, 'POST', 'cameras', { id: 'yard', url: 'rtsp://anna:geheim@h/2' })).status, 201);
    assert.equal((await ask(place, 'PATCH', 'cameras/door', { note: null, name: 'Door' })).status, 200);
    assert.deepEqual(node.asked.at(-1), { method: 'PATCH', path: '/v1/cameras/door', body: { note: null, name: 'Door' } });
    assert.equal((await ask(place, 'DELETE', 'cameras/door')).status, 204);
    assert.deepEqual((await ask(place, 'GET', 'cameras/door/settings')).body, door);
    assert.deepEqual((await ask(place, 'GET', 'camera-settings')).body, [door]);
    assert.deepEqual((await ask(place, 'GET', 'cameras/nowhere/settings')).body.error, 'rtsp://***@h is no camera');
    const notesOfCameras = async (): Promise<AuditEntry[]> => (await ask<AuditEntry[]>(place, 'GET', 'audit')).body.filter(({ camera_id: id }) => id !== null);
    await until(async () => (await notesOfCameras()).length === 3, 'three notes');
    const notes = await notesOfCameras();
    assert.deepEqual(notes.map(({ action, camera_id, detail }) => [action, camera_id, detail]), [
      ['removed a camera', 'door', ''], ['changed a camera', 'door', 'note, name'], ['added a camera', 'yard', 'rtsp://***@h/2'],
    ]);
  });

  it('tell every place that is wrong, by the schema and by its meaning, and change nothing then', async () => {
    await using place = await startPlace();
    await using node = await startNode(place);
    const pointersOf = async (body: unknown): Promise<string[]> => {
      const answer = await ask(place, 'PATCH', 'cameras/door/intent', body);
      assert.deepEqual([answer.status, answer.body.error_code], [400, 'bad_request'], JSON.stringify(answer));
      return (answer.body.problems ?? []).map(({ pointer }) => pointer);
    };
    assert.deepEqual(await pointersOf({ scene: { zones: [{ id: 'mat', polygon: [[0, 0], [2, 0], [1, 1]] }] }, colour: 'red' }), ['/colour', '/scene/zones/0/polygon/1/0']);
    assert.deepEqual(await pointersOf({ scene: { zones: [zone, { ...zone, polygon: [[0, 0], [1, 1], [1, 0], [0, 1]] }] }, rules: [{ id: 'a', when: 'person in zone "lawn"' }, { id: 'crowd', when: 'persn in' }] }), [
      '/scene/zones/1/id', '/scene/zones/1/polygon', '/rules/0/when', '/rules/1/when', '/rules/1/id',
    ]);
    assert.deepEqual(await pointersOf({ subscriptions: [{ model: 'finder', desired_fps: 5, zone: 'mat' }] }), ['/subscriptions/0/zone']);
    assert.deepEqual(await pointersOf({}), ['']);
    assert.deepEqual((await ask(place, 'POST', 'cameras', { id: '../x', url: '' })).body.problems?.map(({ pointer }) => pointer), ['/id', '/url']);
    assert.ok(node.asked.every(({ method }) => method === 'GET'), 'nothing was changed');
    assert.equal((await ask(place, 'PATCH', 'cameras/door/intent', { scene: { zones: [zone] }, rules: [{ id: 'a', when: 'person in zone "mat"' }] })).status, 200);
  });

  it('have their rules tried by core, with the zones that it knows unless others are given; what is wrong is told before', async () => {
    await using place = await startPlace();
    await using node = await startNode(place);
    const rules = [{ id: 'a', when: 'person in zone "mat"' }];
    const { status, body } = await ask<RuleTest>(place, 'POST', 'cameras/door/rules/test', { rules, start: 1 });
    assert.deepEqual([status, body.unseen, node.asked.at(-1)!.body], [200, [{ start: 1, end: 2 }], { rules, start: 1, scene: { zones: [zone] } }]);
    const before = node.asked.length;
    assert.deepEqual((await ask(place, 'POST', 'cameras/door/rules/test', { rules, scene: {} })).body.problems?.map(({ pointer }) => pointer), ['/rules/0/when']);
    assert.deepEqual((await ask(place, 'POST', 'cameras/door/rules/test', { rules: [], since: 1 })).body.problems?.map(({ pointer }) => pointer), ['/since', '/rules']);
    assert.equal(node.asked.length, before);
  });

  it('are not changed where another\'s word counts, and not where no supervisor keeps them', async () => {
    await using place = await startPlace();
    assert.equal((await ask(place, 'PATCH', 'cameras/door/intent', { rules: [] })).body.error_code, 'unreachable');
    await using _node = await startNode(place, 'intent');
    const { status, body } = await ask(place, 'PATCH', 'cameras/door/intent', { rules: [] });
    assert.deepEqual([status, body.error_code], [409, 'invalid_state']);
    assert.match(body.error, /revision 3/);
  });
});
