// The picture in docs/design/architecture.md, held against every import: the folders are the dependency graph.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';

const root = resolve(import.meta.dirname, '../..');

/** Package -> packages of ours that it may import. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  protocol: [],
  transport: ['protocol'],
  kernel: ['protocol', 'transport'],
  core: ['protocol', 'transport'],
  container: ['protocol', 'transport'],
  server: ['protocol', 'transport'],
  web: ['protocol'],
  cli: ['protocol', 'transport'],
  client: [],
  fleet: ['protocol', 'transport'],
  copier: ['protocol', 'transport'],
};

const sources = globSync('packages/*/src/**/*.{ts,tsx}', { cwd: root }).map((file) => {
  const text = readFileSync(resolve(root, file), 'utf8');
  return { file, package: file.split('/')[1]!, text, imports: ts.preProcessFile(text, true, true).importedFiles.map((imported) => imported.fileName) };
});

test('every package is in the table, and the table names no package that is not there', () => {
  assert.deepEqual([...new Set(sources.map((source) => source.package))].sort(), Object.keys(MAY_IMPORT).sort());
});

test('packages import one another only as the table says', () => {
  const wrong: string[] = [];
  for (const source of sources) {
    for (const imported of source.imports) {
      const [, name] = /^@ruth\/([^/]+)/.exec(imported) ?? [];
      if (name !== undefined && !MAY_IMPORT[source.package]!.includes(name)) wrong.push(`${source.file} imports ${imported}`);
    }
  }
  assert.deepEqual(wrong, []);
});

/** The ways into a package: what its `exports` names. */
function entriesOf(name: string): string[] {
  const { exports } = JSON.parse(readFileSync(resolve(root, 'packages', name, 'package.json'), 'utf8')) as { exports?: Record<string, string> };
  return Object.keys(exports ?? {}).map((entry) => `@ruth/${name}${entry.slice(1)}`);
}

test('a package is entered only by its public entries, and relative imports stay inside it', () => {
  const wrong: string[] = [];
  for (const source of sources) {
    for (const imported of source.imports) {
      const [, name] = /^@ruth\/([^/]+)\//.exec(imported) ?? [];
      if (name !== undefined && !entriesOf(name).includes(imported)) wrong.push(`${source.file} reaches past the entry: ${imported}`);
      if (!imported.startsWith('.')) continue;
      const target = relative(resolve(root, 'packages', source.package), resolve(root, dirname(source.file), imported));
      if (target.startsWith('..')) wrong.push(`${source.file} leaves its package: ${imported}`);
    }
  }
  assert.deepEqual(wrong, []);
});

/** The first way from a file back to itself, types and import() included; null where there is none. */
function circleIn(imports: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]): string[] | null => {
    const at = way.indexOf(file);
    if (at >= 0) return [...way.slice(at), file];
    if (done.has(file)) return null;
    for (const next of imports.get(file) ?? []) {
      const circle = visit(next, [...way, file]);
      if (circle) return circle;
    }
    done.add(file);
    return null;
  };
  for (const file of imports.keys()) {
    const circle = visit(file, []);
    if (circle) return circle;
  }
  return null;
}

test('no file comes back to itself by what it imports: each can be read with what lies below it alone', () => {
  assert.deepEqual(circleIn(new Map([['a', ['b']], ['b', ['c', 'd']], ['c', []], ['d', ['b']]])), ['b', 'd', 'b']);
  const below = sources.map(({ file, imports }) => [file, imports.filter((imported) => imported.startsWith('.')).map((imported) => relative(root, resolve(root, dirname(file), imported)))] as const);
  assert.ok(below.flatMap(([, imports]) => imports).length > 1000);
  assert.equal(circleIn(new Map(below))?.join(' -> ') ?? null, null);
});

/** What `entry` loads when it starts, through our packages too: files of ours, and names of others. Imports of types load nothing; `later` says whether import() counts. */
function loadedBy(entry: string, { later }: { later: boolean }): { files: Set<string>; names: Map<string, string> } {
  const files = new Set<string>();
  const names = new Map<string, string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    const text = readFileSync(resolve(root, file), 'utf8').replace(/^import type [\s\S]*?;$/gm, '');
    for (const { fileName } of ts.preProcessFile(later ? text : text.replaceAll('import(', 'later('), true, true).importedFiles) {
      if (fileName.startsWith('.')) visit(relative(root, resolve(root, dirname(file), fileName)));
      else names.set(fileName, file);
      const [, name, rest] = /^@ruth\/([^/]+)(\/.*)?$/.exec(fileName) ?? [];
      if (name === undefined) continue;
      const { exports } = JSON.parse(readFileSync(resolve(root, 'packages', name, 'package.json'), 'utf8')) as { exports: Record<string, string> };
      visit(relative(root, resolve(root, 'packages', name, exports[`.${rest ?? ''}`]!)));
    }
  };
  visit(entry);
  return { files, names };
}

