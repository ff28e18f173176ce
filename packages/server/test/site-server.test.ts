// Two servers of a site, one of which has no camera of its own: what the other has is shown by both, to those who may see it, and to nobody else. The
// fleet process is a stand-in here; test/end-to-end/site.test.ts has the real one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { fleetSocketPath, type AuditEntry, type CameraStatus, type ErrorBody, type SiteInfo, type SiteView } from '@ruth/protocol';
import { fastify, type FastifyInstance } from 'fastify';
import { admin, CAMERAS, startAccessPlace, type AccessPlace } from './access-place.ts';
import { postgresPrograms, startPostgres } from './postgres.ts';
import { addPeople, OF_A_CAMERA, walk } from './route-people.ts';
import { until } from './stand-ins.ts';

const programs = postgresPrograms();

describe('a server of a site', { skip: programs === null && 'PostgreSQL is missing: apt-get install postgresql' }, () => {
  const stack = new AsyncDisposableStack();
  let front: AccessPlace;
  let south: AccessPlace;
  let fleet: FastifyInstance;
  let nodes: SiteView['nodes'];
  let revision = 1;
  const cameras: SiteView['cameras'] = { yard: { node: 'south', name: 'The yard', url: 'rtsp://127.0.0.1/yard' } };

  before(async () => {
    const { url } = stack.use(await startPostgres(programs!));
    const store = { kind: 'postgres', url } as const;
    south = stack.use(await startAccessPlace(store));
    front = stack.use(await startAccessPlace(store, { cameras: [], site: true }));
    const known = { state: 'lives', since: null, own: [], recorded: [] } as const;
    nodes = {
      north: { ...known, own: [], recorded: [], server_url: front.url }, south: { ...known, own: ['vault'], recorded: [...CAMERAS], server_url: south.url },
      west: { ...known, state: 'away', since: 1_700_000_000, own: ['shed'], recorded: [], server_url: 'http://127.0.0.1:9' },
    };
    fleet = fastify({ forceCloseConnections: true });
    fleet.get<{ Querystring: { known?: string } }>('/v1/site', ({ query }, reply) => (Number(query.known) === revision ? reply.code(204).send() : { revision, node: 'north', nodes, cameras }));
    stack.defer(() => fleet.close());
    await fleet.listen({ path: fleetSocketPath(front.place.directory) });
  });
  after(() => stack.disposeAsync());

  it('lists the cameras of all nodes, each with its node, and those of one that is away as that', async () => {
    const listed = JSON.parse((await front.ask('GET', '/api/v1/cameras', admin)).text) as CameraStatus[];
    assert.deepEqual(listed.map(({ camera_id: id, node, state }) => [id, node, state]).toSorted(), [['shed', 'west', 'down'], ['vault', 'south', 'streaming'], ['yard', 'south', 'streaming']]);
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

  it('passes on what is asked of a camera that another node has, as it is, with what comes of it', async () => {
    assert.equal((await front.ask('GET', '/api/v1/cameras/yard/timeline?start=1&end=2', admin)).text, 'something of /v1/cameras/yard/timeline?start=1&end=2 at yard and vault');
    const picture = await front.ask('GET', '/api/v1/cameras/vault/snapshot.jpg?width=100', admin);
    assert.deepEqual([picture.status, picture.text], [200, 'something of /v1/cameras/vault/snapshot.jpg?width=100 at yard and vault']);
    assert.match((await front.ask('GET', '/api/v1/storage', admin)).text, /at nobody$/);
    assert.match((await front.ask('GET', '/api/v1/storage?node=south', admin)).text, /at yard and vault$/);
    assert.equal((await front.ask('GET', '/api/v1/storage?node=nowhere', admin)).status, 404);
    const { answer, socket } = await front.upgrade('/api/v1/cameras/yard/live', admin);
    assert.equal(answer, 'open');
    assert.equal(String((await once(socket, 'message'))[0]), 'video at yard and vault');
    socket.terminate();
  });

  it('tells of events whether any node has the recording of their moment, and where one is away that may have it, that', async () => {
    const ask = async (cameras: Record<string, number[]>): Promise<unknown> => JSON.parse((await front.ask('POST', '/api/v1/recorded', admin, { cameras })).text) as unknown;
    // South has what is even; of west nobody knows; north says that it has nothing of what is nobody's.
    assert.deepEqual(await ask({ yard: [2, 3], vault: [4], shed: [6], nowhere: [7] }), { cameras: { yard: [true, false], vault: [true], shed: ['unknown'], nowhere: [false] } });
    nodes = { ...nodes, west: { ...nodes.west!, recorded: ['yard'] } };
    revision++;
    await until(async () => JSON.stringify(await ask({ yard: [2, 3] })) === '{"cameras":{"yard":[true,"unknown"]}}', 'what west has of the yard is not known');
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
