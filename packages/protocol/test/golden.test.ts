import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PUBLISHED_SCHEMAS, validator, type PublishedSchemaName } from '../src/index.ts';

/** `<schema>.<case>.json` */
function* golden(kind: 'good' | 'bad'): Generator<{ name: string; schemaName: PublishedSchemaName; content: unknown }> {
  const directory = new URL(`../golden/${kind}/`, import.meta.url);
  for (const file of readdirSync(directory)) {
    yield { name: file, schemaName: file.split('.')[0] as PublishedSchemaName, content: JSON.parse(readFileSync(new URL(file, directory), 'utf8')) as unknown };
  }
}

for (const { name, schemaName, content } of golden('good')) {
  test(`${name} is what its schema says`, () => {
    assert.deepEqual(validator(PUBLISHED_SCHEMAS[schemaName].schema).violations(content), []);
  });
}

for (const { name, schemaName, content } of golden('bad')) {
  const { why, at, message } = content as { why: string; at: string; message: unknown };
  test(`${name} is refused: ${why}`, () => {
    const check = validator(PUBLISHED_SCHEMAS[schemaName].schema);
    assert.equal(check.check(message), false);
    const pointers = check.violations(message).map((violation) => violation.pointer);
    assert.ok(pointers.includes(at), `the violations are at ${pointers.join(', ')}`);
    assert.throws(() => check.parse(message), { code: 'bad_request' });
  });
}

test('Every published schema of a message has a golden one', () => {
  const seen = new Set([...golden('good')].map(({ schemaName }) => schemaName as string));
  const yamlFiles = ['ruth', 'manifest'];
  assert.deepEqual(Object.keys(PUBLISHED_SCHEMAS).filter((name) => !seen.has(name) && !yamlFiles.includes(name)), []);
});
