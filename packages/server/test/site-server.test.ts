// Two servers of a site, one of which has no camera of its own: what the other has is shown by both, to those who may see it, and to nobody else. The
// fleet process is a stand-in here; test/end-to-end/site.test.ts has the real one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { fleetSocketPath, NOT_ASKED_HEADER, NotAsked, supervisorSocketPath, validator, type AuditEntry, type CameraStatus, type CoreEvent, type DetectionEvent, type ErrorBody, type LiveInit, type Look, type NodeCamera, type SiteInfo, type SiteNodesDetails, type SiteView } from '@ruth/protocol';
import type { StoreAddress } from '@ruth/server';
import { fastify, type FastifyInstance } from 'fastify';
import { admin, CAMERAS, startAccessPlace, type AccessPlace } from './access-place.ts';
import { postgresPrograms, startPostgres } from './postgres.ts';
import { addPeople, OF_A_CAMERA, walk } from './route-people.ts';
import { WebSocket } from 'ws';
import { look, until } from './stand-ins.ts';

const programs = postgresPrograms();

/** What comes on the WebSocket of events, as far as it is looked at here. */
interface Told { readonly type: string; readonly id?: number; readonly node?: string; readonly error?: string; readonly camera_id?: string; readonly look?: Look }

const SOUTH: SiteNodesDetails[string] = {
  leads: true, labels: { building: 'south' }, capacity_cores: 1.5, used_cores: 0.1, measured_cores: 0.08, draining: { since: 1_700_000_000, cameras: 12, left: 9, staying: null },
  outbox: { waiting: 3, oldest_age_s: 60, dropped: 0, told_at: 1_700_000_000 },
};

