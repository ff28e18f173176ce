import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const root = fileURLToPath(new URL('../../../', import.meta.url));

test('docs/dependencies.md says of every dependency why it is there, and of none that is gone', () => {
  const text = readFileSync(`${root}docs/dependencies.md`, 'utf8');
  const declared = new Set(globSync(['package.json', 'packages/*/package.json'], { cwd: root }).flatMap((file) => {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(`${root}${file}`, 'utf8')) as Record<string, Record<string, string> | undefined>;
    return Object.keys({ ...dependencies, ...devDependencies });
  }).filter((name) => !name.startsWith('@ruth/')));
  const described = new Set([...text.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap((row) => [...row[1]!.matchAll(/`([^`]+)`/g)].map((name) => name[1]!)));
  assert.deepEqual([...declared].filter((name) => !described.has(name)), []);
  assert.deepEqual([...described].filter((name) => !declared.has(name)), []);
});
