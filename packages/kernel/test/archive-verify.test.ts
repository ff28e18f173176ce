// What is wrong with recordings is found, told and put right: by the program, and by the kernel while it records.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { RECORDING_FINDINGS, validator, Verification } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import type { VerifyReport } from '../src/record/archive/verify.ts';
import type { Segment } from '../src/record/segment.ts';
import { Verifications } from '../src/record/verification/verifications.ts';
import { archivePlaces, check, kindsOf, noFfmpeg, recorded } from './archive-place.ts';
import { until } from './test-kernel.ts';

const VERIFY = new URL('../src/record/verify-main.ts', import.meta.url).pathname;
const real = { skip: noFfmpeg };
const place = archivePlaces();

test('verify finds every kind of damage, and repair leaves nothing to find', real, async () => {
  await using at = await place();
  const segments = await recorded(at);
  const more = await recorded(at, 'two');
  const { directory } = at.folder;
  const path = (segment: Segment): string => join(directory, segment.file);
  await at.archive[Symbol.asyncDispose]();
  const index = new DatabaseSync(join(directory, 'index.sqlite'));
  await rm(path(segments[1]!));
  await truncate(path(segments[2]!), segments[2]!.bytes - 10);
  const bytes = await readFile(path(segments[3]!));
  bytes[bytes.length - 1]! ^= 0xff;
  await writeFile(path(segments[3]!), bytes);
  await writeFile(path(segments[4]!), Buffer.alloc(segments[4]!.bytes));
  index.prepare('UPDATE segments SET duration_ticks = 1 WHERE file = ?').run(more[0]!.file);
  index.prepare('DELETE FROM segments WHERE file = ?').run(more[1]!.file);
  index.prepare('UPDATE segments SET end_us = end_us + 1000000 WHERE file = ?').run(more[2]!.file);
  index.close();
  const expected = [
    `missing ${segments[1]!.file}`, `truncated ${segments[2]!.file}`, `wrong_hash ${segments[3]!.file}`, `unplayable ${segments[4]!.file}`,
    `wrong_duration ${more[0]!.file}`, `extra ${more[1]!.file}`, `overlaps ${more[3]!.file}`,
  ];
  assert.deepEqual(kindsOf(await check(directory)), expected);
  const asked = await run('--directory', directory, '--json');
  assert.equal(asked.code, 1);
  assert.deepEqual(kindsOf(JSON.parse(asked.stdout) as VerifyReport), expected, 'a check changes nothing');
  const repaired = await check(directory, true);
  assert.deepEqual(kindsOf(repaired), expected);
  assert.ok(repaired.findings.every(({ repair }) => repair !== null));
  const clean = await run('--directory', directory, '--decode');
  assert.equal(clean.code, 0, clean.stdout);
  assert.deepEqual(await readdir(join(directory, 'damaged')), [`cam-${segments[4]!.file.split('/').at(-1)}`]);
});

test('recordings without an index, such as copies that were taken back, get one by a repair; a folder without recordings is said to have none', real, async () => {
  await using at = await place();
  const segments = await recorded(at);
  const { directory } = at.folder;
  await at.archive[Symbol.asyncDispose]();
  const back = join(directory, 'elsewhere', 'recordings');
  await mkdir(back, { recursive: true });
  const none = await run('--directory', back, '--repair');
  assert.equal(none.code, 2);
  assert.match(none.stderr, /^there is neither index\.sqlite nor a recording \(<camera>.*\) in .*elsewhere\/recordings: name the folder of the recordings\n/);
  assert.deepEqual(await readdir(back), [], 'nothing is made where there is nothing');
  await cp(join(directory, 'cam'), join(back, 'cam'), { recursive: true });
  const asked = await run('--directory', back);
  assert.equal(asked.code, 2);
  assert.match(asked.stderr, /^the recordings in .* have no index\.sqlite: --repair makes one of them\n/);
  assert.deepEqual(kindsOf(await check(back, true)), segments.map(({ file }) => `extra ${file}`));
  const clean = await run('--directory', back, '--decode');
  assert.equal(clean.code, 0, clean.stdout);
});

