import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HEADER, PAGE_BYTES, PIXEL_FORMATS, PLANE_ALIGNMENT_BYTES, RING_HEADER_BYTES, ringLayout, SLOT, SLOT_HEADER_BYTES } from '../src/index.ts';

const size = fc.integer({ min: 1, max: 4096 });

test('Planes are aligned, hold their pixels, do not overlap, and end within their slot', () => {
  fc.assert(fc.property(size, size, fc.constantFrom(...PIXEL_FORMATS), fc.integer({ min: 1, max: 256 }), (width, height, format, slotCount) => {
    const layout = ringLayout(width, height, format, slotCount);
    let free = SLOT_HEADER_BYTES;
    for (const [index, plane] of layout.planes.entries()) {
      const chromaBytes = format === 'NV12' ? 2 * Math.ceil(width / 2) : Math.ceil(width / 2);
      assert.ok(plane.strideBytes >= (index === 0 ? width : chromaBytes), 'a row fits its stride');
      assert.equal(plane.rows, index === 0 ? height : Math.ceil(height / 2));
      assert.equal(plane.offsetBytes % PLANE_ALIGNMENT_BYTES, 0);
      assert.equal(plane.strideBytes % PLANE_ALIGNMENT_BYTES, 0);
      assert.ok(plane.offsetBytes >= free, 'planes do not overlap');
      free = plane.offsetBytes + plane.strideBytes * plane.rows;
    }
    assert.equal(layout.planes.length, format === 'NV12' ? 2 : 3);
    assert.ok(free + PLANE_ALIGNMENT_BYTES <= layout.slotStrideBytes, 'a vector store past the last row stays in the slot');
    assert.equal(layout.slotStrideBytes % PAGE_BYTES, 0);
    assert.equal(layout.totalBytes, RING_HEADER_BYTES + slotCount * layout.slotStrideBytes);
  }));
});

test('Eight slots of 1080p NV12 take the 25 MB that the design says', () => {
  const { totalBytes, planes } = ringLayout(1920, 1080, 'NV12', 8);
  assert.equal(Math.round(totalBytes / 1e6), 25);
  assert.deepEqual(planes.map((plane) => [plane.strideBytes, plane.rows]), [[1920, 1080], [1920, 540]]);
});

test('Sizes that no frame has are refused', () => {
  for (const [width, height, slots] of [[0, 1, 1], [1, -1, 1], [1.5, 1, 1], [NaN, 1, 1], [16385, 1, 1], [1, 1, 0], [1, 1, 1025]] as const) {
    assert.throws(() => ringLayout(width, height, 'NV12', slots), RangeError);
  }
});

test('The bytes of version 1 stay where they are', () => {
  assert.deepEqual(HEADER, {
    magic: 0, version: 8, headerBytes: 12, slotCount: 16, slotHeaderBytes: 20, slotStrideBytes: 24, generation: 32, state: 40, writerPid: 44,
    head: 64, heartbeatMs: 72, width: 80, height: 84, pixelFormat: 88,
  });
  assert.deepEqual(SLOT, {
    sequence: 0, pixelFormat: 4, frameId: 8, ptsUs: 16, capturedAtUs: 24, width: 32, height: 36, colourMatrix: 40, colourRange: 44,
    planeCount: 48, epoch: 52, dataBytes: 56, planes: 64, publishedAtUs: 96,
  });
});
