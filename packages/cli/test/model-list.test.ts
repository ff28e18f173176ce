// `ruth model list` as a person runs it, where no node runs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SupervisedModel } from '@ruth/protocol';

const RUTH = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const MANIFEST = (id: string): string => `model_id: ${id}
model_name: Name of ${id}
model_version: 1.2.3
supported_tasks: [detect]
model_type: onnx
model_weights: weights.onnx
output_schema: { format: ssd, classes: [person] }
expected_resolution: { width: 64, height: 64 }
license: Apache-2.0
`;

test('Without a node the models that ruth.yaml names and those that lie there are listed, each with why it does not run', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-list-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'ruth.yaml');
  const list = async (...args: string[]): Promise<{ code: number | null; out: string; err: string }> => {
    const child = spawn(process.execPath, [RUTH, 'model', 'list', ...args, '-c', config], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: child.exitCode, out, err };
  };
  const lay = (id: string, manifest: string): void => {
    mkdirSync(join(folder, 'models', id), { recursive: true });
    writeFileSync(join(folder, 'models', id, 'model.yaml'), manifest);
    writeFileSync(join(folder, 'models', id, 'weights.onnx'), 'no list opens it');
  };
  lay('named', MANIFEST('named'));
  lay('lying', MANIFEST('lying'));
  lay('torn', MANIFEST('torn').replace('model_version: 1.2.3', 'model_version: ""'));
  mkdirSync(join(folder, 'models', '.hidden'));
  mkdirSync(join(folder, 'models', 'empty'));
  writeFileSync(config, `paths: { socket_directory: ${folder}, models_directory: ${join(folder, 'models')} }\nmodels: [{ id: named }, { id: gone }]\n`);

  const { code, out, err } = await list('--json');
  assert.deepEqual([code, err], [0, '']);
  const { running, models } = JSON.parse(out) as { running: boolean; models: SupervisedModel[] };
  assert.equal(running, false);
  const seen = Object.fromEntries(models.map(({ model_id, state, model_version, license, reason }) => [model_id, { state, model_version, license, reason }]));
  assert.deepEqual(Object.keys(seen).sort(), ['empty', 'gone', 'lying', 'named', 'torn']);
  const sound = { state: 'available', model_version: '1.2.3', license: 'Apache-2.0' };
  assert.deepEqual([seen.named, seen.lying], [{ ...sound, reason: 'starts with the node, and none runs' }, { ...sound, reason: 'not named in ruth.yaml' }]);
  for (const [id, why] of [['torn', /model_version/], ['empty', /empty\/model\.yaml is not there/], ['gone', /gone\/model\.yaml is not there/]] as const) {
    assert.equal(seen[id]!.state, 'broken');
    assert.match(seen[id]!.reason!, why);
  }
  assert.match((await list()).out, /^no node runs here\nID +STATE +VERSION +LICENCE +FOLDER +WHY *\n[^]*^lying +available +1\.2\.3 +Apache-2\.0 +\S+lying +not named in ruth\.yaml$/m);
});
