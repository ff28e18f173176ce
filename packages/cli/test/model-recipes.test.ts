import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RuthError } from '@ruth/protocol';
import { readRecipe, recipeNames } from '../src/onboarding/model-recipe.ts';
import { fetchSource } from '../src/onboarding/model-source.ts';

test('Each recipe is whole, bears the name of its file, and is in the guide', () => {
  const guide = readFileSync(new URL('../../../docs/models.md', import.meta.url), 'utf8');
  assert.ok(recipeNames().length >= 8);
  for (const name of recipeNames()) {
    assert.equal(readRecipe(name)!.model_id, name);
    assert.ok(guide.includes(`\`${name}\``), `docs/models.md does not name ${name}`);
  }
});

test('A recipe\'s licence is shown before anything is fetched; refused, nothing is', async (t) => {
  const staging = mkdtempSync(join(tmpdir(), 'ruth-test-'));
  t.after(() => rmSync(staging, { recursive: true, force: true }));
  const shown: string[] = [];
  const options = {
    mostBytes: 1e9, timeMs: 1000, signal: new AbortController().signal, report: () => assert.fail('something was fetched'), askSha256: () => assert.fail('a hash was asked for'),
    async acceptLicense(of: string, license: string) {
      shown.push(`${of}: ${license}`);
      throw new RuthError('cancelled', 'no');
    },
  };
  await assert.rejects(fetchSource('yolox_nano', staging, options), { code: 'cancelled' });
  assert.deepEqual(shown, ['YOLOX nano, COCO: Apache-2.0']);
  // What nobody publishes as ONNX is told how to make, with its licence.
  await assert.rejects(fetchSource('yolov8n', staging, options), /yolo export model=yolov8n\.pt format=onnx[\s\S]*ruth model add yolov8n\.onnx[\s\S]*AGPL-3\.0/);
});

test('A recipe whose authors state no sha256 is fetched once its licence, and the note that says so, are accepted: a job has nobody to ask', async (t) => {
  const staging = mkdtempSync(join(tmpdir(), 'ruth-test-'));
  t.after(() => rmSync(staging, { recursive: true, force: true }));
  const unstated = recipeNames().map((name) => readRecipe(name)!).filter(({ source, sha256 }) => 'url' in source && sha256 === undefined);
  assert.ok(unstated.length > 0);
  for (const { model_id: name } of unstated) {
    const shown: (string | undefined)[] = [];
    await assert.rejects(fetchSource(name, staging, {
      // Nothing is really fetched: that is given up before it begins.
      mostBytes: 1e9, timeMs: 60_000, signal: AbortSignal.abort(), report: () => undefined, askSha256: () => assert.fail('a hash was asked for'),
      acceptLicense: async (_of, _license, note) => { shown.push(note); },
    }), { code: 'cancelled' });
    assert.match(shown[0]!, /state no sha256/);
  }
});
