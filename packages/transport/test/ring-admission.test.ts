import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmdirSync, statfsSync } from 'node:fs';
import { test } from 'node:test';
import { ringLayout } from '@ruth/protocol';
import { RingReader, RingWriter } from '../src/index.ts';
import { freshRingDirectory } from './ring-torture/ring-directory.ts';

test('a ring that cannot fit is refused with the bytes it needs and those that are free, and costs nothing', (t) => {
  const ringDirectory = freshRingDirectory(t);
  using small = RingWriter.create({ cameraId: 'front', width: 64, height: 36, format: 'NV12', slotCount: 2, ringDirectory });
  using reader = RingReader.open(small.path, { ringDirectory });
  const huge = { width: 16_384, height: 16_384, format: 'NV12', slotCount: 1024 } as const;
  const needed = ringLayout(huge.width, huge.height, huge.format, huge.slotCount).totalBytes;
  assert.throws(
    () => RingWriter.create({ cameraId: 'front', ...huge, ringDirectory }),
    { code: 'no_space', message: new RegExp(`^${ringDirectory}/vas_frames_front needs ${needed} bytes, ${ringDirectory} has \\d+ bytes free$`) },
  );
  assert.deepEqual(readdirSync(ringDirectory), ['vas_frames_front']);
  assert.ok(reader.isCurrent(), 'the older generation goes on');
});

test('on a file system of one megabyte the figures are exact, and what fits is admitted', (t) => {
  const ringDirectory = mkdtempSync('/tmp/ruth-test-');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', ringDirectory], { stdio: 'pipe' });
  } catch {
    rmdirSync(ringDirectory);
    t.skip('mounting a small tmpfs needs root');
    return;
  }
  t.after(() => {
    execFileSync('umount', [ringDirectory]);
    rmdirSync(ringDirectory);
  });
  const options = { cameraId: 'front', width: 640, height: 360, format: 'NV12', ringDirectory } as const;
  using writer = RingWriter.create({ ...options, slotCount: 2 });
  const free = statfsSync(ringDirectory).bavail * 4096;
  assert.equal(free, 1_048_576 - writer.layout.totalBytes);
  const needed = ringLayout(640, 360, 'NV12', 2).totalBytes;
  assert.throws(
    () => RingWriter.create({ ...options, cameraId: 'back', slotCount: 2 }),
    { code: 'no_space', message: `${ringDirectory}/vas_frames_back needs ${needed} bytes, ${ringDirectory} has ${free} bytes free` },
  );
  assert.deepEqual(readdirSync(ringDirectory), ['vas_frames_front']);
});
