// Writes packages/protocol/schemas/*.schema.json and src/compiled/*.ts from the schemas in src/, and removes those that are no longer published.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMPILED_CHECKS, compiledCheckText } from './compiled-check-text.ts';
import { PUBLISHED_SCHEMAS, publishedSchemaText, type PublishedSchemaName } from '../src/index.ts';

const directory = join(import.meta.dirname, '..', 'schemas');
const names = Object.keys(PUBLISHED_SCHEMAS) as PublishedSchemaName[];
mkdirSync(directory, { recursive: true });
for (const file of readdirSync(directory)) if (!names.some((name) => file === `${name}.schema.json`)) rmSync(join(directory, file));
for (const name of names) writeFileSync(join(directory, `${name}.schema.json`), publishedSchemaText(name));
console.log(`${names.length} schemas in ${directory}`);

const compiled = join(import.meta.dirname, '..', 'src', 'compiled');
mkdirSync(compiled, { recursive: true });
for (const name of Object.keys(COMPILED_CHECKS)) writeFileSync(join(compiled, `${name}.ts`), compiledCheckText(name));
