import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ringLayout, type PixelFormat } from '@ruth/protocol';
import { RingReader, RingWriter, type RingFrame } from '../src/index.ts';
import { isPainted, metadataOf, paint } from './ring-torture/pattern.ts';
import { freshRingDirectory } from './ring-torture/ring-directory.ts';

function openRing(t: TestContext, size: { width?: number; height?: number; format?: PixelFormat; slotCount?: number } = {}): { writer: RingWriter; reader: RingReader } {
  const ringDirectory = freshRingDirectory(t);
  const writer = RingWriter.create({ cameraId: 'front', width: 64, height: 36, format: 'NV12', slotCount: 3, ...size, ringDirectory });
  const reader = RingReader.open(writer.path, { ringDirectory });
  t.after(() => {
    reader.close();
    writer.close();
  });
  return { writer, reader };
}

function publish(writer: RingWriter): number {
  const { frameId, planes } = writer.begin();
  paint(planes, frameId, writer.generation);
  return writer.publish(metadataOf(frameId));
}

function frameOf(reader: RingReader, frameId: number): RingFrame {
  const result = reader.read(frameId);
  assert.equal(result.status, 'frame');
  assert.ok(result.status === 'frame');
  return result.frame;
}

for (const [width, height, format] of [[1920, 1080, 'NV12'], [640, 480, 'I420'], [641, 361, 'NV12'], [641, 361, 'I420'], [1, 1, 'NV12'], [3, 5, 'I420']] as const) {
  test(`a ${width}x${height} ${format} frame is read as it was published, pixels and numbers`, (t) => {
    const { writer, reader } = openRing(t, { width, height, format });
    for (let expected = 0; expected < 5; expected++) {
      assert.equal(publish(writer), expected);
      const frame = frameOf(reader, expected);
      assert.ok(isPainted(frame, expected, writer.generation));
      assert.ok(frame.intact());
      assert.deepEqual([frame.width, frame.height, frame.format], [width, height, format]);
    }
    const ageUs = Number(process.hrtime.bigint() / 1000n) - frameOf(reader, 4).publishedAtUs;
    assert.ok(ageUs >= 0 && ageUs < 60e6, `it was published ${ageUs} us ago`);
    const layout = ringLayout(width, height, format, 3);
    const frame = frameOf(reader, 4);
    assert.deepEqual(frame.strides, layout.planes.map((plane) => plane.strideBytes));
    assert.deepEqual(frame.planes.map((plane) => plane.length), layout.planes.map((plane) => plane.strideBytes * plane.rows));
    assert.deepEqual(reader.layout, layout);
    assert.equal(reader.generation, writer.generation);
  });
}

test('only the last frames, as many as there are slots, can be read', (t) => {
  const { writer, reader } = openRing(t);
  assert.equal(reader.framesPublished(), 0);
  assert.equal(reader.read(0).status, 'not_published');
  for (let count = 0; count < 7; count++) publish(writer);
  assert.equal(reader.framesPublished(), 7);
  assert.equal(writer.framesPublished, 7);
  const statuses = Array.from({ length: 9 }, (_, frameId) => reader.read(frameId).status);
  assert.deepEqual(statuses, ['overwritten', 'overwritten', 'overwritten', 'overwritten', 'frame', 'frame', 'frame', 'not_published', 'not_published']);
});

test('a frame id that is no whole number from 0 is a bad request', (t) => {
  const { writer, reader } = openRing(t);
  publish(writer);
  for (const frameId of [-1, 0.5, Number.NaN, 2 ** 60]) assert.throws(() => reader.read(frameId), { code: 'bad_request' });
});

test('a frame is a view of the ring, not a copy: two readings share memory and the writer\'s next pixels show', (t) => {
  const { writer, reader } = openRing(t, { slotCount: 1 });
  publish(writer);
  const first = frameOf(reader, 0).planes[0]!;
  assert.equal(frameOf(reader, 0).planes[0], first);
  writer.begin().planes[0]!.fill(0xab);
  assert.equal(first[0], 0xab);
});

test('a frame stops being intact the moment its slot is taken, before one pixel changes', (t) => {
  const { writer, reader } = openRing(t, { slotCount: 2 });
  publish(writer);
  publish(writer);
  const [older, newer] = [frameOf(reader, 0), frameOf(reader, 1)];
  writer.begin();
  assert.equal(older.intact(), false);
  assert.equal(newer.intact(), true);
  assert.equal(reader.read(0).status, 'overwritten');
  writer.publish(metadataOf(2));
  assert.equal(older.intact(), false);
});

test('an abandoned frame is never seen, and the next whole one takes its id', (t) => {
  const { writer, reader } = openRing(t, { slotCount: 1 });
  publish(writer);
  writer.begin().planes[0]!.fill(1);
  writer.abandon();
  assert.equal(reader.framesPublished(), 1);
  assert.equal(reader.read(0).status, 'overwritten');
  assert.equal(reader.read(1).status, 'not_published');
  assert.equal(publish(writer), 1);
  assert.ok(isPainted(frameOf(reader, 1), 1, writer.generation));
});

test('a frame is begun once and published once', (t) => {
  const { writer } = openRing(t);
  assert.throws(() => writer.publish(metadataOf(0)), { code: 'invalid_state' });
  writer.begin();
  assert.throws(() => writer.begin(), { code: 'invalid_state' });
  assert.throws(() => writer.publish({ ...metadataOf(0), ptsUs: 0.5 }), RangeError);
  assert.equal(writer.publish(metadataOf(0)), 0);
});

test('the age of the heartbeat counts from the last one', (t) => {
  const { writer, reader } = openRing(t);
  const before = performance.now();
  writer.heartbeat();
  const ageMs = reader.heartbeatAgeMs();
  assert.ok(ageMs >= 0 && ageMs <= Math.ceil(performance.now() - before) + 1, `${ageMs} ms`);
});

test('a size that no ring can have is refused', (t) => {
  const ringDirectory = freshRingDirectory(t);
  for (const wrong of [{ width: 0 }, { height: 16_385 }, { slotCount: 0 }, { slotCount: 1.5 }]) {
    assert.throws(() => RingWriter.create({ cameraId: 'front', width: 64, height: 36, format: 'NV12', slotCount: 3, ringDirectory, ...wrong }), RangeError);
  }
  assert.throws(() => RingWriter.create({ cameraId: '../x', width: 64, height: 36, format: 'NV12', slotCount: 3, ringDirectory }), { code: 'invalid_id' });
  assert.throws(() => RingWriter.create({ cameraId: 'x', width: 64, height: 36, format: 'NV12', slotCount: 3, ringDirectory: `${ringDirectory}/absent` }), { code: 'invalid_config' });
});
