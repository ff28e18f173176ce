import assert from 'node:assert/strict';
import { test } from 'node:test';
import { yolov8 } from '../src/decode/yolo.ts';
import { SimdMemory } from '../src/simd/simd-memory.ts';

test('Bytes become floats at any width and stride, and nothing beside them is written', () => {
  const [fromStride, toStride, rows] = [64, 71, 3];
  for (let width = 16; width <= 64; width++) {
    const memory = new SimdMemory(fromStride * rows + 4 * toStride * rows);
    const bytes = new Uint8Array(memory.buffer, 0, fromStride * rows);
    for (let at = 0; at < bytes.length; at++) bytes[at] = at * 37 % 256;
    const floats = new Float32Array(memory.buffer, bytes.length, toStride * rows).fill(-7);
    memory.loops.toFloats(0, fromStride, bytes.length, 4 * toStride, width, rows, 1 / 58.4, -123.7 / 58.4);
    for (const [at, value] of floats.entries()) {
      const [row, column] = [Math.floor(at / toStride), at % toStride];
      const expected = column < width ? (bytes[row * fromStride + column]! - 123.7) / 58.4 : -7;
      assert.ok(Math.abs(value - expected) < 1e-6, `width ${width}, row ${row}, column ${column}: ${value} instead of ${expected}`);
    }
  }
});

test('Scores are found wherever they are, in memory for it as elsewhere; no number is none', () => {
  // 3 classes of 43 places: no multiple of sixteen.
  const [classes, places] = [3, 43];
  const decode = (data: Float32Array): [number, number][] => {
    const decoder = yolov8({ schema: { format: 'yolov8' }, input: { width: 64, height: 64 }, classCount: classes, keypointCount: 0, output: (outputs) => outputs.output!, });
    return decoder.decode({ output: { dims: [1, 4 + classes, places], data } }, { scoreThreshold: 0.25 }).map(({ classId, left }) => [classId, Math.round(left)]);
  };
  const plain = new Float32Array((4 + classes) * places);
  for (let place = 0; place < places; place++) plain.set([place + 1], place);
  plain.fill(2, 2 * places, 4 * places);
  const quick = SimdMemory.floats(plain.length);
  for (let at = 4 * places; at < plain.length; at++) {
    plain.fill(0.1, 4 * places);
    plain[at] = 0.25;
    plain[4 * places + (at * 7 + 5) % (classes * places)] = at % 2 ? NaN : -0.9;
    quick.set(plain);
    const found = decode(plain);
    assert.deepEqual(decode(quick), found);
    assert.equal(found.length, plain[at] === Math.fround(0.25) ? 1 : 0);
  }
});