test('a folder that a file system does not let be made is refused at once, also where it says that the parent is not there', { skip: !existsSync('/proc/self') && 'no procfs here' }, async () => {
  // In a process of its own, which can be ended where it does not end: Node's recursive mkdir turns round for ever there.
  const open = `import { lockFolder } from ${JSON.stringify(new URL('../src/record/archive/index-file.ts', import.meta.url).href)}; lockFolder('/proc/nope/recordings')`;
  const stderr = await new Promise<string>((resolve) => { execFile(process.execPath, ['--input-type=module-typescript', '--eval', open], { timeout: 60_000, killSignal: 'SIGKILL' }, (_error, _out, text) => resolve(text)); });
  assert.match(stderr, /recording\.directory \/proc\/nope\/recordings cannot be written to: ENOENT: .*; make the folder, or name another/);
});

test('recordings are looked into in the background while they are written: what is wrong with which camera, and what to do; one at a time, and until it is cancelled', real, async () => {
  await using at = await place();
  const segments = await recorded(at);
  const more = await recorded(at, 'two');
  const { directory } = at.folder;
  await rm(join(directory, segments[1]!.file));
  await truncate(join(directory, segments[2]!.file), segments[2]!.bytes - 10);
  await using verifications = new Verifications(directory, createLogger('kernel', 'silent'));
  const ended = (id: string): Promise<Verification> => until(async () => verifications.status(id), ({ state, ended_at }) => state !== 'running' && ended_at !== null, 'ends');
  const begun = verifications.start({});
  assert.throws(() => verifications.start({}), { code: 'invalid_state' });
  const found = await ended(begun.verification_id);
  assert.deepEqual(validator(Verification).violations(found), []);
  assert.deepEqual([found.state, found.error, found.files_done, found.files, found.cameras], ['done', null, 10, 10, null]);
  const [cam, two] = found.results;
  assert.deepEqual([cam!.camera_id, cam!.files, cam!.counts.missing, cam!.counts.truncated, cam!.advice], ['cam', 5, 1, 1, [RECORDING_FINDINGS.missing, RECORDING_FINDINGS.truncated]]);
  assert.deepEqual(cam!.findings.map(({ kind, file, start }) => [kind, file, start]), [1, 2].map((which) => [which === 1 ? 'missing' : 'truncated', segments[which]!.file, Math.floor(segments[which]!.startUs / 1000) / 1000]));
  assert.deepEqual([two!.camera_id, two!.files, two!.bytes, two!.findings, two!.advice], ['two', 5, more.reduce((sum, { bytes }) => sum + bytes, 0), [], []]);

  const one = await ended(verifications.start({ cameras: ['two'], decode: true }).verification_id);
  assert.deepEqual([one.state, one.files, one.results.map(({ camera_id }) => camera_id)], ['done', 5, ['two']]);
  const { verification_id: cancelled } = verifications.start({});
  await verifications.remove(cancelled);
  assert.deepEqual([verifications.status(cancelled).state, verifications.list().length], ['cancelled', 3]);
  await verifications.remove(cancelled);
  assert.throws(() => verifications.status(cancelled), { code: 'not_found' });
  const nowhere = new Verifications(join(directory, 'nothing-here'), createLogger('kernel', 'silent'));
  const { verification_id: lost } = nowhere.start({});
  await until(async () => nowhere.status(lost), ({ ended_at }) => ended_at !== null, 'ends');
  assert.deepEqual([nowhere.status(lost).state, nowhere.status(lost).error_code], ['failed', 'invalid_config']);
});

test('a second kernel on the same folder is refused by name of the first, and so is a repair beside it; a check is not', real, async () => {
  await using at = await place();
  await recorded(at);
  const { directory } = at.folder;
  const other = await run('--directory', directory, '--repair');
  assert.equal(other.code, 2);
  assert.match(other.stderr, new RegExp(`process ${process.pid}\\b`));
  assert.equal((await run('--directory', directory)).code, 0);
  assert.equal((await run('--directory', join(directory, 'nothing-here'))).code, 2);
});

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [VERIFY, ...args], (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }));
  });
}
