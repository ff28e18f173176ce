import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Manifest, OUTPUT_FORMATS, parseManifest } from '@ruth/protocol';

const guide = readFileSync(new URL('../../../docs/models.md', import.meta.url), 'utf8');
const manifests = [...guide.matchAll(/```yaml\n([^]*?)```/g)].map((match) => match[1]!).filter((text) => text.startsWith('model_id:'));

test('Every example manifest in docs/models.md is one', () => {
  assert.ok(manifests.length >= 3);
  for (const text of manifests) parseManifest(text, 'docs/models.md');
});

test('docs/models.md names every key of a manifest', () => {
  for (const key of Object.keys(Manifest.properties)) assert.match(guide, new RegExp(`\`(output_schema\\.)?${key}(\\.\\w+)?\``), key);
  for (const key of Object.keys(Manifest.properties.output_schema.properties)) assert.ok(guide.includes(key), key);
});

test('docs/models.md describes only output formats that there are', () => {
  const described = [...guide.slice(guide.indexOf('| `format` |')).matchAll(/^\| `([\w-]+)` \|/gm)].map((match) => match[1]!);
  assert.ok(described.length >= 6);
  for (const format of described.slice(1)) assert.ok((OUTPUT_FORMATS as readonly string[]).includes(format), format);
});
