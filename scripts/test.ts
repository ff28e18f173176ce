// `npm test` after set-up: type check, lint, and every test beside them; the last line says how many ran.
//   node scripts/test.ts [--times] [--alone] [file or folder ...]   only those tests; --times: what each file took, and used of a processor; --alone: one file after the other,
//   as what is wrong only where a machine is quiet shows nowhere else
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { readUsage, runFile, type FileRun } from './test/file-run.ts';
import { runInTurns } from './test/schedule.ts';

const { values: { times: timed, alone }, positionals: wanted } = parseArgs({ allowPositionals: true, options: { times: { type: 'boolean', default: false }, alone: { type: 'boolean', default: false } } });
// What Node compiled of a file it need not compile again for each of two hundred processes of tests, and for those that they start.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../node_modules/.cache/compiled');
const check = (what: string, program: string, ...parameters: string[]) => async (): Promise<void> => {
  const startedMs = performance.now();
  const [status] = await once(spawn(join(import.meta.dirname, '../node_modules/.bin', program), parameters, { stdio: 'inherit' }), 'exit') as [number | null];
  console.log(`${status === 0 ? '✔' : '✖'} ${what} (${((performance.now() - startedMs) / 1000).toFixed(0)} s)`);
  if (status !== 0) throw new Error(`${what} failed`);
};
const checks = wanted.length === 0 ? [check('type check', 'tsc', '--noEmit'), check('lint', 'oxlint')] : [];

const patterns = wanted.length === 0 ? ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'] : wanted.map((path) => (path.endsWith('.ts') ? path : `${path}/**/*.test.ts`));
const folder = mkdtempSync(join(tmpdir(), 'ruth-tests-'));
process.env.RUTH_TEST_USAGE = join(folder, 'usage');
writeFileSync(process.env.RUTH_TEST_USAGE, '');
const report = new PassThrough({ objectMode: true });
const printed = report.pipe(new spec());
printed.pipe(process.stdout, { end: false });
const count = { passed: 0, failed: 0, skipped: 0 };
const runs: FileRun[] = [];
const runOne = async (file: string): Promise<void> => {
  const ran = await runFile(file, timed);
  runs.push(ran);
  for (const event of ran.events) {
    report.write(event);
    if ((event.type !== 'test:pass' && event.type !== 'test:fail') || event.data.details.type === 'suite') continue;
    if (event.type === 'test:fail') count.failed++;
    else if (event.data.skip !== undefined) count.skipped++;
    else count.passed++;
  }
};
const runEachAlone = async (files: readonly string[]): Promise<void> => {
  for (const each of checks) await each();
  for (const file of files) await runOne(file);
};
const files = globSync(patterns);
const isWhole = await (alone ? runEachAlone(files) : runInTurns(files, runOne, { beside: checks })).then(() => true, (cause: Error) => {
  console.error(`${cause.message}: no more was tested`);
  return false;
});
report.end();
await finished(printed);
if (timed) {
  const used = readUsage(process.env.RUTH_TEST_USAGE);
  console.log('began s\twall s\tCPU s\tfile');
  for (const { file, startedS, wallS } of runs.toSorted((a, b) => b.wallS - a.wallS)) console.log(`${startedS.toFixed(1)}\t${wallS.toFixed(1)}\t${used.get(resolve(file))?.toFixed(1) ?? '-'}\t${file}`);
}
rmSync(folder, { recursive: true });
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(!isWhole || count.failed > 0 || count.passed === 0 ? 1 : 0);
