import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { COMPILED_CHECKS, compiledCheckText } from '../scripts/compiled-check-text.ts';
import { PUBLISHED_SCHEMAS, publishedSchemaText, type PublishedSchemaName } from '../src/index.ts';

const directory = new URL('../schemas/', import.meta.url);
const names = Object.keys(PUBLISHED_SCHEMAS) as PublishedSchemaName[];

interface Node { properties?: Record<string, Node & { description?: string }>; items?: Node | Node[]; anyOf?: Node[] }

function* undescribed(node: Node, path: string): Generator<string> {
  for (const [key, value] of Object.entries(node.properties ?? {})) {
    if (!value.description) yield `${path}.${key}`;
    yield* undescribed(value, `${path}.${key}`);
  }
  for (const branch of [...node.anyOf ?? [], ...node.items ? [node.items].flat() : []]) yield* undescribed(branch, path);
}

test('The schema files are what the code says (else: node packages/protocol/scripts/write-schemas.ts)', () => {
  assert.deepEqual(readdirSync(directory).sort(), names.map((name) => `${name}.schema.json`).sort());
  for (const name of names) assert.equal(readFileSync(new URL(`${name}.schema.json`, directory), 'utf8'), publishedSchemaText(name), name);
});

test('The compiled checks are what the code says (else: npm run schemas)', () => {
  for (const name of Object.keys(COMPILED_CHECKS)) assert.equal(readFileSync(new URL(`../src/compiled/${name}.ts`, import.meta.url), 'utf8'), compiledCheckText(name), name);
});

test('Each schema names its draft, itself and what it is of', () => {
  for (const name of names) {
    const schema = JSON.parse(publishedSchemaText(name)) as Record<string, unknown>;
    assert.equal(schema.$schema, 'http://json-schema.org/draft-07/schema#');
    assert.equal(schema.$id, `https://ruth.video/schemas/${name}.schema.json`);
    assert.ok(schema.title && schema.description, name);
  }
});

for (const name of ['ruth', 'manifest'] as const) {
  test(`An editor can describe every key of ${PUBLISHED_SCHEMAS[name].title}`, () => {
    assert.deepEqual([...undescribed(JSON.parse(publishedSchemaText(name)) as Node, name)], []);
  });
}
