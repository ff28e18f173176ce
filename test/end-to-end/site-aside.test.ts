// A node of a site is cut off from NATS while it records, and the one that gets its camera does not reach that: real kernels and agents, a real NATS server, and a camera that knows which
// pictures it sent. The node that comes back goes on aside until the other one records, and each picture then is in one index, once. Needs network namespaces: else it is skipped.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '@ruth/transport';
import { CLIP_FPS, hdClip } from '../../bench/hd-clip.ts';
import { SiteStore } from '../../packages/fleet/src/index.ts';
import { Nats, natsMissing } from '../../packages/fleet/test/nats.ts';
import { CameraNetwork } from '../chaos/camera-network.ts';
import { ClipCamera } from '../chaos/clip-camera.ts';
import { FleetNode } from '../chaos/fleet-node.ts';
import { numbersIn } from '../chaos/numbered-source.ts';

const CAMERA = 'gate';
const PATIENCE_MS = 120_000;

/** Numbers of the pictures in a node's index. */
function recorded(node: FleetNode): number[] {
  using index = new DatabaseSync(join(node.recordings, 'index.sqlite'), { readOnly: true });
  const rows = index.prepare('SELECT file FROM segments WHERE camera = ? ORDER BY start_us').all(CAMERA) as unknown as { file: string }[];
  return rows.flatMap(({ file }) => numbersIn(readFileSync(join(node.recordings, file))));
}

function filesAside(node: FleetNode): string[] {
  const folder = join(node.recordings, '.unclaimed');
  return existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.mp4')) : [];
}

test('a node that is back goes on aside while the one that has its camera does not reach it: no picture is missing then, and none is recorded twice', { skip: natsMissing(), timeout: 300_000 }, async (context) => {
  await using stack = new AsyncDisposableStack();
  const network = CameraNetwork.make(2);
  if (network === null) return context.skip('network namespaces may not be made here');
  stack.use(network);
  const clip = await hdClip(320, 240);
  const folder = mkdtempSync(join(tmpdir(), 'ruth-aside-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const nats = stack.use(await Nats.start());
  const camera = stack.use(await ClipCamera.start(clip.path, network.address));
  const store = stack.use(await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, createLogger('test', 'silent')));
  const until = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
    for (const endsAt = Date.now() + PATIENCE_MS; !await condition(); await delay(200)) assert.ok(Date.now() < endsAt, what);
  };
  const start = async (index: number, id: string): Promise<FleetNode> => stack.use(await FleetNode.start(id, join(folder, id), [Number(new URL(nats.url).port)], null, ['kernel', 'fleet'], null, network.links[index]));
  const stateAt = async (id: string): Promise<string | undefined> => (await store.nodes.get(id))?.value?.cameras[CAMERA]?.state;

  // Who leads stays connected.
  const other = await start(1, 'other');
  await until(async () => (await store.leader.get('leader'))?.value?.node === 'other', 'the other node leads');
  await store.drains.put('other', { since: 0 }, null);
  const cut = await start(0, 'cut');
  await store.cameras.put(CAMERA, { camera: { id: CAMERA, url: camera.url }, cost_cores: 0.1 }, 0);
  await until(async () => await stateAt('cut') === 'recording', 'the node that will be cut off records');
  await store.drains.delete('other');
  network.links[1]!.cut();
  const from = camera.sent;
  for (const link of cut.links) link.cut();
  await until(async () => (await store.placements.get(CAMERA))?.value?.node === 'other', 'the other node is to have the camera');
  const { incarnation } = (await store.nodes.get('cut'))!.value!;
  await until(() => filesAside(cut).length > 0, 'the node that is cut off records aside');
  for (const link of cut.links) link.mend();
  await until(async () => (await store.nodes.get('cut'))?.value?.incarnation !== incarnation, 'the node that was cut off is back');
  const back = camera.sent;
  await until(() => camera.sent > back + 4 * CLIP_FPS, 'it goes on aside');
  assert.notEqual(await stateAt('other'), 'recording');
  network.links[1]!.mend();
  await until(async () => await stateAt('other') === 'recording', 'the other node records');
  await until(() => filesAside(cut).length === 0, 'what lay aside is decided about');
  const last = camera.sent;
  await until(() => camera.sent > last + 2 * CLIP_FPS, 'the other node goes on');
  await Promise.all([cut, other].map((node) => node[Symbol.asyncDispose]()));

  const all = [cut, other].flatMap((node) => recorded(node));
  assert.equal(new Set(all).size, all.length, 'no picture is in both indexes, nor twice in one');
  const has = new Set(all);
  const missing = Array.from({ length: last - from }, (_, index) => from + index).filter((number) => !has.has(number));
  assert.deepEqual(missing, [], `the first of them is ${missing[0]! - back} after the node was back`);
});
