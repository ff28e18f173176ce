import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { RingReader, RingWriter } from '../src/index.ts';
import { isPainted, metadataOf, paint } from './ring-torture/pattern.ts';
import { freshRingDirectory } from './ring-torture/ring-directory.ts';

function create(ringDirectory: string, width = 64, height = 36): RingWriter {
  return RingWriter.create({ cameraId: 'front', width, height, format: 'NV12', slotCount: 3, ringDirectory });
}

function publish(writer: RingWriter): void {
  const { frameId, planes } = writer.begin();
  paint(planes, frameId, writer.generation);
  writer.publish(metadataOf(frameId));
}

test('a change of size makes a new generation: readers of the old one are told, open again and never read across', (t) => {
  const ringDirectory = freshRingDirectory(t);
  using small = create(ringDirectory);
  publish(small);
  using old = RingReader.open(small.path, { ringDirectory });
  const held = old.read(0);
  using large = create(ringDirectory, 128, 72);
  publish(large);
  assert.notEqual(large.generation, small.generation);
  assert.equal(old.isCurrent(), false);
  assert.equal(old.read(0).status, 'retired');
  assert.ok(held.status === 'frame' && held.frame.intact() && isPainted(held.frame, 0, small.generation), 'what was taken before stays whole');
  using reader = RingReader.open(large.path, { ringDirectory });
  assert.equal(reader.generation, large.generation);
  assert.equal(reader.layout.width, 128);
  const result = reader.read(0);
  assert.ok(result.status === 'frame' && isPainted(result.frame, 0, large.generation));
});

test('a writer that was replaced removes nothing of its successor when it closes', (t) => {
  const ringDirectory = freshRingDirectory(t);
  const first = create(ringDirectory);
  using second = create(ringDirectory);
  first.close();
  using reader = RingReader.open(second.path, { ringDirectory });
  assert.equal(reader.generation, second.generation);
});

test('a closed writer leaves no file, its readers know, and it takes no more frames', (t) => {
  const ringDirectory = freshRingDirectory(t);
  const writer = create(ringDirectory);
  using reader = RingReader.open(writer.path, { ringDirectory });
  const slot = writer.begin();
  writer.close();
  writer.close();
  assert.deepEqual(readdirSync(ringDirectory), []);
  assert.equal(reader.isCurrent(), false);
  assert.equal(reader.read(0).status, 'retired');
  assert.throws(() => writer.begin(), { code: 'invalid_state' });
  assert.throws(() => writer.publish(metadataOf(0)), { code: 'invalid_state' });
  slot.planes[0]!.fill(7); // a decoder that comes too late writes into nothing
  writer.heartbeat();
});

test('a ring file is readable for owner and group alone, and never seen half made', (t) => {
  const ringDirectory = freshRingDirectory(t);
  using writer = create(ringDirectory);
  assert.equal(statSync(writer.path).mode & 0o777, 0o640);
  assert.equal(statSync(writer.path).size, writer.layout.totalBytes);
  assert.ok(statSync(writer.path).blocks * 512 >= writer.layout.totalBytes, 'fully allocated');
  assert.deepEqual(readdirSync(ringDirectory), ['vas_frames_front']);
});

test('a stranger\'s file or link of a ring\'s name is replaced, and what a link led to stays as it was', (t) => {
  const ringDirectory = freshRingDirectory(t);
  writeFileSync(`${ringDirectory}/vas_frames_front`, 'not a ring');
  create(ringDirectory).close();
  writeFileSync(`${ringDirectory}/precious`, 'VASFRAME and more');
  symlinkSync(`${ringDirectory}/precious`, `${ringDirectory}/vas_frames_front`);
  create(ringDirectory).close();
  assert.equal(readFileSync(`${ringDirectory}/precious`, 'utf8'), 'VASFRAME and more');
  assert.deepEqual(readdirSync(ringDirectory), ['precious']);
});

test('frames held beyond close read zeros instead of crashing, and say that they are not intact', (t) => {
  const ringDirectory = freshRingDirectory(t);
  using writer = create(ringDirectory);
  publish(writer);
  const reader = RingReader.open(writer.path, { ringDirectory });
  const result = reader.read(0);
  assert.ok(result.status === 'frame' && result.frame.intact());
  reader.close();
  reader.close();
  assert.equal(result.frame.intact(), false);
  assert.ok(result.frame.planes.every((plane) => plane.every((byte) => byte === 0)));
  assert.equal(reader.isCurrent(), false);
  assert.equal(reader.read(0).status, 'retired');
});

test('opening and closing a thousand times leaks neither memory, descriptors nor mappings', async (t) => {
  const ringDirectory = freshRingDirectory(t);
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const descriptors = (): number => readdirSync('/proc/self/fd').length;
  const mappings = (): number => readFileSync('/proc/self/maps', 'utf8').split('\n').length;
  const mapped = (): number => readFileSync('/proc/self/maps', 'utf8').split('\n').filter((line) => line.includes(ringDirectory)).length;
  const addressSpace = (): number => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0]) * 4096;
  const cycle = (): void => {
    const writer = create(ringDirectory, 640, 360);
    for (let count = 0; count < 3; count++) {
      for (const plane of writer.begin().planes) plane.fill(count);
      writer.publish(metadataOf(count));
    }
    const reader = RingReader.open(writer.path, { ringDirectory });
    for (let frameId = 0; frameId < 3; frameId++) {
      const result = reader.read(frameId);
      assert.ok(result.status === 'frame' && result.frame.planes.every((plane) => plane.includes(frameId)));
    }
    reader.close();
    writer.close();
  };
  for (let count = 0; count < 20; count++) cycle();
  collectGarbage();
  const before = { descriptors: descriptors(), mappings: mappings(), rss: process.memoryUsage.rss(), addressSpace: addressSpace() };
  for (let count = 0; count < 1000; count++) {
    cycle();
    if (count % 50 === 0) await new Promise(setImmediate);
  }
  assert.equal(descriptors(), before.descriptors);
  assert.equal(mapped(), 0, 'closed rings are mapped no more');
  // Two mappings of 1 MB a cycle were touched whole: 2 GB if close() kept them.
  assert.ok(process.memoryUsage.rss() - before.rss < 200e6, `grew by ${process.memoryUsage.rss() - before.rss} bytes`);
  for (let round = 0; round < 10; round++) {
    collectGarbage();
    await new Promise(setImmediate);
  }
  assert.ok(mappings() - before.mappings < 100, `${mappings() - before.mappings} more mappings`);
  assert.ok(addressSpace() - before.addressSpace < 500e6, `address space grew by ${addressSpace() - before.addressSpace} bytes`);
});
