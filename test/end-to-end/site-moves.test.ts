// A node of a site is drained while it records: real kernels and agents, a real NATS server, and a camera that knows which pictures it sent.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '@ruth/transport';
import { hdClip } from '../../bench/hd-clip.ts';
import { SiteStore } from '../../packages/fleet/src/index.ts';
import { Nats, natsMissing } from '../../packages/fleet/test/nats.ts';
import { ClipCamera } from '../chaos/clip-camera.ts';
import { FleetNode } from '../chaos/fleet-node.ts';

const CAMERAS = ['cam-0', 'cam-1', 'cam-2'];
const PATIENCE_MS = 120_000;

interface Recorded { readonly file: string; readonly startUs: number; readonly endUs: number }

function recorded(node: FleetNode, camera: string): Recorded[] {
  try {
    using index = new DatabaseSync(join(node.recordings, 'index.sqlite'), { readOnly: true });
    return (index.prepare('SELECT file, start_us, end_us FROM segments WHERE camera = ? ORDER BY start_us').all(camera) as unknown as { file: string; start_us: number; end_us: number }[])
      .map(({ file, start_us: startUs, end_us: endUs }) => ({ file: join(node.recordings, file), startUs, endUs }));
  } catch {
    return [];
  }
}

test('a node that is drained while it records three cameras: no picture of theirs is missing, and none is recorded twice', { skip: natsMissing(), timeout: 300_000 }, async () => {
  const clip = await hdClip(320, 240);
  const folder = mkdtempSync(join(tmpdir(), 'ruth-moves-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const nats = stack.use(await Nats.start());
  const camera = stack.use(await ClipCamera.start(clip.path));
  const store = stack.use(await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, createLogger('test', 'silent')));
  const start = async (id: string): Promise<FleetNode> => stack.use(await FleetNode.start(id, join(folder, id), [Number(new URL(nats.url).port)], null, ['kernel', 'fleet']));
  const until = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
    for (const endsAt = Date.now() + PATIENCE_MS; !await condition(); await delay(200)) assert.ok(Date.now() < endsAt, what);
  };
  const records = async (node: string): Promise<boolean> => {
    const cameras = (await store.nodes.get(node))?.value?.cameras;
    return CAMERAS.every((id) => cameras?.[id]?.state === 'recording');
  };

  const first = await start('first');
  for (const id of CAMERAS) await store.cameras.put(id, { camera: { id, url: camera.url }, cost_cores: 0.1 }, 0);
  await until(() => records('first'), 'the first node records');
  const next = await start('next');
  await until(async () => (await store.nodes.get('next'))?.value?.revoked === false, 'the next node is there');
  await store.drains.put('first', { since: 0 }, null);
  await until(() => records('next'), 'the next node records');
  await until(async () => Object.keys((await store.nodes.get('first'))!.value!.cameras).length === 0, 'the first node has let go');
  const terms = await Promise.all(CAMERAS.map((id) => store.placements.history(id)));
  await Promise.all([first, next].map((node) => node[Symbol.asyncDispose]()));

  for (const [index, id] of CAMERAS.entries()) {
    const [before, after] = [recorded(first, id), recorded(next, id)];
    assert.deepEqual(terms[index]!.slice(-2).map(({ value }) => [value!.node, value!.from?.node, value!.seam !== undefined]), [['next', 'first', false], ['next', undefined, true]], id);
    assert.equal(after[0]!.startUs, before.at(-1)!.endUs, `${id}: the dates of one go on where those of the other ended`);
    const { pictures, missing } = await camera.missing([...before, ...after].map(({ file }) => file));
    assert.ok(pictures > 50);
    assert.equal(missing, 0, `${id}: pictures between those of both nodes`);
  }
});
