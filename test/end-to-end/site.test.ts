// Two nodes of a site on one machine, as docs/scale.md has them: a camera of the site is recorded by one, also while NATS is away, and by the other when the first is gone.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { join } from 'node:path';
import type { CameraStatus, Timeline } from '@ruth/protocol';
import { Clips, launch, noCamera, RealCamera } from '../../packages/kernel/test/real-camera.ts';
import { Nats, natsMissing } from '../../packages/fleet/test/nats.ts';
import { commandLine, root, RunningRuth } from './running-ruth.ts';

const run = promisify(execFile);
const PATIENCE_MS = 120_000;
/** A lease lasts 12 s. */
const NATS_AWAY_MS = 20_000;

interface SiteStatus { readonly leader: string | null; readonly nodes: Record<string, { state: string; cameras: number }>; readonly cameras: Record<string, { url: string; node: string | null; state: string }> }

test('a camera of a site is recorded by one of its nodes, and by another when that one is gone', { skip: natsMissing() || noCamera, timeout: 300_000 }, async () => {
  await using clips = await Clips.open();
  await using camera = await RealCamera.start({ one: launch.h264(await clips.make('one.mp4')) });
  await using nats = await Nats.start();
  const keyFolder = mkdtempSync(join(tmpdir(), 'ruth-site-key-'));
  const start = (node: string): Promise<RunningRuth> => RunningRuth.start(['up'], { models: [], cameras: [], recording: { directory: 'recordings', segment_s: 2, min_free_gb: 0 }, live: { webrtc: { active: false } }, site: { nats: [nats.url], node, labels: { name: node }, key_file: join(keyFolder, 'site.key') } });
  const nodes = { north: await start('north'), south: await start('south') };
  const site = async (...args: string[]): Promise<string> => (await run(process.execPath, [join(root, 'packages/cli/bin/ruth.js'), 'site', ...args, '-c', join(nodes.south.folder, 'ruth.yaml')])).stdout;
  const status = async (): Promise<SiteStatus> => JSON.parse(await site('status', '--json')) as SiteStatus;
  const recordedBy = async (node: RunningRuth): Promise<boolean> => {
    const cameras = await (await fetch(new URL('/api/v1/cameras', node.url), { headers: node.headers })).json() as CameraStatus[];
    return cameras.some(({ camera_id: id, recording }) => id === 'gate' && recording.state === 'recording');
  };
  const until = async (condition: () => Promise<boolean>, what: string): Promise<void> => {
    for (const endsAt = Date.now() + PATIENCE_MS; !await condition(); await delay(300)) assert.ok(Date.now() < endsAt, what);
  };
  try {
    await until(async () => Object.keys((await status()).nodes).length === 2, 'both nodes are there');
    await assert.rejects(site('add', 'gate', camera.url('one', 'joe:s3cret')), /no key of the site.*ruth site key make/s);
    await site('key', 'make');
    assert.match(await site('add', 'gate', camera.url('one', 'joe:s3cret'), '--prefer', 'name=north'), /the site has gate/);
    await until(() => recordedBy(nodes.north), 'the node in the north records it');
    const { cameras } = await status();
    assert.equal(cameras['gate']!.node, 'north');
    assert.doesNotMatch(JSON.stringify(cameras), /s3cret/);
    assert.equal(await recordedBy(nodes.south), false);
    const kept = readdirSync(nats.directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    assert.ok(kept.some((content) => content.includes('sealed:v1.')));
    assert.ok(!kept.some((content) => content.includes('s3cret')), 'no password lies in NATS');
    assert.doesNotMatch(Object.values(nodes).flatMap((node) => node.descendants()).map(commandLine).join('\n'), /s3cret/);

    const goneS = Date.now() / 1000;
    await nats.kill();
    await delay(NATS_AWAY_MS);
    const backS = Date.now() / 1000;
    await nats.run();
    const missing = async (): Promise<number> => {
      const { spans } = await (await fetch(new URL(`/api/v1/cameras/gate/timeline?start=${goneS}&end=${backS}`, nodes.north.url), { headers: nodes.north.headers })).json() as Timeline;
      return backS - goneS - spans.reduce((sum, { start, end }) => sum + Math.max(0, Math.min(end, backS) - Math.max(start, goneS)), 0);
    };
    await until(async () => await missing() < 0.1, 'all that came while NATS was gone for longer than a lease is among the recordings');
    assert.equal((await status()).cameras['gate']!.node, 'north');

    nodes.north.child.kill('SIGKILL');
    await until(() => recordedBy(nodes.south), 'the node in the south records it');
    assert.deepEqual(await status().then(({ nodes: { north }, cameras: { gate } }) => [north!.state, gate!.node]), ['gone', 'south']);
    await site('remove', 'gate');
    await until(async () => !await recordedBy(nodes.south), 'nobody records it any more');
    assert.doesNotMatch([...nodes.south.output, ...nodes.north.output].join('\n'), /s3cret/);
  } finally {
    for (const node of Object.values(nodes)) await node[Symbol.asyncDispose]();
    rmSync(keyFolder, { recursive: true });
  }
});
