// Several nodes and a real NATS server: cameras find a node, and another one when that dies, is cut off, hangs or is drained; never two at once.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fleetSocketPath, NodeCamera, SiteNodesDetails, SiteView, validator, RuthError, type CameraProbe } from '@ruth/protocol';
import { ask as askSocket } from '@ruth/transport';
import Type from 'typebox';
import { serveSite, SiteCameras, SiteDrains, SiteKeys, SiteStore, SiteWatch } from '../src/index.ts';
import { Nats, natsMissing } from './nats.ts';
import { logger, nowS, Onlooker, TestKernel, TestNode, TIMING, until } from './site-run.ts';

const CAMERAS = 12;

describe('a site of three nodes', { skip: natsMissing() }, () => {
  let nats: Nats;
  let store: SiteStore;
  const nodes: TestNode[] = [];
  let onlooker: Onlooker;
  const directory = mkdtempSync(join(tmpdir(), 'ruth-site-'));
  const keys = SiteKeys.read(join(directory, 'site.key')).make();
  const served = new AsyncDisposableStack();
  const probed: CameraProbe[] = [];
  const port = (): number => Number(new URL(nats.url).port);
  const all = (): boolean => onlooker.recorded.size === CAMERAS;
  const counts = (): number[] => nodes.map(({ kernel }) => kernel.recording.length);

  const ask = async (known?: number): Promise<SiteView | null> => {
    const answer = await askSocket(fleetSocketPath(directory), 'GET', `/v1/site${known === undefined ? '' : `?known=${known}`}`);
    return answer === null ? null : validator(SiteView).parse(answer);
  };

  const details = async (): Promise<SiteNodesDetails> => validator(SiteNodesDetails).parse(await askSocket(fleetSocketPath(directory), 'GET', '/v1/site/nodes'));

  before(async () => {
    nats = await Nats.start();
    store = await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, logger);
    for (const id of ['a', 'b', 'c.3']) nodes.push(await TestNode.start(id, port(), { building: id === 'a' ? 'north' : 'south' }, keys.path));
    onlooker = new Onlooker(nodes);
    served.use(await serveSite(directory, { watch: served.use(new SiteWatch({ node: 'a', store, logger, nowS })), cameras: new SiteCameras(store, () => keys), drains: new SiteDrains(store), addresses: {}, probe: async (asked) => { probed.push(asked); throw new RuthError('camera_unreachable', 'nobody is there'); } }));
    for (let index = 0; index < CAMERAS; index++) await store.cameras.put(`cam.${index}`, { camera: { id: `cam.${index}`, url: `rtsp://joe:s3cret@127.0.0.1/${index}` } }, 0);
  });
  after(async () => {
    onlooker[Symbol.dispose]();
    await served.disposeAsync();
    rmSync(directory, { recursive: true });
    for (const node of nodes) await node[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });

  it('shares the cameras, each at one node', async () => {
    await until(all, 'every camera is recorded');
    assert.deepEqual(counts(), [4, 4, 4]);
  });

  it('tells whoever asks on its socket which node has what, each change once, and what is told by nodes of themselves', async () => {
    nodes[2]!.kernel.own = ['of.c'];
    let view = (await ask())!;
    await until(async () => (view = await ask(view.revision) ?? view).nodes['c.3']?.own.length === 1, 'the camera of its own is told');
    assert.equal(view.node, 'a');
    assert.deepEqual(Object.entries(view.nodes).map(([id, { state, since, server_url }]) => [id, state, since, server_url]), ['a', 'b', 'c.3'].map((id) => [id, 'lives', null, 'http://127.0.0.1']));
    for (const [index, id] of ['a', 'b', 'c.3'].entries()) {
      const held = Object.entries(view.cameras).filter(([, { node }]) => node === id).map(([camera]) => camera);
      assert.deepEqual(held.toSorted(), nodes[index]!.kernel.recording.toSorted());
      await until(async () => (view = await ask(view.revision) ?? view).nodes[id]!.recorded.length === 4, 'its recordings are told');
    }
    assert.deepEqual(view.cameras['cam.1'], { node: view.cameras['cam.1']!.node, name: 'cam.1', url: 'rtsp://***@127.0.0.1/1' });
    await delay(3 * TIMING.renewEveryS * 1000);
    assert.equal(await ask(view.revision), null, 'heartbeats are nothing new');
  });

  it('changes cameras of the site for whoever asks on its socket: of two at once the second is told, and what is told has no credentials', async () => {
    const send = async (method: string, path: string, body?: unknown): Promise<NodeCamera> => validator(NodeCamera).parse(await askSocket(fleetSocketPath(directory), method, `/v1/site/cameras${path}`, body));
    await assert.rejects(send('POST', '', { camera: { id: 'of.c', url: 'rtsp://127.0.0.1/x' } }), { code: 'conflict', message: /node c\.3 has a camera of\.c of its own/ });
    await assert.rejects(send('POST', '', { camera: { id: 'porch', url: 'rtsp://169.254.169.254/x' } }), { code: 'forbidden' });
    await assert.rejects(send('POST', '', { camera: { id: 'porch', url: 'http://127.0.0.1/x' } }), { code: 'bad_request', message: /url begins with http/ });
    const added = await send('POST', '', { camera: { id: 'porch', url: 'rtsp://joe:s3cret@127.0.0.1/porch', name: 'Porch' }, require: { building: 'north' } });
    assert.deepEqual([added.config.url, added.has_credentials, added.site?.credentials, added.site?.require], ['rtsp://***@127.0.0.1', true, 'sealed', { building: 'north' }]);
    await assert.rejects(send('POST', '', { camera: { id: 'porch', url: 'rtsp://127.0.0.1/other' } }), { code: 'conflict', message: /the site has a camera porch already/ });
    const { revision } = added.site!;
    const changes = await Promise.allSettled(['One', 'Other'].map((name) => send('PATCH', '/porch', { revision, camera: { name, note: 'new' }, placing: { prefer: { building: 'north' } } })));
    const [done] = changes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    assert.deepEqual(changes.flatMap((one) => (one.status === 'rejected' ? [[(one.reason as RuthError).code, (one.reason as RuthError).message]] : [])), [['conflict', 'the camera porch was changed by somebody else meanwhile; nothing of yours was changed']]);
    const present = await send('GET', '/porch');
    assert.deepEqual([present.config.name, present.config.note, present.site?.prefer, present.site?.revision], [done!.config.name, 'new', { building: 'north' }, done!.site!.revision]);
    await until(() => nodes[0]!.kernel.given('porch')?.note === 'new', 'it is at the node that it requires');
    assert.equal(nodes[0]!.kernel.given('porch')!.url, 'rtsp://joe:s3cret@127.0.0.1/porch', 'what was not given stays as it was');
    const bare = await send('PATCH', '/porch', { revision: present.site!.revision, camera: { note: null }, placing: { require: null, prefer: null } });
    assert.deepEqual([bare.config.note, bare.site?.require], [undefined, undefined]);
    const told = validator(Type.Array(NodeCamera)).parse(await askSocket(fleetSocketPath(directory), 'GET', '/v1/site/cameras'));
    assert.equal(told.length, CAMERAS + 1);
    assert.doesNotMatch(JSON.stringify(told), /s3cret|joe/);
    await assert.rejects(askSocket(fleetSocketPath(directory), 'POST', '/v1/site/cameras/porch/probe', { seconds: 2 }), { code: 'camera_unreachable' });
    assert.deepEqual(probed, [{ url: 'rtsp://joe:s3cret@127.0.0.1/porch', seconds: 2 }], 'this node looks, with what it opens');
    await assert.rejects(askSocket(fleetSocketPath(directory), 'POST', '/v1/site/cameras/nowhere/probe', {}), { code: 'camera_not_found' });
    await assert.rejects(askSocket(fleetSocketPath(directory), 'DELETE', `/v1/site/cameras/porch?revision=${revision}`), { code: 'conflict' });
    await askSocket(fleetSocketPath(directory), 'DELETE', '/v1/site/cameras/porch');
    await assert.rejects(send('GET', '/porch'), { code: 'camera_not_found' });
    await until(() => !nodes[0]!.kernel.recording.includes('porch'), 'nobody records it');
    nodes[2]!.kernel.own = [];
  });

  it('tells the core of the node that has a camera what shall be seen there, also a core that began anew', async () => {
    const [id] = nodes[0]!.kernel.recording as [string];
    const { value, revision } = (await store.cameras.get(id))!;
    await store.cameras.put(id, { ...value!, intent: { subscriptions: [{ model: 'any', desired_fps: 5 }] } }, revision);
    const told = (): boolean => nodes[0]!.core.cameras.get(id)?.subscriptions[0]?.model === 'any';
    await until(told, 'core looks at it');
    nodes[0]!.core.beginAnew();
    await until(() => told() && nodes[0]!.core.cameras.size === nodes[0]!.kernel.recording.length, 'core looks at it again');
    assert.ok(!nodes[1]!.core.cameras.has(id));
  });

  it('keeps a lease of which a renewal was taken and its answer lost', async () => {
    const { lease } = nodes[0]!.agent;
    const untilS = lease.untilS!;
    nodes[0]!.answersToLose = 1;
    await until(() => nodes[0]!.answersToLose <= 0 && lease.untilS !== null && lease.untilS > untilS + TIMING.renewEveryS, 'it is renewed again');
    assert.equal(nodes[0]!.agent.lease, lease);
    assert.equal(onlooker.recorded.size, CAMERAS);
  });

  it('gives the cameras of a node that is cut off to the others, after it has stopped by itself; when it is back it takes none away', async () => {
    const before = nodes[1]!.kernel.recording;
    nodes[1]!.link.cut();
    await until(() => nodes[1]!.kernel.recording.length === 0, 'the lease of the one that is cut off ends');
    await until(all, 'the others record its cameras');
    assert.equal(counts()[1], 0);
    const { b } = (await ask())!.nodes;
    assert.equal(b!.state, 'away');
    assert.ok(b!.since! > Date.now() / 1000 - 60 && b!.since! <= Date.now() / 1000 && b!.recorded.length === 4, 'since when, and what lies there all the same');
    nodes[1]!.link.mend();
    const lease = nodes[1]!.agent.lease.incarnation;
    await until(() => nodes[1]!.agent.lease.holds && nodes[1]!.agent.lease.incarnation !== lease, 'it has another lease');
    await delay(TIMING.silenceS * 1000);
    assert.ok(before.every((id) => !nodes[1]!.kernel.recording.includes(id)), 'what others have stays with them');
    assert.ok(all());
  });

  it('uses a node that came back for what is new', async () => {
    for (let index = 0; index < 3; index++) await store.cameras.put(`new-${index}`, { camera: { id: `new-${index}`, url: 'rtsp://127.0.0.1/x' } }, 0);
    await until(() => onlooker.recorded.size === CAMERAS + 3, 'the new ones are recorded');
    assert.equal(counts()[1], 3);
    for (let index = 0; index < 3; index++) await store.cameras.delete(`new-${index}`);
    await until(() => onlooker.recorded.size === CAMERAS, 'what is taken from the site is recorded no more');
  });

  it('does not place a camera again and again at the only node that may have it and refuses it, until the camera is another one', async () => {
    nodes[0]!.kernel.refuses.set('odd', 'its URL is odd');
    const odd = { camera: { id: 'odd', url: 'rtsp://127.0.0.1/odd' }, require: { building: 'north' } };
    const revision = await store.cameras.put('odd', odd, 0);
    const told = async (): Promise<string | undefined> => (await store.nodes.get('a'))?.value?.refused.odd;
    await until(async () => await told() !== undefined, 'it is refused');
    await delay(TIMING.renewEveryS * 5000);
    assert.match(await told() ?? '', /its URL is odd; tried once, and again after 15 s/);
    assert.equal(nodes[0]!.kernel.attempts.get('odd'), 1);
    nodes[0]!.kernel.refuses.clear();
    await store.cameras.put('odd', { ...odd, camera: { ...odd.camera, url: 'rtsp://127.0.0.1/even' } }, revision);
    await until(() => nodes[0]!.kernel.recording.includes('odd'), 'it is recorded');
    await until(async () => await told() === undefined, 'nothing is refused any more');
    await store.cameras.delete('odd');
    await until(() => onlooker.recorded.size === CAMERAS, 'it is gone');
  });

  it('takes cameras from a node whose kernel does not answer any more, though its agent lives', async () => {
    nodes[0]!.kernel.answers = false;
    await until(() => counts()[0] === 0, 'what was told last has ended');
    await until(all, 'the others record its cameras');
    nodes[0]!.kernel.answers = true;
  });

  it('moves a camera to where a label requires it: the next node holds its pictures, the old one lets go, and the next one begins where that ended', async () => {
    await until(() => nodes[0]!.agent.lease.holds, 'the node in the north lives again');
    TestKernel.pictures = 0;
    const { value, revision } = (await store.cameras.get('cam.0'))!;
    await store.cameras.put('cam.0', { ...value!, require: { building: 'north' } }, revision);
    await until(() => nodes[0]!.kernel.recording.includes('cam.0'), 'it is recorded in the north');
    assert.equal(onlooker.recorded.size, CAMERAS);
    assert.match(nodes[0]!.kernel.seams['cam.0']?.picture ?? '', /^0+1$/);
    const history = (await store.placements.history('cam.0')).slice(-2);
    assert.deepEqual(history.map(({ value }) => [value!.node, value!.from !== undefined, value!.seam?.picture.slice(-1)]), [['a', true, undefined], ['a', false, '1']]);
    await until(async () => (await store.nodes.get(history[0]!.value!.from!.node))?.value?.left === undefined, 'what was left is told no longer than it is asked for');
  });

  it('moves a camera that its node cannot reach to one that can, not to one that cannot; and one that nobody can reach nowhere', async () => {
    const [home, ...others] = nodes.toSorted((one, other) => Number(other.kernel.recording.includes('cam.1')) - Number(one.kernel.recording.includes('cam.1'))) as [TestNode, TestNode, TestNode];
    const off = home.kernel.recording.find((id) => id !== 'cam.0' && id !== 'cam.1')!;
    for (const { kernel } of nodes) kernel.unreachable.add(off);
    home.kernel.unreachable.add('cam.1');
    others[0].kernel.unreachable.add('cam.1');
    await until(() => others[1].kernel.recording.includes('cam.1'), 'the one that can reach it has it');
    await until(() => others.every(({ kernel }) => kernel.asked.has(off)), 'both others tried the one that is off');
    const at = async (): Promise<string | undefined> => { const { node, from } = (await store.placements.get(off))!.value!; return (from ?? { node }).node; };
    assert.equal(await at(), ['a', 'b', 'c.3'][nodes.indexOf(home)], 'it is where it was');
    assert.equal((await store.nodes.get((await at())!))!.value!.cameras[off]!.state, 'unreachable');
    home.kernel.unreachable.delete(off);
    await until(() => home.kernel.recording.includes(off), 'it is recorded there again');
    await until(async () => (await store.placements.get(off))!.value!.from === undefined && nodes.every(({ kernel }) => !kernel.holding.includes(off)), 'nobody tries it any more');
    for (const { kernel } of nodes) kernel.unreachable.clear();
    await until(all, 'everything is recorded');
    assert.equal(others[1].kernel.recording.includes('cam.1'), true, 'it stays where it was reached');
    assert.deepEqual(onlooker.twice, []);
  });

  it('tells of each node what it gives, what its cameras cost, what it waits with, who leads, and of a camera why no node has it', async () => {
    const told = await details();
    const { value: leader } = (await store.leader.get('leader'))!;
    assert.deepEqual(Object.entries(told).map(([id, { leads, labels, capacity_cores: cores, draining, outbox }]) => [id, leads, labels, cores, draining, outbox]), ['a', 'b', 'c.3'].map((id) => [id, id === leader!.node, { building: id === 'a' ? 'north' : 'south' }, 4, null, null]));
    // Nothing is measured here: 0.05 each.
    for (const [index, { used_cores: used, measured_cores: measured }] of Object.values(told).entries()) assert.deepEqual([used.toFixed(2), measured], [(counts()[index]! * 0.05).toFixed(2), 0]);
    await store.outboxes.put('b', { waiting: 7, oldest_age_s: 90, dropped: 2 }, null);
    await until(async () => (await details()).b!.outbox?.waiting === 7, 'what waits is told');
    const { outbox } = (await details()).b!;
    assert.deepEqual([outbox!.oldest_age_s, outbox!.dropped], [90, 2]);
    assert.ok(Math.abs(outbox!.told_at - Date.now() / 1000) < 60);
    const whyOf = async (id: string): Promise<string | undefined> => (await ask())!.cameras[id]?.unplaced;
    await store.cameras.put('west', { camera: { id: 'west', url: 'rtsp://127.0.0.1/west' }, require: { building: 'west' } }, 0);
    await store.cameras.put('huge', { camera: { id: 'huge', url: 'rtsp://127.0.0.1/huge' }, cost_cores: 9 }, 0);
    await until(async () => await whyOf('west') === 'no node that lives has the labels building=west', 'why is told');
    await until(async () => await whyOf('huge') === '3 nodes have no room for 9 cores', 'why is told');
    assert.equal(await whyOf('cam.1'), undefined);
    const described = validator(NodeCamera).parse(await askSocket(fleetSocketPath(directory), 'GET', '/v1/site/cameras/huge'));
    assert.deepEqual([described.site!.node, described.site!.unplaced, described.site!.measured_cores], [null, '3 nodes have no room for 9 cores', null]);
    for (const id of ['west', 'huge']) await store.cameras.delete(id);
  });

  it('empties a node that is drained, says how far that is, and why some stay', async () => {
    const change = (id: string, draining: boolean): Promise<unknown> => askSocket(fleetSocketPath(directory), 'PATCH', `/v1/site/nodes/${id}`, { draining });
    await assert.rejects(change('nobody', true), { code: 'not_found', message: 'the site has no node nobody; it has a, b, c.3' });
    await assert.rejects(askSocket(fleetSocketPath(directory), 'PATCH', '/v1/site/nodes/a', { draining: 'yes' }), { code: 'bad_request' });
    const before = counts()[2]!;
    assert.ok(before > 0);
    await change('c.3', true);
    assert.equal((await ask())!.nodes['c.3']!.state, 'draining', 'who reads after it finds it');
    const begun = (await details())['c.3']!.draining!;
    assert.deepEqual([begun.cameras, begun.left <= before], [before, true]);
    await until(() => counts()[2] === 0 && all(), 'the others record everything');
    await until(async () => (await details())['c.3']!.draining!.left === 0, 'that all have moved is told');
    await change('c.3', true);
    assert.deepEqual((await details())['c.3']!.draining, { ...begun, left: 0, staying: null }, 'it goes on being drained');
    // Who waits for it hears of that; and a node takes back at its start what was asked for its end, and nothing else.
    const drains = new SiteDrains(store);
    assert.deepEqual(await drains.emptied('c.3', 60), []);
    await drains.started('c.3');
    assert.notEqual((await store.drains.get('c.3'))!.value, null);
    // One is in the north, where no other node is.
    await change('a', true);
    await until(async () => (await details()).a!.draining!.left === 1 && counts()[0] === 1, 'all but that one have moved');
    await until(async () => (await details()).a!.draining!.staying === 'no node that lives has the labels building=north', 'why it stays is told');
    await until(async () => (await drains.emptied('a', 0)).length === 1, 'its own row tells it, too');
    await change('a', false);
    await drains.drain('a', { untilStart: true });
    assert.equal((await store.drains.get('a'))!.value!.until_start, true);
    await drains.started('a');
    assert.equal((await store.drains.get('a'))!.value, null);
    await until(async () => (await ask())!.nodes.a!.state === 'lives', 'it may have cameras again');
    assert.equal((await ask())!.nodes.a!.state, 'lives');
    assert.equal((await details()).a!.draining, null);
    await until(all, 'everything is recorded');
  });

  it('goes on when NATS was away for less than a lease, and comes back when it was away for longer', async () => {
    await nats.kill();
    await delay(TIMING.leaseS * 300);
    await nats.run();
    await until(() => nodes[0]!.agent.lease.holds && nodes[1]!.agent.lease.holds, 'they are connected again');
    await until(all, 'everything is recorded');
    await nats.kill();
    await until(() => onlooker.recorded.size === 0, 'nobody may record without a lease');
    await assert.rejects(askSocket(fleetSocketPath(directory), 'POST', '/v1/site/cameras', { camera: { id: 'lost', url: 'rtsp://127.0.0.1/x' } }), { code: 'unreachable', message: /NATS is away: cameras of the site cannot be changed at the moment, and nothing was/ });
    await assert.rejects(askSocket(fleetSocketPath(directory), 'PATCH', '/v1/site/nodes/b', { draining: true }), { code: 'unreachable', message: /NATS is away: nodes of the site cannot be changed at the moment, and nothing was/ });
    await nats.run();
    await until(all, 'everything is recorded again');
    assert.equal(await store.drains.get('b'), null);
    assert.equal(await store.cameras.get('lost'), null, 'what was refused is not done later');
  });

  it('finds another leader, and nodes for the cameras of the one that led', async () => {
    const { value } = (await store.leader.get('leader'))!;
    const leader = nodes[['a', 'b', 'c.3'].indexOf(value!.node)]!;
    await leader.end();
    // Where that was the one in the north, one camera may be nowhere.
    const placeable = leader === nodes[0] ? CAMERAS - 1 : CAMERAS;
    await until(() => leader.kernel.recording.length === 0 && onlooker.recorded.size === placeable, 'the others record everything that they may');
    await store.cameras.put('late', { camera: { id: 'late', url: 'rtsp://127.0.0.1/x' } }, 0);
    await until(() => onlooker.recorded.has('late'), 'what is new is placed');
    assert.notEqual((await store.leader.get('leader'))!.value!.node, value!.node);
  });

  it('never had a camera recorded by two nodes', () => {
    assert.deepEqual(onlooker.twice, []);
    assert.deepEqual(nodes.map(({ failure }) => failure), [null, null, null]);
  });
});
