// `npm test` after set-up: type check, lint, then every test; the last line says how many ran.
//   node scripts/test.ts [file or folder ...]   only those tests
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { spec } from 'node:test/reporters';
import { run } from 'node:test';

const wanted = process.argv.slice(2);
if (wanted.length === 0) {
  const checked = await Promise.all(([['type check', 'tsc', '--noEmit'], ['lint', 'eslint', '.', '--max-warnings', '0']] as const).map(async ([what, program, ...parameters]) => {
    const startedMs = performance.now();
    const [status] = await once(spawn(join(import.meta.dirname, '../node_modules/.bin', program), parameters, { stdio: 'inherit' }), 'exit') as [number | null];
    console.log(`${status === 0 ? '✔' : '✖'} ${what} (${((performance.now() - startedMs) / 1000).toFixed(0)} s)`);
    return status === 0;
  }));
  if (checked.includes(false)) process.exit(1);
}

const patterns = wanted.length === 0 ? ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'] : wanted.map((path) => (path.endsWith('.ts') ? path : `${path}/**/*.test.ts`));
const files = globSync(patterns).toSorted((a, b) => Number(a.startsWith('test/')) - Number(b.startsWith('test/')) || a.localeCompare(b));
// End-to-end tests start whole nodes and need the machine for themselves; the others run two at a time (three take a fifth less, and make browsers late).
const groups = [
  { files: files.filter((file) => !file.startsWith('test/')), concurrency: 2 },
  { files: files.filter((file) => file.startsWith('test/')), concurrency: 1 },
];
// What Node compiled of a file it need not compile again for each of two hundred processes of tests, and for those that they start.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../node_modules/.cache/compiled');
const count = { passed: 0, failed: 0, skipped: 0 };
for (const group of groups) {
  if (group.files.length === 0) continue;
  await new Promise<void>((resolve) => {
    const stream = run({ files: group.files, concurrency: group.concurrency, timeout: 300_000 });
    stream.on('test:pass', (event) => {
      if (event.details.type === 'suite') return;
      if (event.skip !== undefined) count.skipped++;
      else count.passed++;
    });
    stream.on('test:fail', (event) => { if (event.details.type !== 'suite') count.failed++; });
    stream.on('end', () => resolve());
    stream.pipe(new spec()).pipe(process.stdout, { end: false });
  });
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0);
