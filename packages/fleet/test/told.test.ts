// What a node is told, heard and looked up, and what it takes of it in a time that is short: by a real NATS server and a link that is cut.
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { headers } from '@nats-io/transport-node';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type NodePlacement } from '@ruth/protocol';
import { NodeLease, SiteKeyFile, SiteStore } from '../src/index.ts';
import { OwnCameras } from '../src/own-cameras.ts';
import { connectSite, toldSubject } from '../src/site-store.ts';
import { Told } from '../src/told.ts';
import { Link, Nats, natsMissing } from './nats.ts';
import { logger, nowS, until } from './site-run.ts';

const NODE = 'a.1';
const INCARNATION = '00000000-0000-4000-8000-000000000001';

describe('what a node is told', { skip: natsMissing() }, () => {
  let leader: SiteStore;
  let store: SiteStore;
  let link: Link;
  const heard: number[] = [];
  const resources = new AsyncDisposableStack();
  const open = (url: string): Promise<SiteStore> => SiteStore.open({ servers: [url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, logger);

  before(async () => {
    const nats = resources.use(await Nats.start());
    leader = resources.use(await open(nats.url));
    link = resources.use(new Link(Number(new URL(nats.url).port)));
    store = resources.use(await open(await link.listen()));
    const stop = new AbortController();
    const following = new Told(store, NODE, ({ revision }) => heard.push(revision), logger).follow(stop.signal);
    resources.defer(async () => { stop.abort(); await following; });
  });
  after(() => resources.disposeAsync());

  it('is heard, each once and in order, and no other node', async () => {
    const revisions: number[] = [];
    for (let count = 0; count < 20; count++) {
      await leader.ofNodes.put('a.2', { cameras: {} }, null);
      revisions.push(await leader.ofNodes.put(NODE, { cameras: {} }, null));
    }
    await until(() => heard.at(-1) === revisions.at(-1), 'the last is heard');
    // The first few it may have looked up, which tells the newest alone.
    assert.deepEqual(heard, revisions.slice(-heard.length));
    assert.ok(heard.length > 10, 'they are heard, not looked up');
  });

  it('is not what somebody says who is no server', async () => {
    const before = heard.length;
    leader.connection.publish(toldSubject(NODE), 'x');
    const said = headers();
    said.set('Nats-Sequence', String(heard.at(-1)! + 1));
    leader.connection.publish(toldSubject(NODE), '{"cameras":5}', { headers: said });
    const revision = await leader.ofNodes.put(NODE, { cameras: {} }, null);
    await until(() => heard.at(-1) === revision, 'what is true is heard');
    assert.equal(heard.length, before + 1);
  });

  it('is looked up where it was told while the node was cut off', async () => {
    link.cut();
    const revision = await leader.ofNodes.put(NODE, { cameras: {} }, null);
    link.mend();
    await until(() => heard.at(-1) === revision, 'it is known all the same');
  });

  it('is taken as far as there is time, and a camera that waits for being looked up stays as it was', async () => {
    const lease = new NodeLease(INCARNATION, nowS);
    const own = new OwnCameras({ id: NODE, store, keys: new SiteKeyFile('/nonexistent', logger), nowS, logger });
    const cameras: NodePlacement['cameras'] = {};
    for (const id of ['x', 'y']) {
      const settings = await leader.cameras.put(id, { camera: { id, url: 'rtsp://127.0.0.1/old' } }, 0);
      cameras[id] = { settings, term: await leader.placements.put(id, { node: NODE, incarnation: INCARNATION }, 0) };
    }
    const learn = async (limitS: number): Promise<unknown> => own.learn({ ...cameras }, lease, () => true, limitS);
    const urls = (): (string | undefined)[] => [...own.cameras.values()].map(({ camera }) => camera.url);
    assert.deepEqual([await learn(0), urls()], [{ missing: 0, late: 2 }, []]);
    assert.deepEqual([await learn(60), urls()], [{ missing: 0, late: 0 }, ['rtsp://127.0.0.1/old', 'rtsp://127.0.0.1/old']]);
    cameras.x = { ...cameras.x!, settings: await leader.cameras.put('x', { camera: { id: 'x', url: 'rtsp://127.0.0.1/new' } }, cameras.x!.settings) };
    assert.deepEqual([await learn(0), urls()], [{ missing: 0, late: 1 }, ['rtsp://127.0.0.1/old', 'rtsp://127.0.0.1/old']]);
    link.cut();
    await assert.rejects(learn(60), { code: 'unreachable' });
    assert.equal(own.cameras.size, 2, 'what could not be looked up is not taken away');
    link.mend();
    await until(async () => JSON.stringify(await learn(60).catch(() => null)) === '{"missing":0,"late":0}', 'all is looked up');
    assert.deepEqual(urls().sort(), ['rtsp://127.0.0.1/new', 'rtsp://127.0.0.1/old']);
    delete cameras.y;
    assert.deepEqual([await learn(60), own.cameras.size], [{ missing: 0, late: 0 }, 1]);
  });
});

it('in a site that was set up before servers were asked to say it again, a node hears at once what it is told, by who leads', { skip: natsMissing() }, async () => {
  await using nats = await Nats.start();
  {
    await using old = await connectSite({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'old' });
    await new Kvm(jetstream(old)).create('ruth_placement', { history: 16, allow_direct: false });
  }
  await using store = await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, logger);
  const heard: number[] = [];
  const stop = new AbortController();
  await using _following = { [Symbol.asyncDispose]: async () => { stop.abort(); await following; } };
  const following = new Told(store, NODE, ({ revision }) => heard.push(revision), logger).follow(stop.signal);
  let revision = 0;
  const told: number[] = [];
  for (let count = 0; count < 20; count++) told.push(revision = await store.tell(NODE, { cameras: {} }, revision));
  await until(() => heard.at(-1) === revision, 'the last is heard');
  assert.deepEqual(heard, told.slice(-heard.length));
  assert.ok(heard.length > 10, 'they are heard, not looked up');
});
