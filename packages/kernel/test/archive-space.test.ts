// What recordings take of a disk: the oldest go by age, and early where it is nearly full; a full one pauses recording, and ends no kernel.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLogger } from '@ruth/transport';
import { Archive } from '../src/record/archive/index.ts';
import { archivePlaces, check, DAY_US, kindsOf, noFfmpeg, recorded, settings, START_US, tell } from './archive-place.ts';

const real = { skip: noFfmpeg };
const place = archivePlaces();

test('the oldest recordings go by age, then the empty folders; what is kept or held stays until it is not', real, async () => {
  await using at = await place({ maxAgeDays: 1 });
  const segments = await recorded(at);
  const { archive, folder, time } = at;
  await archive.keep('cam', segments[0]!.startUs, segments[0]!.startUs + 1, true);
  const held = archive.hold([segments[1]!.file]);
  time.us = START_US + 2 * DAY_US;
  await archive.sweep();
  assert.deepEqual((await archive.segments('cam', 0, Infinity)).map(({ file }) => file), [segments[0]!.file, segments[1]!.file]);
  assert.deepEqual([0, 1, 2].map((which) => existsSync(archive.path(segments[which]!))), [true, true, false]);
  held[Symbol.dispose]();
  await archive.keep('cam', 0, 1e16, false);
  await archive.sweep();
  assert.deepEqual(await archive.segments('cam', 0, Infinity), []);
  assert.deepEqual(await readdir(join(folder.directory, 'cam')), []);
  assert.deepEqual(kindsOf(await check(folder.directory)), []);
});

test('a nearly full disk is told of once, and the oldest are deleted early; with room again, that is told too', real, async () => {
  await using at = await place({ minFreeBytes: 1e9 });
  const segments = await recorded(at);
  const { archive, disk, events } = at;
  const states = (): unknown[] => events.flatMap((event) => (event.type === 'recording.storage' ? event.state : []));
  disk.freeBytes = 1e9 - segments[0]!.bytes;
  await archive.sweep();
  const left = await archive.segments('cam', 0, Infinity);
  assert.ok(left.length < segments.length);
  disk.freeBytes = 1.1e9;
  await archive.sweep();
  disk.freeBytes = 1e9;
  await archive.sweep();
  assert.deepEqual(states(), ['nearly_full']);
  assert.equal((await archive.segments('cam', 0, Infinity)).length, left.length, 'no more than was needed');
  disk.freeBytes = 2e9;
  await archive.sweep();
  assert.deepEqual(states(), ['nearly_full', 'ok']);
});

test('a full disk: recording pauses with an event and a gap, old recordings make room, and it goes on by itself', real, async () => {
  await using at = await place();
  const segments = await recorded(at);
  const { archive, events, time } = at;
  const camera = archive.camera(settings('cam'));
  camera.take({ type: 'recording-paused', cause: 'disk_full', message: 'ENOSPC', atUs: segments[4]!.endUs });
  time.us += 3e6;
  archive.look();
  await archive.sweep();
  assert.equal((await archive.storage()).state, 'full');
  assert.match(archive.health.message!, /recording pauses until there is room\. No recording older than a minute is left/);
  assert.deepEqual(await archive.segments('cam', 0, Infinity), [], 'everything older than a minute made room');
  const [next] = await at.folder.record('cam', at.clip, { startUs: time.us });
  tell(camera, next!, true);
  await archive.sweep();
  assert.deepEqual([archive.health.state, archive.health.since], ['full', (time.us) / 1e6], 'the room may last for moments');
  assert.match(archive.health.message!, /recording goes on, for as long as there is room/);
  time.us += 30e6;
  await archive.sweep();
  assert.deepEqual(events.flatMap((event) => (event.type === 'recording.storage' ? event.state : [])), ['full', 'ok']);
  const { gaps } = await archive.timeline('cam', START_US, time.us + 60e6);
  assert.deepEqual(gaps.map(({ start, end, cause }) => [start, end, cause]), [[segments[4]!.endUs / 1e6, next!.startUs / 1e6, 'disk_full']]);
});

test('a kernel that died as the disk filled up starts on the full disk, and makes room for what the index must note', real, async (context) => {
  await using at = await place();
  await recorded(at);
  const small = `${at.folder.directory}-small`;
  await mkdir(small);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small]).status !== 0) return context.skip('needs to mount a small disk');
  try {
    await at.archive[Symbol.asyncDispose]();
    await cp(at.folder.directory, join(small, 'recordings'), { recursive: true });
    spawnSync('dd', ['if=/dev/zero', `of=${small}/ballast`, 'bs=4096'], { stdio: 'ignore' });
    await using archive = await Archive.open({
      settings: { directory: join(small, 'recordings'), segmentS: 2, maxAgeDays: null, maxBytes: null, minFreeBytes: 0 }, logger: createLogger('kernel', 'silent'), onEvent: () => undefined,
    });
    const { gaps } = await archive.timeline('cam', START_US, START_US + 60e6);
    assert.deepEqual(gaps.map(({ cause }) => cause), ['process_died']);
  } finally {
    execFileSync('umount', ['-l', small]);
    await rm(small, { recursive: true, force: true });
  }
});
