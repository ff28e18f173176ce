import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { BUILT_IN_DETECTOR, BUILT_IN_POSE, parseManifest, type RuthError } from '@ruth/protocol';
import { prepareModel } from '../src/index.ts';

const models = fileURLToPath(new URL('../../../models/', import.meta.url));
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A folder with the pose model's manifest, changed by `change`, and no weights. */
async function modelFolder(t: TestContext, change = (text: string): string => text): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ruth-model-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'model.yaml'), change(await readFile(join(models, BUILT_IN_POSE, 'model.yaml'), 'utf8')));
  return folder;
}

const failsWith = (code: string, message: RegExp) => (error: RuthError): boolean => error.code === code && message.test(error.message);

for (const id of [BUILT_IN_DETECTOR, BUILT_IN_POSE]) {
  test(`The weights of ${id} are made from its npm package with the sha256 of the manifest`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'ruth-model-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    await copyFile(join(models, id, 'model.yaml'), join(folder, 'model.yaml'));
    const made = await prepareModel(folder);
    assert.deepEqual(made, { modelId: id, outcome: 'made', path: join(folder, `${id}.onnx`) });
    const manifest = parseManifest(await readFile(join(folder, 'model.yaml'), 'utf8'), 'model.yaml');
    assert.equal(digest(await readFile(made.path)), manifest.sha256);
    assert.equal((await prepareModel(folder)).outcome, 'present');
  });
}

test('Weights that were damaged are made anew', async (t) => {
  const folder = await modelFolder(t);
  const { path } = await prepareModel(folder);
  const whole = await readFile(path);
  await writeFile(path, whole.subarray(0, 1000));
  assert.equal((await prepareModel(folder)).outcome, 'made');
  assert.deepEqual(await readFile(path), whole);
});

test('Two preparations at once leave one whole file and nothing else', async (t) => {
  const folder = await modelFolder(t);
  await Promise.all([prepareModel(folder), prepareModel(folder)]);
  assert.deepEqual((await readdir(folder)).sort(), ['model.yaml', 'movenet-lightning.onnx']);
  assert.equal((await prepareModel(folder)).outcome, 'present');
});

test('Weights with another sha256 than the manifest names are refused and not kept', async (t) => {
  const folder = await modelFolder(t, (text) => text.replace(/sha256: '.*'/, `sha256: '${'ab'.repeat(32)}'`));
  await assert.rejects(prepareModel(folder), failsWith('weights_mismatch', /gives weights with sha256 [0-9a-f]{64}, .*model\.yaml names abab/));
  assert.deepEqual(await readdir(folder), ['model.yaml']);
});

test('A package that is not installed is named, with the command that installs it', async (t) => {
  const folder = await modelFolder(t, (text) => text.replace('@vladmandic/human', '@vladmandic/dog'));
  await assert.rejects(prepareModel(folder), failsWith('model_invalid', /of the npm package @vladmandic\/dog cannot be read .*npm ci/));
});

test('A file outside its package is refused', async (t) => {
  const folder = await modelFolder(t, (text) => text.replace('models/movenet-lightning.json', '../../../package.json'));
  await assert.rejects(prepareModel(folder), failsWith('model_invalid', /lies outside the package/));
});

test('A source that is a URL is not fetched; the command that fetches it is named', async (t) => {
  const folder = await modelFolder(t, (text) => text.replace(/source:\n( {2}.*\n)+/, 'source: { url: https://models.example/pose.onnx }\n'));
  await assert.rejects(prepareModel(folder), failsWith('model_invalid', /curl -fLo '.*movenet-lightning\.onnx' 'https:\/\/models\.example\/pose\.onnx'/));
});

test('A model without a source is left to its owner', async (t) => {
  const folder = await modelFolder(t, (text) => text.replace(/source:\n( {2}.*\n)+/, ''));
  assert.equal((await prepareModel(folder)).outcome, 'own');
});
