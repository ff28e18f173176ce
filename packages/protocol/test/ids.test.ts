import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertId, coreSocketPath, ID_PATTERN, isId, kernelSocketPath, modelIdOfSocket, modelSocketPath, ringPath, RuthError } from '../src/index.ts';

const id = fc.stringMatching(new RegExp(ID_PATTERN));

test('Ids are 1 to 63 letters, digits, dots, underscores and dashes, and begin with a letter or digit', () => {
  for (const good of ['a', '0', 'camera_1', 'yolov8n-seg.v2', 'A'.repeat(63)]) assert.equal(isId(good), true, good);
  for (const bad of ['', '.', '..', '.a', '-a', '_a', 'a/b', '../a', 'a b', 'a\n', 'a\0', 'é', 'A'.repeat(64), null, 7, ['a'], undefined]) assert.equal(isId(bad), false, JSON.stringify(bad));
});

test('A path is only ever built from an id, and stays in its directory', () => {
  fc.assert(fc.property(fc.string(), (text) => {
    for (const build of [ringPath, modelSocketPath]) {
      try {
        assert.equal(build(text, '/d').lastIndexOf('/'), 2);
        assert.ok(isId(text));
      } catch (error) {
        assert.ok(error instanceof RuthError && error.code === 'invalid_id' && !isId(text));
      }
    }
  }));
});

test('A refused id is named with what it is the id of', () => {
  assert.throws(() => assertId('../x', 'camera'), { code: 'invalid_id', message: /camera id "\.\.\/x" is not valid: use 1 to 63/ });
});

test('Paths are those of the contracts', () => {
  assert.equal(ringPath('camera_1'), '/dev/shm/vas_frames_camera_1');
  assert.equal(modelSocketPath('yolov8n'), '/tmp/vas_model_yolov8n.sock');
  assert.equal(kernelSocketPath('/run/ruth'), '/run/ruth/vas_kernel.sock');
  assert.equal(coreSocketPath('/run/ruth'), '/run/ruth/vas_core.sock');
});

test('The model of a socket is known by its name, and by no other name', () => {
  fc.assert(fc.property(id, (model) => assert.equal(modelIdOfSocket(modelSocketPath(model, '/d').slice('/d/'.length)), model)));
  for (const name of ['vas_model_.sock', 'vas_model_a', 'vas_kernel.sock', 'xvas_model_a.sock', 'vas_model_a/b.sock', 'vas_model_..sock']) assert.equal(modelIdOfSocket(name), null, name);
});