for (const [entry, heavy, later] of [
  ['packages/container/src/session/worker.ts', ['typebox', 'pino', 'yaml', 'node-av'], true],
  ['packages/container/src/main.ts', ['typebox', 'pino', 'node-av/lib', 'onnxruntime-node'], false],
  ['packages/container/src/container-main.ts', ['typebox', 'node-av/lib', 'onnxruntime-node'], false],
] as const) {
  test(`${entry} loads no schemas and no more than it needs: a container starts again in a moment`, () => {
    const { files, names } = loadedBy(entry, { later });
    assert.ok(files.size > 10, [...files].join(', '));
    assert.deepEqual(heavy.filter((name) => names.has(name)).map((name) => `${names.get(name)} imports ${name}`), [], 'take @ruth/protocol/base, @ruth/protocol/compiled, a part of @ruth/transport, node-av/lib, or "import type"');
  });
}

test('nothing of OpenTelemetry is loaded unless traces are asked for', () => {
  for (const entry of ['packages/core/src/main.ts', 'packages/server/src/main.ts', 'packages/kernel/src/main.ts', 'packages/container/src/container-main.ts']) {
    const { names } = loadedBy(entry, { later: false });
    assert.deepEqual([...names].filter(([name]) => name.startsWith('@opentelemetry/')), [], entry);
  }
  assert.ok(loadedBy('packages/core/src/main.ts', { later: true }).names.has('@opentelemetry/sdk-trace'));
});

test('what a package imports from npm stands in its own package.json', () => {
  const wrong: string[] = [];
  for (const source of sources) {
    const manifest = JSON.parse(readFileSync(resolve(root, 'packages', source.package, 'package.json'), 'utf8')) as Record<string, Record<string, string> | undefined>;
    const declared = { ...manifest.dependencies, ...manifest.devDependencies };
    for (const imported of source.imports) {
      if (imported.startsWith('.') || imported.startsWith('node:')) continue;
      const name = imported.split('/').slice(0, imported.startsWith('@') ? 2 : 1).join('/');
      if (!(name in declared)) wrong.push(`${source.file} imports ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('dependencies are pinned to exact versions', () => {
  const loose: string[] = [];
  for (const file of globSync('{package.json,packages/*/package.json}', { cwd: root })) {
    const manifest = JSON.parse(readFileSync(resolve(root, file), 'utf8')) as Record<string, Record<string, string> | undefined>;
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      if (!/^\d+\.\d+\.\d+$/.test(version)) loose.push(`${file}: ${name} ${version}`);
    }
  }
  assert.deepEqual(loose, []);
});

test('the protocol does no I/O, so that it runs in a browser too', () => {
  const wrong = sources.filter((source) => source.package === 'protocol').flatMap((source) => source.imports.filter((imported) => imported.startsWith('node:')).map((imported) => `${source.file} imports ${imported}`));
  assert.deepEqual(wrong, []);
});

test('only entry files read arguments and environment, handle signals, or exit', () => {
  // runProcess is what the main.ts files share; foreground, entry-process and conformance are the same for commands.
  const entries = [/(^|\/)(main|[a-z-]+-main)\.tsx?$/, /^packages\/transport\/src\/process\/run-process\.ts$/, /^packages\/cli\/src\/(commands\/(foreground|entry-process|container|conformance)|terminal)\.ts$/];
  const wrong: string[] = [];
  for (const source of sources) {
    if (source.package === 'web' || entries.some((entry) => entry.test(source.file))) continue;
    const code = source.text.replace(/\/\/.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '');
    for (const forbidden of code.match(/process\.(env|argv|exit)\b|process\.on\('SIG[A-Z]+'/g) ?? []) wrong.push(`${source.file}: ${forbidden}`);
  }
  assert.deepEqual(wrong, []);
});

test('no file is named for being useful, and none holds two things', () => {
  const wrong = sources.filter((source) => /(^|\/)(utils?|helpers?|common|misc)(\.|\/)/.test(source.file) || basename(source.file) !== basename(source.file).toLowerCase()).map((source) => source.file);
  const long = sources.map((source) => ({ file: source.file, lines: source.text.split('\n').length })).filter(({ lines }) => lines > 400).map(({ file, lines }) => `${file}: ${lines} lines`);
  assert.deepEqual([...wrong, ...long], []);
});
