// docs/api.md as a reader takes it: every example names a route that there is, with a query and a body that it takes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { validator } from '@ruth/protocol';
import { OPERATIONS, ROUTE_TABLE } from '@ruth/server/parts';
import { apiDocument, curlExamples } from './curl-examples.ts';

interface Example { readonly line: string; readonly method: string; readonly path: string; readonly query: URLSearchParams; readonly body: string | null; readonly headers: readonly string[] }

const BINARY = '--data-binary';
const UUID = '00000000-0000-4000-8000-000000000000';

/** Words as a shell parts them: quotes of both kinds, lines that go on. */
function words(line: string): string[] {
  const found = [...line.matchAll(/'((?:[^'])*)'|"((?:[^"\\]|\\.)*)"|(#.*)|(\S+)/gs)];
  return found.filter(([, , , comment]) => comment === undefined).map(([, single, double, , plain]) => single ?? double ?? plain ?? '');
}

function example(line: string): Example {
  const all = words(line);
  const valueOf = (flag: string): string | null => (all.includes(flag) ? all[all.indexOf(flag) + 1] ?? null : null);
  const url = all.find((word) => word.startsWith('http://'));
  assert.ok(url, line);
  // What a shell puts in, and what the reader puts in.
  const { pathname, searchParams } = new URL(url.replaceAll(/\$\([^)]*\)/g, '1767600000').replaceAll(/<[a-z_]+>/g, (name) => (name === '<recording_at>' ? '1767600000.5' : 'x1')));
  const body = valueOf('-d');
  return { line, method: valueOf('-X') ?? (body !== null || all.includes(BINARY) ? 'POST' : 'GET'), path: pathname, query: searchParams, body, headers: all.filter((_, index) => all[index - 1] === '-H') };
}

const examples = curlExamples.map(example);

function operationOf({ method, path }: Pick<Example, 'method' | 'path'>): string | undefined {
  const pattern = (route: string): RegExp => new RegExp(`^${route.split(' ')[1]!.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : part.replaceAll('.', '\\.'))).join('/')}$`);
  const fitting = Object.keys(ROUTE_TABLE).filter((route) => route.startsWith(`${method} `) && pattern(route).test(path));
  // What is named comes before what may be anything.
  return fitting.toSorted((one, other) => one.split(':').length - other.split(':').length)[0];
}

test('every curl example of docs/api.md asks for what there is, with what it takes', () => {
  assert.ok(examples.length > 30, `only ${examples.length}`);
  const wrong: string[] = [];
  for (const { line, method, path, query, body, headers } of examples) {
    const route = operationOf({ method, path });
    const operation = route === undefined ? undefined : OPERATIONS[route];
    if (!operation) {
      wrong.push(`${line}: there is no ${method} ${path}`);
      continue;
    }
    const known = Object.keys(operation.query?.properties ?? {});
    for (const [name, value] of query) {
      // As the server reads a query: a number is one where a number belongs.
      const schema = operation.query?.properties[name];
      const isFitting = schema !== undefined && [value, Number(value), value === 'true', [value]].some((one) => validator(schema).check(one));
      if (!isFitting && !(name === 'node' && ROUTE_TABLE[route!]!.needs === 'view')) wrong.push(`${line}: ${name}=${value} does not fit; known: ${known.join(', ')}`);
    }
    if (body !== null) {
      if (!operation.body) wrong.push(`${line}: ${route} takes no body`);
      else for (const { pointer, message } of validator(operation.body).violations(JSON.parse(body.replaceAll(/<[a-z_]+>/g, UUID)))) wrong.push(`${line}: ${pointer} ${message}`);
      if (!headers.includes('content-type: application/json')) wrong.push(`${line}: no content-type`);
    } else if (operation.body) wrong.push(`${line}: ${route} takes a body`);
    if (!headers.includes('$T') && !line.includes('cookies')) wrong.push(`${line}: nobody asks`);
  }
  assert.deepEqual(wrong, []);
});

test('every address that docs/api.md and the README name is there', () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const missing: string[] = [];
  for (const [, method, address] of `${apiDocument}\n${readme}`.matchAll(/`(GET|POST|PUT|PATCH|DELETE) (\/api\/v1\/[^`\s]*)/g)) {
    const path = address!.replace(/\[?[?&].*$/, '').replaceAll(/<[a-z_]+>|\bID\b/g, 'x1');
    if (operationOf({ method: method!, path }) === undefined) missing.push(`${method} ${path}`);
  }
  assert.deepEqual(missing, []);
});
