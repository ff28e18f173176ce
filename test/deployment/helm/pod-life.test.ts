// The life of a pod of the chart, acted out as Kubernetes would with the very commands, probes, hooks, users and volumes that it renders: it starts, is ready, records, is deleted,
// and starts again, beside another one (of which what does not record is left out). Not a picture of its camera is missing or there twice.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '@ruth/transport';
import { hdClip } from '../../../bench/hd-clip.ts';
import { SiteStore } from '../../../packages/fleet/src/index.ts';
import { freePorts, Nats, natsMissing } from '../../../packages/fleet/test/nats.ts';
import { ClipCamera } from '../../chaos/clip-camera.ts';
import { numbersIn } from '../../chaos/numbered-source.ts';
import { Renderer } from './chart.ts';
import { cannotAct, Pod } from './kubelet.ts';

const LIMIT_MS = 120_000;

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const endMs = performance.now() + LIMIT_MS; !await isSo(); await delay(100)) assert.ok(performance.now() < endMs, what);
}

/** Numbers of the pictures that its files hold. */
const picturesOf = (pod: Pod): number[] => globSync('cam/**/*.mp4', { cwd: pod.pathOf('recordings') }).toSorted().flatMap((file) => numbersIn(readFileSync(join(pod.pathOf('recordings'), file))));

test('a pod starts, is ready, records, gives its camera away when it is deleted, and has cameras again when it is back', { skip: natsMissing() || cannotAct() }, async () => {
  await using nats = await Nats.start();
  const { path } = await hdClip(320, 240);
  await using camera = await ClipCamera.start(path);
  using renderer = new Renderer();
  const ports = await freePorts(2);
  const podOf = (name: string, index: number): Pod => new Pod(renderer.render({
    node: { kind: 'StatefulSet', port: ports[index] }, site: { nats: [nats.url], replicas: 1, labels: { pod: name } }, models: [], settings: { recording: { max_age_days: 1, min_free_gb: 0, segment_s: 2 }, live: { webrtc: { active: false } }, log_level: 'error' },
  }).resources, name);
  using north = podOf('north-0', 0);
  using south = podOf('south-0', 1);
  // What the site shares is away when they start: nobody ends for it, so nobody is started anew ever later.
  await nats.kill();
  await Promise.all([north.start(), south.start(['kernel', 'core', 'fleet'])]);
  await nats.run();
  await using store = await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, createLogger('test', 'silent'));
  const nodeOf = async (): Promise<string | null> => (await store.placements.get('cam'))?.value?.node ?? null;
  const both = async (): Promise<boolean> => (await Promise.all(['north-0', 'south-0'].map((id) => store.nodes.get(id)))).every((row) => row?.value && !row.value.revoked);
  await until(both, 'both are nodes of the site, called as their pods are');
  await store.cameras.put('cam', { camera: { id: 'cam', url: camera.url }, prefer: { pod: 'north-0' } }, 0);
  await until(() => picturesOf(north).length > 50, 'the north records');

  const { statuses, hooks, seconds } = await north.delete();
  assert.deepEqual(statuses, { kernel: 0, core: 0, server: 0, fleet: 0, outbox: 0 }, `after ${seconds.toFixed(0)} s`);
  assert.deepEqual(hooks, { kernel: 0, core: 0, server: 0, fleet: 0, outbox: 0 });
  assert.equal(await nodeOf(), 'south-0');
  await until(() => picturesOf(south).length > 50, 'the south records');
  const all = [...picturesOf(north), ...picturesOf(south)].toSorted((a, b) => a - b);
  assert.deepEqual(all, Array.from({ length: all.length }, (_, index) => all[0]! + index), 'no picture is missing, and none is there twice');

  assert.equal((await store.drains.get('north-0'))!.value!.until_start, true);
  await north.start(['kernel', 'fleet']);
  await until(async () => await both() && (await store.nodes.get('north-0'))!.value!.draining === false && (await store.drains.get('north-0'))!.value === null, 'it may have cameras again');
});
