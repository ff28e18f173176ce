// Nodes that lose NATS go on aside, and what they recorded is claimed up to where another node began: by a real NATS server, kernels that keep what they are told.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SiteStore } from '../src/index.ts';
import { Nats, natsMissing } from './nats.ts';
import { logger, Onlooker, TestNode, until } from './site-run.ts';

const CAMERAS = ['one', 'two', 'three'];

describe('nodes that lose NATS', { skip: natsMissing() }, () => {
  let nats: Nats;
  let onlooker: Onlooker;
  const nodes: TestNode[] = [];
  const resources = new AsyncDisposableStack();

  before(async () => {
    nats = resources.use(await Nats.start());
    const store = resources.use(await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, logger));
    for (const id of ['a', 'b']) nodes.push(resources.use(await TestNode.start(id, Number(new URL(nats.url).port))));
    onlooker = resources.use(new Onlooker(nodes));
    for (const id of CAMERAS) await store.cameras.put(id, { camera: { id, url: 'rtsp://127.0.0.1/x' } }, 0);
    await until(() => onlooker.recorded.size === CAMERAS.length, 'every camera is recorded');
  });
  after(() => resources.disposeAsync());

  it('keep their cameras while NATS is gone for all, and have them again, with all that was recorded meanwhile', async () => {
    const held = nodes.map(({ kernel }) => [...kernel.recording].sort());
    await nats.kill();
    await until(() => onlooker.recorded.size === 0, 'no lease is left');
    assert.deepEqual(nodes.map(({ kernel }) => [...kernel.aside].sort()), held, 'every camera goes on aside');
    assert.ok(nodes.every(({ kernel }) => kernel.endedSinceS < 30), 'it is told when the lease ended: aside it records for a day from then');
    nodes[0]!.kernel.beginAnew();
    await until(() => nodes[0]!.kernel.aside.length === held[0]!.length, 'a kernel that was started anew meanwhile goes on aside, too');
    for (const [index, { kernel }] of nodes.entries()) for (const id of held[index]!) kernel.unclaimed.set(id, { from: Date.now() / 1000 - 1, to: Date.now() / 1000 });
    await nats.run();
    const lost: string[] = [];
    await until(() => {
      const there = new Set(nodes.flatMap(({ kernel }) => [...kernel.recording, ...kernel.aside]));
      for (const id of CAMERAS) if (!there.has(id)) lost.push(id);
      return onlooker.recorded.size === CAMERAS.length;
    }, 'every camera is recorded again');
    await until(() => nodes.every(({ kernel }) => kernel.unclaimed.size === 0), 'what was recorded aside is claimed');
    assert.deepEqual(lost, [], 'no camera was let go meanwhile');
    assert.deepEqual(nodes.flatMap(({ kernel }) => kernel.aside), []);
    assert.deepEqual(nodes.map(({ kernel }) => [...kernel.recording].sort()), held, 'no node was taken for gone');
    assert.deepEqual(nodes.flatMap(({ kernel }) => kernel.claims.splice(0)).map(({ camera, delete: gone }) => ({ camera, gone })).sort((a, b) => a.camera.localeCompare(b.camera)), [...CAMERAS].sort().map((camera) => ({ camera, gone: [] })));
    assert.deepEqual(onlooker.twice, []);
  });

  it('let go of what another node has since, and claim what that one did not record', async () => {
    const [gone, other] = nodes[0]!.kernel.recording.length > 0 ? [nodes[0]!, nodes[1]!] : [nodes[1]!, nodes[0]!];
    const held = [...gone.kernel.recording].sort();
    const from = Date.now() / 1000 - 10;
    // It is named, and does not reach the first of them.
    const [unreached] = held as [string];
    other.kernel.unreachable.add(unreached);
    gone.link.cut();
    await until(() => held.every((id) => id === unreached || other.kernel.recording.includes(id)), 'the other node has them');
    const began = Date.now() / 1000;
    assert.deepEqual([...gone.kernel.aside].sort(), held, 'it cannot know, and goes on aside');
    await until(() => Date.now() / 1000 > began + 3, 'some seconds pass');
    const to = Date.now() / 1000;
    for (const id of held) gone.kernel.unclaimed.set(id, { from, to });
    gone.link.mend();
    await until(() => held.every((id) => id === unreached || !gone.kernel.aside.includes(id)), 'it lets go of what the other one records');
    assert.ok([...gone.kernel.aside, ...gone.kernel.holding, ...gone.kernel.recording].includes(unreached), 'what nobody else records goes on');
    await until(() => gone.kernel.aside.length === 0 && gone.kernel.unclaimed.size === 0, 'it has what the other one does not reach, and it is known what that one has recorded', 90_000);
    for (const id of held) {
      const claims = gone.kernel.claims.filter(({ camera }) => camera === id);
      const [claimed, deleted] = [claims.flatMap(({ claim }) => claim), claims.flatMap((request) => request.delete)];
      assert.equal(claimed[0]!.start, from);
      if (id === unreached) assert.deepEqual([claimed.at(-1)!.end >= to, deleted], [true, []], 'nothing is lost of what nobody else recorded');
      else assert.ok(claimed.every(({ end }) => end < began) && deleted.some(({ end }) => end >= to), `${id}: ${JSON.stringify(claimed)} is claimed; the other one began at ${began} at the latest`);
    }
    assert.deepEqual(onlooker.twice, []);
  });
});
