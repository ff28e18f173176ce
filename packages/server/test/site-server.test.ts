// Two servers of a site, one of which has no camera of its own: what the other has is shown by both, to those who may see it, and to nobody else. The
// fleet process is a stand-in here; test/end-to-end/site.test.ts has the real one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { NOT_ASKED_HEADER, NotAsked, supervisorSocketPath, validator, type AuditEntry, type CameraStatus, type ErrorBody, type SiteInfo } from '@ruth/protocol';
import type { StoreAddress } from '@ruth/server';
import { fastify } from 'fastify';
import { admin, startAccessPlace, type AccessPlace } from './access-place.ts';
import { postgresPrograms } from './postgres.ts';
import { addPeople, OF_A_CAMERA, walk } from './route-people.ts';
import { SitePlace, SOUTH } from './site-place.ts';
import { until } from './stand-ins.ts';

const programs = postgresPrograms();

describe('a server of a site', { skip: programs === null && 'PostgreSQL is missing: apt-get install postgresql' }, () => {
  let site: SitePlace;
  let front: AccessPlace;
  let south: AccessPlace;
  let store: StoreAddress;
  let changes: SitePlace['changes'];

  before(async () => {
    site = await SitePlace.start(programs!);
    ({ front, south, store, changes } = site);
  });
  after(() => site?.[Symbol.asyncDispose]());

  it('lists the cameras of all nodes, each with its node, and those of one that is away as that', async () => {
    const listed = JSON.parse((await front.ask('GET', '/api/v1/cameras', admin)).text) as CameraStatus[];
    assert.deepEqual(listed.map(({ camera_id: id, node, state }) => [id, node, state]).toSorted(), [['attic', undefined, 'down'], ['shed', 'west', 'down'], ['vault', 'south', 'streaming'], ['yard', 'south', 'streaming']]);
    assert.match(listed.find(({ camera_id: id }) => id === 'attic')!.last_error!.message, /no node of the site can take it: south: its credentials are sealed/);
    const { last_error: error } = listed.find(({ camera_id: id }) => id === 'shed')!;
    assert.deepEqual([error!.code, error!.at], ['node_away', 1_700_000_000]);
    assert.match(error!.message, /^the node west cannot be asked \(not heard of since 2023-11-14T22:13:20Z\): its server cannot be reached/);
    const { node, nodes: told } = JSON.parse((await front.ask('GET', '/api/v1/site', admin)).text) as SiteInfo;
    assert.equal(node, 'north');
    assert.deepEqual(told.map((one) => [one.node_id, one.state, one.reachable, one.cameras]), [['north', 'lives', true, 0], ['south', 'lives', true, 2], ['west', 'away', false, 1]]);
    // Who asks a server in the name of another one gets what is there, and goes round in no circle.
    assert.deepEqual(JSON.parse((await front.ask('GET', '/api/v1/cameras', { ...admin, 'x-ruth-passed-on-by': 'server' })).text), []);
    const { status, text } = await front.ask('GET', '/api/v1/cameras/shed/timeline?start=1&end=2', admin);
    assert.deepEqual([status, (JSON.parse(text) as ErrorBody).error_code], [503, 'node_away']);
  });

  it('tells in a header beside a list what is missing in it, and why: nodes that could not be asked, the site itself, and that nothing was heard of it', async () => {
    const asked = async (at: AccessPlace, path: string): Promise<[number, NotAsked | null]> => {
      const { status, headers } = await at.ask('GET', path, admin);
      const told = headers.get(NOT_ASKED_HEADER);
      return [status, told === null ? null : validator(NotAsked).parse(JSON.parse(told))];
    };
    assert.deepEqual(await asked(front, '/api/v1/cameras'), [200, null], 'each camera that cannot be looked at stands in the list');
    const [, subscriptions] = await asked(front, '/api/v1/subscriptions');
    assert.deepEqual([subscriptions!.parts.map(({ node }) => node), subscriptions!.more], [['west'], 0]);
    assert.match(subscriptions!.parts[0]!.error, /^the node west cannot be asked/);
    site.unasked = 'JetStream: \u201cnot now\u201d';
    // Neither node has a supervisor here: the list is what the site has, and says whose is missing.
    const [status, settings] = await asked(front, '/api/v1/camera-settings');
    assert.equal(status, 503, 'where nothing at all could be asked, that is an answer of its own');
    assert.equal(settings, null);
    const supervisor = fastify({ forceCloseConnections: true });
    supervisor.get('/v1/cameras', () => []);
    await supervisor.listen({ path: supervisorSocketPath(front.place.directory) });
    const [, missing] = await asked(front, '/api/v1/camera-settings');
    assert.deepEqual(missing!.parts.filter(({ node }) => node !== 'west').map(({ node, error }) => [node, error]), [['south', 'supervisor cannot be reached'], [null, site.unasked]]);
    site.unasked = '';
    assert.deepEqual((await asked(front, '/api/v1/camera-settings'))[1]!.parts.map(({ node }) => node), ['south', 'west']);
    assert.match((await front.ask('GET', '/api/v1/camera-settings', admin)).text, /"yard"/);
    await supervisor.close();
    await using lonely = await startAccessPlace(store, { site: true });
    assert.deepEqual(await asked(lonely, '/api/v1/cameras'), [200, { parts: [{ node: null, error: 'fleet cannot be reached' }], more: 0 }]);
    const unheard = await lonely.ask('GET', '/api/v1/cameras/shed/settings', admin);
    assert.equal(unheard.status, 503, 'there is nobody to ask for settings here');
    const none = await lonely.ask('GET', '/api/v1/exports/shed', admin);
    assert.deepEqual([none.status, (JSON.parse(none.text) as ErrorBody).error_code], [503, 'node_away'], none.text);
    assert.match((JSON.parse(none.text) as ErrorBody).error, /whether another node has it is not known: fleet cannot be reached/);
    assert.equal((await lonely.ask('GET', '/api/v1/nothing', admin)).status, 404);
    assert.deepEqual(JSON.parse((await lonely.ask('POST', '/api/v1/recorded', admin, { cameras: { yard: [2, 3], shed: [4] } })).text), { cameras: { yard: [true, 'unknown'], shed: ['unknown'] } });
  });

  it('passes on what is asked of a camera that another node has, as it is, with what comes of it', async () => {
    assert.equal((await front.ask('GET', '/api/v1/cameras/yard/timeline?start=1&end=2', admin)).text, 'something of /v1/cameras/yard/timeline?start=1&end=2 at yard and vault');
    const picture = await front.ask('GET', '/api/v1/cameras/vault/snapshot.jpg?width=100', admin);
    assert.deepEqual([picture.status, picture.text], [200, 'something of /v1/cameras/vault/snapshot.jpg?width=100 at yard and vault']);
    assert.match((await front.ask('GET', '/api/v1/storage', admin)).text, /at nobody$/);
    assert.match((await front.ask('GET', '/api/v1/storage?node=south', admin)).text, /at yard and vault$/);
    assert.equal((await front.ask('GET', '/api/v1/storage?node=nowhere', admin)).status, 404);
    const { answer, socket } = await front.upgrade('/api/v1/cameras/yard/live', admin);
    assert.equal(answer, 'open');
    assert.match(String((await once(socket, 'message'))[0]), /of yard and vault/);
    socket.terminate();
    const webrtc = await front.upgrade('/api/v1/cameras/yard/webrtc', admin);
    assert.equal(String((await once(webrtc.socket, 'message'))[0]), 'video at yard and vault');
    webrtc.socket.terminate();
  });

  it('tells of events whether any node has the recording of their moment, and where one is away that may have it, that', async () => {
    const ask = async (cameras: Record<string, number[]>): Promise<unknown> => JSON.parse((await front.ask('POST', '/api/v1/recorded', admin, { cameras })).text) as unknown;
    // South has what is even; of west nobody knows; north says that it has nothing of what is nobody's.
    assert.deepEqual(await ask({ yard: [2, 3], vault: [4], shed: [6], nowhere: [7] }), { cameras: { yard: [true, false], vault: [true], shed: ['unknown'], nowhere: [false] } });
    site.nodes = { ...site.nodes, west: { ...site.nodes.west!, recorded: ['yard'] } };
    await until(async () => JSON.stringify(await ask({ yard: [2, 3] })) === '{"cameras":{"yard":[true,"unknown"]}}', 'what west has of the yard is not known');
  });

  it('has cameras of the site asked for and changed here, through its fleet process, and those of another node there', async () => {
    const patch = (id: string, body: unknown) => front.ask('PATCH', `/api/v1/cameras/${id}`, admin, body);
    assert.deepEqual((JSON.parse((await patch('yard', { name: 'Yard' })).text) as ErrorBody).problems?.map(({ pointer }) => pointer), ['/revision']);
    assert.equal((await patch('yard', { name: 'Yard', site: { require: { gpu: 'yes' } }, revision: 7 })).status, 200);
    assert.deepEqual(changes.at(-1), { method: 'PATCH', path: '/v1/site/cameras/yard', body: { revision: 7, camera: { name: 'Yard' }, placing: { require: { gpu: 'yes' } } } });
    assert.equal((await front.ask('PATCH', '/api/v1/cameras/yard/intent', admin, { rules: [], revision: 8 })).status, 200);
    assert.deepEqual(changes.at(-1)!.body, { revision: 8, intent: { rules: [] } });
    assert.equal((await front.ask('POST', '/api/v1/cameras', admin, { id: 'porch', url: 'rtsp://h/1', site: {} })).status, 201);
    assert.deepEqual(changes.at(-1)!.body, { camera: { id: 'porch', url: 'rtsp://h/1' } });
    const before = changes.length;
    for (const id of ['yard', 'vault', 'shed']) assert.equal((await front.ask('POST', '/api/v1/cameras', admin, { id, url: 'rtsp://h/1' })).status, 409, `${id} is taken`);
    assert.equal((await front.ask('PATCH', '/api/v1/cameras/vault', admin, { name: 'Vault', revision: 3 })).status, 400, 'the node that has it has no revisions');
    assert.equal((await south.ask('POST', '/api/v1/cameras', admin, { id: 'porch', url: 'rtsp://h/1', site: {} })).status, 409, 'a server without a site says so');
    assert.equal(changes.length, before);
    assert.equal((await front.ask('DELETE', '/api/v1/cameras/yard', admin)).status, 400, 'in no revision');
    assert.equal((await front.ask('DELETE', '/api/v1/cameras/yard?revision=seven', admin)).status, 400);
    assert.equal((await front.ask('DELETE', '/api/v1/cameras/vault?revision=3', admin)).status, 400, 'the node that has it has no revisions');
    assert.equal(changes.length, before);
    assert.equal((await front.ask('DELETE', '/api/v1/cameras/yard?revision=7', admin)).status, 204);
    assert.deepEqual(changes.at(-1), { method: 'DELETE', path: '/v1/site/cameras/yard?revision=7', body: null });
  });

  it('tells what each node gives and is used for, or why nobody can say, and drains one for administrators, noted', async () => {
    const siteInfo = async (): Promise<SiteInfo> => JSON.parse((await front.ask('GET', '/api/v1/site', admin)).text) as SiteInfo;
    const told = await siteInfo();
    assert.deepEqual(told.nodes.map(({ node_id: id, own_cameras: own, details }) => [id, own, details]), [['north', 0, null], ['south', 1, SOUTH], ['west', 1, null]]);
    assert.equal(told.problem, null);
    const drain = (id: string, body: unknown, headers = admin) => front.ask('PATCH', `/api/v1/site/nodes/${id}`, headers, body);
    assert.equal((await drain('south', { draining: true })).status, 204);
    assert.deepEqual(changes.at(-1), { method: 'PATCH', path: '/v1/site/nodes/south', body: { draining: true } });
    assert.equal((await drain('nowhere', { draining: true })).status, 404);
    assert.equal((await drain('south', { draining: 1 })).status, 400);
    assert.equal((await drain('..%2Fcameras', { draining: true })).status, 400);
    const before = changes.length;
    site.unasked = 'NATS is away';
    assert.equal((await drain('south', { draining: false })).status, 503);
    assert.deepEqual(await siteInfo().then(({ problem, nodes: all }) => [problem, all.map(({ details }) => details)]), [site.unasked, [null, null, null]]);
    site.unasked = '';
    const heard = site.nodes;
    site.nodes = Object.fromEntries(Object.entries(site.nodes).map(([id, node]) => [id, { ...node, state: 'unknown' as const }]));
    await until(async () => (await siteInfo()).problem?.startsWith('this node hears nothing of NATS') === true, 'that NATS is away is told');
    site.nodes = heard;
    await until(async () => (await siteInfo()).problem === null, 'all is well');
    assert.equal((await south.ask('PATCH', '/api/v1/site/nodes/south', admin, { draining: true })).status, 409, 'a server without a site says so');
    assert.equal(changes.length, before);
    await until(async () => (JSON.parse((await front.ask('GET', '/api/v1/audit?action=drained%20a%20node', admin)).text) as AuditEntry[]).filter(({ action, detail }) => action === 'drained a node' && detail === 'south').length === 1, 'it is noted, once');
  });

  it('looks at a camera from the node that has it, or from one that may have such a camera; passwords go from server to server alone', async () => {
    const asked: unknown[] = [];
    const report = { url: 'rtsp://***@127.0.0.1', transport: 'tcp', refused_transports: {}, measured_s: 5, connect_ms: 40, first_picture_ms: 700, codec: 'h264', profile: null, width: 640, height: 360, stated_fps: 25, fps: 25, fps_jitter: null, keyframe_interval_s: 1, pictures_per_keyframe: 25, b_frames: null, bitrate_bps: 1e6, packets_lost: 0, parameter_sets: 'both', audio_codec: null, clock_drift_ppm: null, sender_reports: true, clock_offset_s: null, advice: [] };
    for (const [name, { place }] of Object.entries({ north: front, south })) {
      const supervisor = fastify({ forceCloseConnections: true });
      supervisor.post('/v1/probe', ({ body }) => { asked.push([name, body]); return report; });
      site.use({ [Symbol.asyncDispose]: () => supervisor.close() });
      await supervisor.listen({ path: supervisorSocketPath(place.directory) });
    }
    const probe = async (body: unknown): Promise<[number, string | undefined, string | undefined]> => {
      const { status, text } = await front.ask('POST', '/api/v1/cameras/probe', admin, body);
      const { node, error_code: code } = JSON.parse(text) as { node?: string; error_code?: string };
      return [status, node, code];
    };
    const url = 'rtsp://joe:s3cret@127.0.0.1/1';
    assert.deepEqual(await probe({ url }), [200, 'north', undefined]);
    assert.deepEqual(await probe({ url, site: {} }), [200, 'north', undefined]);
    assert.deepEqual(await probe({ url, seconds: 2, site: { prefer: { building: 'south' } } }), [200, 'south', undefined]);
    assert.deepEqual(await probe({ url, site: { require: { building: 'south' } } }), [200, 'south', undefined]);
    assert.deepEqual(await probe({ url, site: { require: { building: 'moon' } } }), [409, undefined, 'invalid_state']);
    assert.deepEqual(await probe({ camera_id: 'vault' }), [200, 'south', undefined], 'a camera of the other node\'s own');
    assert.deepEqual(await probe({ camera_id: 'shed' }), [503, undefined, 'node_away']);
    assert.deepEqual(asked, [['north', { url }], ['north', { url }], ['south', { url, seconds: 2 }], ['south', { url }], ['south', { camera_id: 'vault' }]]);
    assert.equal(changes.some(({ body }) => JSON.stringify(body).includes('s3cret')), false, 'nothing of it is told to the fleet process');
  });

  it('lets through whom it may, for the cameras that they may see, and nobody else', async () => {
    const people = await addPeople(front);
    const yard = people.get('viewer of the yard')!.headers;
    const { text } = await front.ask('GET', '/api/v1/cameras', yard);
    assert.deepEqual((JSON.parse(text) as CameraStatus[]).map(({ camera_id: id }) => id), ['yard']);
    const { wrong, looked } = await walk(front, people, (route) => OF_A_CAMERA.includes(route));
    assert.deepEqual(wrong, []);
    assert.ok(looked > 400, `${looked} combinations`);
    const audit = JSON.parse((await front.ask('GET', '/api/v1/audit?action=exported', admin)).text) as AuditEntry[];
    assert.ok(audit.some(({ actor, camera_id: camera }) => actor === 'boss' && camera === 'vault'));
  });

  it('says which node does not know who asks, and signs nobody out for it', async () => {
    site.nodes = { ...site.nodes, south: { ...site.nodes.south!, server_url: (await startAlone()).url } };
    await until(async () => (await front.ask('GET', '/api/v1/cameras/yard/timeline?start=1&end=2', (await someone()))).status === 503, 'the other server has another database');
    const { text } = await front.ask('GET', '/api/v1/cameras/yard/timeline?start=1&end=2', await someone());
    assert.match((JSON.parse(text) as ErrorBody).error, /the node south cannot be asked: its server does not know who asks: do all nodes have the same DATABASE_URL/);
  });

  const startAlone = async (): Promise<AccessPlace> => site.use(await startAccessPlace());
  let last: Promise<Record<string, string>> | null = null;
  const someone = (): Promise<Record<string, string>> => last ??= front.add({ name: 'late', role: 'viewer' });
});
