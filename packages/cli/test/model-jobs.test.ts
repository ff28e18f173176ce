// Models that are tried while a node runs, in a process of their own: how far it is, what came of it, and what it shall not fetch.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ModelJob, ModelJobRequest, OfferedModel, validator } from '@ruth/protocol';
import { onnxFile } from '../../container/test/onnx-writer.ts';
import { ModelJobs, offeredModels } from '../src/index.ts';

/** A box in the middle, whatever it sees. */
const MIDDLE_BOX = onnxFile({
  nodes: [
    { op: 'ReduceMean', inputs: ['image'], output: 'brightness', attributes: { keepdims: 0 } }, { op: 'Mul', inputs: ['brightness', 'zero'], output: 'nothing' }, { op: 'Add', inputs: ['rows', 'nothing'], output: 'output0' },
  ],
  inputs: [{ name: 'image', type: 'float32', dims: [1, 3, 64, 64] }], outputs: [{ name: 'output0', type: 'float32', dims: [1, 2, 6] }],
  constants: { rows: Float32Array.of(16, 16, 48, 48, 0.9, 0, 0, 0, 0, 0, 0, 0), zero: Float32Array.of(0) }, constantDims: { rows: [1, 2, 6] },
});

test('a model is tried and taken in with its steps told, and without an accepted licence nothing is fetched', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-jobs-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'ruth.yaml');
  writeFileSync(config, `paths: {socket_directory: ${folder}}\nmodels: []\n`);
  writeFileSync(join(folder, 'box.onnx'), MIDDLE_BOX);
  await using jobs = new ModelJobs(config);
  const ended = async (id: string): Promise<ModelJob> => {
    while (jobs.get(id).state === 'running') await new Promise((resolve) => setTimeout(resolve, 50));
    return jobs.get(id);
  };

  const { job_id: id } = jobs.start({ kind: 'add', source: join(folder, 'box.onnx'), names: ['crate', 'pallet jack'] });
  assert.throws(() => jobs.start({ kind: 'add', source: 'yunet' }), { code: 'invalid_state', message: /box\.onnx is being tried/ });
  const added = await ended(id);
  assert.deepEqual([added.state, added.error], ['done', null]);
  // Files of the machine itself are no source that the API takes; an upload is, and is put in its place.
  assert.deepEqual(validator(ModelJob).violations({ ...added, request: { ...added.request, source: 'box' } }), []);
  assert.deepEqual(added.steps.map(({ title, done }) => [title, done]), ['fetch', 'recognise', 'load', 'look', 'measure'].map((title) => [title, true]));
  assert.equal(added.model_id, 'box');
  assert.equal(readFileSync(jobs.picture(id)).readUInt16BE(0), 0xffd8);
  assert.match(readFileSync(config, 'utf8'), /id: box/);
  assert.match(readFileSync(join(folder, 'models', 'box', 'model.yaml'), 'utf8'), /pallet jack/);

  const refused = await ended(jobs.start({ kind: 'add', source: 'yolov8n' }).job_id);
  // Nobody publishes it, so that it says how it is made, or its licence was not accepted: nothing is fetched in either case.
  assert.equal(refused.state, 'failed');
  const asked: ModelJobRequest = { kind: 'add', source: 'yunet', model_id: 'faces', sha256: 'a'.repeat(64) };
  const licensed = await ended(jobs.start(asked).job_id);
  // Accepted, the very same is asked for again: a hash that was stated is compared then.
  assert.deepEqual(licensed.request, asked);
  assert.deepEqual([licensed.state, licensed.error_code, licensed.license?.license !== undefined], ['failed', 'cancelled', true], JSON.stringify(licensed));

  const { job_id: endless } = jobs.start({ kind: 'shadow', source: join(folder, 'box.onnx'), model_id: 'box', compare_s: 600 });
  while (!jobs.get(endless).steps.some(({ title }) => title === 'compare') && jobs.get(endless).state === 'running') await new Promise((resolve) => setTimeout(resolve, 50));
  await jobs.cancel(endless);
  assert.equal(jobs.get(endless).state, 'cancelled', JSON.stringify(jobs.get(endless)));
  assert.ok(!existsSync(join(folder, 'models', 'box@2')), 'what was compared is not kept');
  assert.throws(() => jobs.start({ kind: 'swap', source: 'yunet' }), { code: 'bad_request' });
});

test('what the API may name is a recipe, an address or a package, and each recipe says its licence', () => {
  const request = validator(ModelJobRequest);
  for (const source of ['/etc/passwd', '../x', './model.onnx', 'http://h/x.onnx', 'file:///x', '--samples', 'a b']) assert.equal(request.check({ kind: 'add', source }), false, source);
  for (const source of ['yunet', 'https://h/x.onnx', 'npm:@scope/name@1.0.0/file.onnx']) assert.equal(request.check({ kind: 'add', source }), true, source);
  for (const names of [[], [''], ['  '], ['a\nb'], ['x'.repeat(101)]]) assert.equal(request.check({ kind: 'add', source: 'yunet', names }), false, JSON.stringify(names));
  assert.equal(request.check({ kind: 'add', source: 'yunet', names: ['person', 'traffic light', 'été'] }), true);
  const offered = offeredModels();
  assert.ok(offered.length >= 5 && offered.every((one) => validator(OfferedModel).check(one)));
});