describe('a server of a site', { skip: programs === null && 'PostgreSQL is missing: apt-get install postgresql' }, () => {
  const stack = new AsyncDisposableStack();
  let front: AccessPlace;
  let south: AccessPlace;
  let fleet: FastifyInstance;
  let store: StoreAddress;
  let nodes: SiteView['nodes'];
  let revision = 1;
  let people: Awaited<ReturnType<typeof addPeople>>;
  let unasked = '';
  const changes: { method: string; path: string; body: unknown }[] = [];
  const cameras: SiteView['cameras'] = { yard: { node: 'south', name: 'The yard', url: 'rtsp://127.0.0.1/yard' }, attic: { node: null, name: 'Attic', url: 'rtsp://***@127.0.0.1', refused: 'south: its credentials are sealed' } };

  before(async () => {
    const { url } = stack.use(await startPostgres(programs!));
    store = { kind: 'postgres', url };
    south = stack.use(await startAccessPlace(store));
    front = stack.use(await startAccessPlace(store, { cameras: [], site: true }));
    const known = { state: 'lives', since: null, own: [], recorded: [] } as const;
    nodes = {
      north: { ...known, own: [], recorded: [], server_url: front.url }, south: { ...known, own: ['vault'], recorded: [...CAMERAS], server_url: south.url },
      west: { ...known, state: 'away', since: 1_700_000_000, own: ['shed'], recorded: [], server_url: 'http://127.0.0.1:9' },
    };
    fleet = fastify({ forceCloseConnections: true });
    fleet.get<{ Querystring: { known?: string } }>('/v1/site', ({ query }, reply) => (Number(query.known) === revision ? reply.code(204).send() : { revision, node: 'north', nodes, cameras }));
    fleet.all<{ Params: { '*': string } }>('/v1/site/cameras*', ({ method, url, body }, reply) => {
      const camera: NodeCamera = { config: { id: 'yard', url: 'rtsp://***@127.0.0.1' }, has_credentials: true, managed: true, subscriptions: [], scene: {}, rules: [], shared_rules: [], site: { revision: 7, node: 'south', refused: null, credentials: 'sealed' } };
      if (unasked !== '') return reply.code(503).send({ error: unasked, error_code: 'unreachable' } satisfies ErrorBody);
      if (method !== 'GET') changes.push({ method, path: url, body: body ?? null });
      return method === 'DELETE' ? reply.code(204).send() : reply.code(method === 'POST' ? 201 : 200).send(url.endsWith('/cameras') && method === 'GET' ? [camera] : camera);
    });
    fleet.get('/v1/site/nodes', (_request, reply): SiteNodesDetails => (unasked === '' ? { south: SOUTH } : reply.code(503).send({ error: unasked, error_code: 'unreachable' } satisfies ErrorBody) as never));
    fleet.patch<{ Params: { id: string } }>('/v1/site/nodes/:id', ({ url, params: { id }, body }, reply) => {
      if (unasked !== '' || !(id in nodes)) return reply.code(unasked === '' ? 404 : 503).send({ error: unasked, error_code: unasked === '' ? 'not_found' : 'unreachable' } satisfies ErrorBody);
      changes.push({ method: 'PATCH', path: url, body });
      return reply.code(204).send();
    });
    stack.defer(() => fleet.close());
    await fleet.listen({ path: fleetSocketPath(front.place.directory) });
  });
  after(() => stack.disposeAsync());

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
    unasked = 'JetStream: \u201cnot now\u201d';
    // Neither node has a supervisor here: the list is what the site has, and says whose is missing.
    const [status, settings] = await asked(front, '/api/v1/camera-settings');
    assert.equal(status, 503, 'where nothing at all could be asked, that is an answer of its own');
    assert.equal(settings, null);
    const supervisor = fastify({ forceCloseConnections: true });
    supervisor.get('/v1/cameras', () => []);
    await supervisor.listen({ path: supervisorSocketPath(front.place.directory) });
    const [, missing] = await asked(front, '/api/v1/camera-settings');
    assert.deepEqual(missing!.parts.filter(({ node }) => node !== 'west').map(({ node, error }) => [node, error]), [['south', 'supervisor cannot be reached'], [null, unasked]]);
    unasked = '';
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
    nodes = { ...nodes, west: { ...nodes.west!, recorded: ['yard'] } };
    revision++;
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
    const site = async (): Promise<SiteInfo> => JSON.parse((await front.ask('GET', '/api/v1/site', admin)).text) as SiteInfo;
    const told = await site();
    assert.deepEqual(told.nodes.map(({ node_id: id, own_cameras: own, details }) => [id, own, details]), [['north', 0, null], ['south', 1, SOUTH], ['west', 1, null]]);
    assert.equal(told.problem, null);
    const drain = (id: string, body: unknown, headers = admin) => front.ask('PATCH', `/api/v1/site/nodes/${id}`, headers, body);
    assert.equal((await drain('south', { draining: true })).status, 204);
    assert.deepEqual(changes.at(-1), { method: 'PATCH', path: '/v1/site/nodes/south', body: { draining: true } });
    assert.equal((await drain('nowhere', { draining: true })).status, 404);
    assert.equal((await drain('south', { draining: 1 })).status, 400);
    assert.equal((await drain('..%2Fcameras', { draining: true })).status, 400);
    const before = changes.length;
    unasked = 'NATS is away';
    assert.equal((await drain('south', { draining: false })).status, 503);
    assert.deepEqual(await site().then(({ problem, nodes: all }) => [problem, all.map(({ details }) => details)]), [unasked, [null, null, null]]);
    unasked = '';
    const heard = nodes;
    nodes = Object.fromEntries(Object.entries(nodes).map(([id, node]) => [id, { ...node, state: 'unknown' as const }]));
    revision++;
    await until(async () => (await site()).problem?.startsWith('this node hears nothing of NATS') === true, 'that NATS is away is told');
    nodes = heard;
    revision++;
    await until(async () => (await site()).problem === null, 'all is well');
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
      stack.defer(() => supervisor.close());
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
    people = await addPeople(front);
    const yard = people.get('viewer of the yard')!.headers;
    const { text } = await front.ask('GET', '/api/v1/cameras', yard);
    assert.deepEqual((JSON.parse(text) as CameraStatus[]).map(({ camera_id: id }) => id), ['yard']);
    const { wrong, looked } = await walk(front, people, (route) => OF_A_CAMERA.includes(route));
    assert.deepEqual(wrong, []);
    assert.ok(looked > 400, `${looked} combinations`);
    const audit = JSON.parse((await front.ask('GET', '/api/v1/audit?action=exported', admin)).text) as AuditEntry[];
    assert.ok(audit.some(({ actor, camera_id: camera }) => actor === 'boss' && camera === 'vault'));
  });

  const seen = (events: readonly Told[]): unknown[] => events.map(({ type, node, look: seenLook, camera_id: cameraId }) => [type, node, seenLook?.camera_id ?? cameraId]);
  const live = async (headers: Record<string, string>, query = ''): Promise<{ socket: WebSocket; told: Told[] }> => {
    const { answer, socket } = await front.upgrade(`/api/v1/live${query}`, headers);
    assert.equal(answer, 'open');
    const told: Told[] = [];
    socket.on('message', (data: Buffer) => told.push(JSON.parse(data.toString()) as Told));
    return { socket, told };
  };
  const isThere = (told: readonly Told[]): boolean => told.some(({ type, node }) => type === 'node.there' && node === 'south');
  const detection = (id: number, cameraId: string): CoreEvent => ({ id, version: 1, at: Date.now() / 1000, type: 'detection', look: look(cameraId, 'detector', id) });
  const cameraUp = (id: number, cameraId: string): CoreEvent => ({ id, version: 1, at: 1, type: 'camera.up', camera_id: cameraId, reason: null });

  it('tells live what other nodes see, to each what they may see, and which node is away', async () => {
    const { headers: yard } = people.get('viewer of the yard')!;
    const [all, some, one] = await Promise.all([live(admin), live(yard), live(admin, '?camera=vault')]);
    await until(() => [all, some, one].every(({ told }) => isThere(told)), 'the south is there');
    await until(() => all.told.some(({ type, node }) => type === 'node.away' && node === 'west'), 'the west is away');
    assert.match(all.told.find(({ node }) => node === 'west')!.error!, /^the node west cannot be asked \(not heard of since 2023-11-14T22:13:20Z\): its server cannot be reached \(ECONNREFUSED\)/);
    assert.ok(!some.told.some(({ node }) => node === 'west'), 'a node of whose cameras they may see none is not asked');
    await until(() => south.core.connections.length > 0 && south.place.server.hub.clientCount === 3, 'the south follows its core, and is followed');
    for (const event of [detection(1, 'yard'), detection(2, 'vault'), cameraUp(3, 'yard'), cameraUp(4, 'vault')]) south.core.publish(event);
    const events = ({ told }: { told: readonly Told[] }): readonly Told[] => told.filter(({ type }) => !type.startsWith('node.'));
    await until(() => events(all).length === 4 && events(some).length === 2 && events(one).length === 2, 'all is told');
    assert.deepEqual(seen(events(all)), [['detection', 'south', 'yard'], ['detection', 'south', 'vault'], ['camera.up', 'south', 'yard'], ['camera.up', 'south', 'vault']]);
    assert.deepEqual(seen(events(some)), [['detection', 'south', 'yard'], ['camera.up', 'south', 'yard']]);
    assert.deepEqual(seen(events(one)), [['detection', 'south', 'vault'], ['camera.up', 'south', 'vault']]);
    // Who comes back gets what came since from there, too.
    for (const { socket } of [all, some, one]) socket.terminate();
    await until(() => south.place.server.hub.clientCount === 0, 'nobody follows any more');
    south.core.publish(cameraUp(5, 'yard'));
    await until(async () => (await front.ask('GET', '/api/v1/events?camera=yard', admin)).text.includes('"id":5'), 'it is stored');
    const back = await live(admin, '?node_after=south:3');
    await until(() => events(back).length === 2, 'it has what came since');
    assert.deepEqual(events(back).map(({ id }) => id), [4, 5]);
    back.socket.terminate();
  });

  it('gives a client that lags fewer looks of another node, the newest, and holds up neither that node nor others', async () => {
    const [slow, quick] = [await live(admin), await live(admin)];
    await until(() => isThere(slow.told) && isThere(quick.told), 'the south is there');
    await until(() => south.place.server.hub.clientCount === 2, 'both are followed');
    slow.socket.pause();
    const superseded = south.place.server.hub.counters.superseded;
    const padding = 'x'.repeat(20_000);
    const last = 1400;
    for (let id = 1000; id <= last; id++) {
      const heard = once(quick.socket, 'message');
      const event = detection(id, 'yard') as DetectionEvent;
      south.core.publish({ ...event, look: { ...event.look, detections: [{ class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0, 0, 1, 1], attributes: { padding } }] } });
      await heard;
    }
    slow.socket.resume();
    const ids = (told: readonly Told[]): number[] => told.flatMap(({ type, id }) => (type === 'detection' && id! >= 1000 ? [id!] : []));
    await until(() => ids(slow.told).at(-1) === last, 'the slow one has the newest', 30_000);
    assert.equal(ids(quick.told).length, last - 999);
    assert.ok(ids(slow.told).length < 200, `${ids(slow.told).length} looks`);
    assert.deepEqual(ids(slow.told), ids(slow.told).toSorted((a, b) => a - b));
    assert.equal(south.place.server.hub.counters.superseded, superseded, 'the node itself is read as fast as it tells');
    slow.socket.terminate();
    quick.socket.terminate();
  });

  it('has MSE of a camera of another node come once, however many watch it, each by their own permission', async () => {
    const south0 = south.mse.length;
    const ofKernel = (): WebSocket[] => south.mse.slice(south0);
    const open = (): number => ofKernel().filter(({ readyState }) => readyState === 1).length;
    const say = (name: string, keyframe: boolean, bytes = 100): void => ofKernel().at(-1)!.send(fragmentNamed(name, keyframe, bytes));
    const metric = async (name: string): Promise<number> => Number(new RegExp(`^ruth_server_site_mse_${name} (.*)$`, 'm').exec((await front.ask('GET', '/metrics', admin)).text)![1]);

    const anna = await watch(await front.add({ name: 'anna', role: 'viewer', cameras: ['yard'] }));
    await until(() => anna.got.length === 2, 'the stream begins');
    const [bert, carl] = [await watch(admin), await watch(people.get('viewer')!.headers)];
    say('k1', true);
    say('p2', false);
    for (const { got } of [anna, bert, carl]) await until(() => got.join(' ') === 'init 1 segment k1 p2', 'everybody gets it');
    const late = await watch(admin);
    await until(() => late.got.join(' ') === 'init 1 segment k1 p2', 'a late one begins at the last keyframe');
    assert.deepEqual([open(), ofKernel().length, await metric('cameras'), await metric('viewers')], [1, 1, 1, 4]);
    assert.equal((await front.upgrade('/api/v1/cameras/yard/live', people.get('viewer of nothing')!.headers)).answer, 403);

    // Who does not read loses pictures up to a keyframe; nobody else does.
    carl.socket.pause();
    for (let picture = 0; picture < 40; picture++) {
      const heard = once(bert.socket, 'message');
      say('p', false, 1 << 20);
      await heard;
    }
    carl.socket.resume();
    await until(() => carl.got.length > 4, 'it reads again');
    await until(async () => {
      // In case that its socket is still full.
      say('k3', true);
      return carl.got.includes('k3');
    }, 'it goes on at a keyframe');
    assert.ok(carl.got.indexOf('k3') < 44, 'it has lost some');
    for (const { got } of [anna, bert, late]) assert.deepEqual(got.slice(4, 45), [...Array<string>(40).fill('p'), 'k3']);
    assert.ok(await metric('pictures_dropped_total') > 0);

    // In whose name it was asked for may not see it any more: others go on, in the name of the next.
    assert.equal((await south.ask('PATCH', '/api/v1/users/anna', admin, { cameras: [] })).status, 200);
    await until(() => anna.closed === 4401, 'she is told, and has to sign in again');
    for (const { got } of [bert, carl, late]) await until(() => got.includes('init 2'), 'the stream begins anew');
    assert.deepEqual([open(), ofKernel().length], [1, 2]);
    say('k4', true);
    for (const { got } of [bert, carl, late]) await until(() => got.at(-1) === 'k4', 'and goes on');

    // What ends it there ends it here, for all.
    ofKernel().at(-1)!.close(1001, 'shutting down');
    for (const one of [bert, carl, late]) await until(() => one.closed === 1001, 'they are told to come back');
    const next = await watch(admin);
    await until(() => next.got.length === 2, 'and have it anew');
    ofKernel().at(-1)!.send(Buffer.from('no fragment'));
    await until(() => next.closed === 4502, 'what is none is not handed on');
    const last = await watch(admin);
    await until(() => last.got.length === 2 && open() === 1, 'another one');
    last.socket.close();
    await until(() => open() === 0, 'nothing stays when nobody watches');
    assert.deepEqual([await metric('cameras'), await metric('viewers'), await metric('failures_total')], [0, 0, 2]);
    const away = await watch(admin, 'shed');
    await until(() => away.closed === 4503, 'a node that is away is told as such');
  });

  it('takes a camera over a pipe for a WHEP player whom its node is too full for; where there is none, it hands on what that says', async () => {
    const offer = async (camera: string, sdp: string): Promise<[number, string]> => {
      const response = await fetch(`${front.url}/api/v1/cameras/${camera}/whep`, { method: 'POST', headers: { ...admin, 'content-type': 'application/sdp' }, body: sdp });
      return [response.status, await response.text()];
    };
    assert.deepEqual(await offer('yard', 'v=0'), [201, 'v=0']);
    const [status, refusal] = await offer('vault', 'v=0 too late');
    assert.deepEqual([status, JSON.parse(refusal)], [503, { error: '256 watch this camera already', error_code: 'overloaded' }]);
    assert.deepEqual(await offer('yard', 'v=0 too late'), [200, 'something of /v1/piped/yard/whep at nobody']);
    assert.deepEqual(await offer('yard', 'v=0'), [200, 'something of /v1/piped/yard/whep at nobody'], 'and the next ones over the same');
    assert.match((await front.ask('GET', '/metrics', admin)).text, /^ruth_server_site_pipes_opened_total 1$/m);
  });

  interface Watching { readonly socket: WebSocket; readonly got: string[]; closed: number | null }
  const watch = async (headers: Record<string, string>, camera = 'yard'): Promise<Watching> => {
    // What comes with the answer is seen too.
    const socket = new WebSocket(`${front.url.replace('http', 'ws')}/api/v1/cameras/${camera}/live`, { headers });
    const watching: Watching = { socket, got: [], closed: null };
    socket.on('message', (data: Buffer, isBinary) => {
      const named = /moof.*mdat(\w+)\./.exec(data.toString('latin1', 0, 120).replaceAll(/[^ -~]/g, ''))?.[1];
      watching.got.push(isBinary ? named ?? 'segment' : `init ${(JSON.parse(data.toString()) as LiveInit).epoch - (south0Epoch ??= (JSON.parse(data.toString()) as LiveInit).epoch) + 1}`);
    });
    socket.on('close', (code) => { watching.closed = code; });
    await once(socket, 'open');
    return watching;
  };
  let south0Epoch: number | null = null;
  const box = (type: string, ...parts: readonly (string | readonly number[] | Buffer)[]): Buffer => {
    const contents = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part instanceof Buffer ? part : Buffer.from(Uint32Array.from(part).buffer).swap32())));
    return Buffer.concat([Buffer.from(Uint32Array.of(8 + contents.length).buffer).swap32(), Buffer.from(type, 'latin1'), contents]);
  };
  /** Of one picture; its flags stand where the kernel writes them. */
  const fragmentNamed = (name: string, keyframe: boolean, bytes: number): Buffer => Buffer.concat([
    box('moof', box('mfhd', [0, 1]), box('traf', box('tfhd', [0x020000, 1]), box('trun', [0x000f01, 1, 0, 3600, bytes, keyframe ? 0x02000000 : 0x01010000, 0]))), box('mdat', `${name}.`, Buffer.alloc(bytes)),
  ]);

  it('says which node does not know who asks, and signs nobody out for it', async () => {
    nodes = { ...nodes, south: { ...nodes.south!, server_url: (await startAlone()).url } };
    revision++;
    await until(async () => (await front.ask('GET', '/api/v1/cameras/yard/timeline?start=1&end=2', (await someone()))).status === 503, 'the other server has another database');
    const { text } = await front.ask('GET', '/api/v1/cameras/yard/timeline?start=1&end=2', await someone());
    assert.match((JSON.parse(text) as ErrorBody).error, /the node south cannot be asked: its server does not know who asks: do all nodes have the same DATABASE_URL/);
  });

  const startAlone = async (): Promise<AccessPlace> => stack.use(await startAccessPlace());
  let last: Promise<Record<string, string>> | null = null;
  const someone = (): Promise<Record<string, string>> => last ??= front.add({ name: 'late', role: 'viewer' });
});
