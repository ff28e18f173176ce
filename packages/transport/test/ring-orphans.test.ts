import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { RingReader, RingWriter, sweepOrphanRings } from '../src/index.ts';
import { freshRingDirectory } from './ring-torture/ring-directory.ts';
import type { WriterTask } from './ring-torture/writer.ts';

test('the sweep removes the ring of a killed process, tells its readers, and leaves the living and the strange alone', async (t) => {
  const ringDirectory = freshRingDirectory(t);
  using living = RingWriter.create({ cameraId: 'living', width: 64, height: 36, format: 'NV12', slotCount: 2, ringDirectory });
  writeFileSync(`${ringDirectory}/vas_frames_stranger`, 'not a ring');
  writeFileSync(`${ringDirectory}/other`, 'VASFRAME');
  mkdirSync(`${ringDirectory}/vas_frames_folder`);
  symlinkSync(living.path, `${ringDirectory}/vas_frames_link`);
  const strange = readdirSync(ringDirectory);
  writeFileSync(`${ringDirectory}/.vas_frames_front.0123456789ab`, 'half made');

  const task: WriterTask = { ringDirectory, cameraId: 'dead', width: 64, height: 36, format: 'NV12', slotCount: 2 };
  const child = fork(new URL('ring-torture/writer.ts', import.meta.url), [JSON.stringify(task)]);
  await once(child, 'message');
  using reader = RingReader.open(`${ringDirectory}/vas_frames_dead`, { ringDirectory });
  assert.deepEqual(sweepOrphanRings({ ringDirectory }), [`${ringDirectory}/.vas_frames_front.0123456789ab`], 'a living process keeps its ring');
  assert.ok(reader.isCurrent());

  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  assert.deepEqual(sweepOrphanRings({ ringDirectory }), [`${ringDirectory}/vas_frames_dead`]);
  assert.equal(reader.isCurrent(), false);
  assert.deepEqual(readdirSync(ringDirectory).sort(), strange.sort());
  assert.deepEqual(sweepOrphanRings({ ringDirectory }), []);
});

test('a ring directory that is not there has no orphans', (t) => {
  assert.deepEqual(sweepOrphanRings({ ringDirectory: `${freshRingDirectory(t)}/absent` }), []);
});
