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
    for (const [index, { kernel }] of nodes.entries()) for (const id of held[index]!) kernel.unclaimed.set(id, { from: Date.now() / 1000 });
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
    assert.deepEqual(nodes.flatMap(({ kernel }) => kernel.claims.splice(0)).sort((a, b) => a.camera.localeCompare(b.camera)), [...CAMERAS].sort().map((camera) => ({ camera, until: null })));
    assert.deepEqual(onlooker.twice, []);
  });

  it('let go of what another node has since, and claim nothing of what came after that', async () => {
    const [gone, other] = nodes[0]!.kernel.recording.length > 0 ? [nodes[0]!, nodes[1]!] : [nodes[1]!, nodes[0]!];
    const held = [...gone.kernel.recording];
    const from = Date.now() / 1000;
    gone.link.cut();
    await until(() => held.every((id) => other.kernel.recording.includes(id)), 'the other node has them');
    assert.deepEqual([...gone.kernel.aside].sort(), held.sort(), 'it cannot know, and goes on aside');
    for (const id of held) gone.kernel.unclaimed.set(id, { from: from + 2 });
    gone.link.mend();
    await until(() => gone.kernel.aside.length === 0 && gone.kernel.unclaimed.size === 0, 'it lets go');
    for (const { camera, until: untilS } of gone.kernel.claims) assert.ok(untilS !== null && untilS > from - 2 && untilS < Date.now() / 1000 - 1, `${camera} is claimed until ${untilS}, ${from} being when the link was cut`);
    assert.deepEqual(gone.kernel.claims.map(({ camera }) => camera).sort(), held.sort());
    assert.deepEqual(onlooker.twice, []);
  });
});
