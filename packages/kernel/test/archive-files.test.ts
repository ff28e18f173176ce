// The files of recordings and the index that tells of them: what was told is in both, whatever ended in between.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { whyUnplayable } from '../src/record/archive/playable.ts';
import { archivePlaces, check, DAY_US, kindsOf, noFfmpeg, recorded, settings, START_US, tell } from './archive-place.ts';

const real = { skip: noFfmpeg };
const place = archivePlaces();

test('what a recorder told is there at once, in the index, and after a restart', real, async () => {
  await using at = await place();
  const [first, ...rest] = await at.folder.record('cam', at.clip, { startUs: START_US, segmentS: 2 });
  const camera = at.archive.camera(settings('cam'));
  tell(camera, first!, false);
  const [open] = await at.archive.segments('cam', 0, Infinity);
  assert.deepEqual([open?.sha256, open?.fragments.length, open?.endUs], [null, first!.fragments.length, first!.endUs]);
  assert.deepEqual((await at.archive.timeline('cam', START_US, START_US + 10e6)).spans.map(({ start, end }) => [start, end]), [[first!.startUs / 1e6, first!.endUs / 1e6]]);
  for (const segment of [first!, ...rest]) tell(camera, segment, true);
  await camera.end('the test is over');
  assert.deepEqual(await at.archive.segments('cam', 0, Infinity), [first!, ...rest].map((segment) => ({ ...segment, kept: false })));
  const again = await at.open();
  const { spans, gaps, oldest, newest } = await again.timeline('cam', START_US, START_US + 60e6);
  assert.deepEqual([spans.length, spans[0]?.start, spans[0]?.end], [1, START_US / 1e6, START_US / 1e6 + 10]);
  assert.deepEqual([oldest, newest], [START_US / 1e6, START_US / 1e6 + 10]);
  assert.deepEqual(gaps.map(({ start, end, cause }) => [start, end, cause]), [[newest, null, 'stopped']]);
  assert.deepEqual(kindsOf(await check(at.folder.directory)), []);
});

test('of an instant it is known whether it is recorded, and where that is not known yet, that', real, async () => {
  await using at = await place();
  const segments = await recorded(at);
  const endUs = segments.at(-1)!.endUs;
  const second = segments[1]!;
  assert.deepEqual(await at.archive.recordedAt('cam', [START_US - 1, START_US, second.startUs, second.endUs - 1, endUs - 1, endUs, START_US + 300e6]), [false, true, true, true, true, false, false]);
  // A moment ago: whether it comes onto the disk is not known; of a file that is being written it is.
  assert.deepEqual(await at.archive.recordedAt('cam', [at.time.us - 3e6, at.time.us - 1e6, at.time.us + 60e6]), [false, null, null]);
  const [open] = await at.folder.record('cam', at.clip, { startUs: START_US + 590e6 });
  tell(at.archive.camera(settings('cam')), open!, false);
  assert.deepEqual(await at.archive.recordedAt('cam', [open!.endUs - 1, open!.endUs + 1e6, open!.startUs - 1]), [true, true, false]);
  assert.deepEqual(await at.archive.recordedAt('never-seen', [START_US, endUs]), [false, false]);
  // What retention took is not there any more.
  at.time.us = START_US + 2 * DAY_US;
  const later = await at.open({ maxAgeDays: 1 });
  later.look();
  await later.sweep();
  assert.deepEqual(await later.recordedAt('cam', [START_US, second.startUs, open!.startUs]), [false, false, false]);
});

test('a kernel that died: what it was writing is cut to what is whole and taken, and the gap says why', real, async () => {
  await using at = await place();
  const segments = await recorded(at);
  const directory = at.folder.directory;
  // The last two files have no row; one ends in the middle of a fragment, as after a power cut; the other, in the middle of its first.
  const [cut, headless] = [segments[3]!, segments[4]!];
  using index = new DatabaseSync(join(directory, 'index.sqlite'));
  await at.archive[Symbol.asyncDispose]();
  for (const { file } of [cut, headless]) index.prepare('DELETE FROM segments WHERE file = ?').run(file);
  index.close();
  await truncate(join(directory, cut.file), cut.fragments[2]!.offset + 100);
  await truncate(join(directory, headless.file), headless.initBytes + 50);
  await rm(join(directory, segments[1]!.file));
  await appendFile(join(directory, segments[2]!.file), 'more than was told');
  at.events.length = 0;
  const archive = await at.open();
  const { repaired } = await archive.storage();
  assert.deepEqual(repaired, { files: 4, files_without_row: 2, rows_without_file: 1, wrong_size: 1, cut: 2, cut_bytes: 118, empty: 1, damaged: 0, in_use: 0, deletions_finished: 0 });
  const found = await archive.segments('cam', 0, Infinity);
  assert.deepEqual(found.map(({ file }) => file), [0, 2, 3].map((which) => segments[which]!.file));
  const [, , taken] = found;
  assert.deepEqual([taken?.startUs, taken?.fragments, taken?.continues], [cut.startUs, cut.fragments.slice(0, 2), true]);
  assert.equal(await whyUnplayable(archive.path(taken!)), null);
  const { gaps } = await archive.timeline('cam', START_US, START_US + 60e6);
  assert.deepEqual(gaps.map(({ start, end, cause }) => [start, end, cause]), [
    [segments[1]!.startUs / 1e6, segments[1]!.endUs / 1e6, 'damaged'], [taken!.endUs / 1e6, null, 'process_died'],
  ]);
  assert.deepEqual(at.events.map((event) => event.type === 'recording.gap' && event.gap.cause), ['process_died']);
  assert.deepEqual(kindsOf(await check(directory)), []);
});

test('an index that is no database any more is made anew from the files', real, async () => {
  await using at = await place();
  const segments = await recorded(at);
  await at.archive[Symbol.asyncDispose]();
  await writeFile(join(at.folder.directory, 'index.sqlite'), 'x'.repeat(10_000));
  const archive = await at.open();
  const found = await archive.segments('cam', 0, Infinity);
  assert.deepEqual(found.map(({ file, sha256, startUs, endUs, fragments }) => ({ file, sha256, startUs, endUs, fragments })), segments.map(({ file, sha256, startUs, endUs, fragments }) => ({ file, sha256, startUs, endUs, fragments })));
});

test('a deletion that was cut short is ended at the next start', real, async () => {
  await using at = await place();
  const segments = await recorded(at);
  await at.archive[Symbol.asyncDispose]();
  const index = new DatabaseSync(join(at.folder.directory, 'index.sqlite'));
  for (const { file } of segments.slice(0, 2)) index.prepare('UPDATE segments SET deleting = 1 WHERE file = ?').run(file);
  index.close();
  await rm(join(at.folder.directory, segments[0]!.file));
  const archive = await at.open();
  assert.equal((await archive.storage()).repaired?.deletions_finished, 2);
  assert.deepEqual((await archive.segments('cam', 0, Infinity)).map(({ file }) => file), segments.slice(2).map(({ file }) => file));
  assert.deepEqual(kindsOf(await check(at.folder.directory)), []);
});

test('two files that tell of the same time never both count: the later one is cut to what is free', real, async () => {
  await using at = await place();
  await recorded(at);
  const [late] = await at.folder.record('cam', at.clip, { startUs: START_US + 5e6 + 1000 });
  const camera = at.archive.camera(settings('cam'));
  camera.take({ type: 'segment-closed', segment: late! });
  await camera.end('the test is over');
  const found = await at.archive.segments('cam', 0, Infinity);
  for (const [index, segment] of found.entries()) assert.ok(index === 0 || found[index - 1]!.endUs <= segment.startUs);
  assert.deepEqual(kindsOf(await check(at.folder.directory)), []);
});

test('what lies beside the recordings and is none is left alone', real, async () => {
  await using at = await place();
  const [first] = await recorded(at);
  const { directory } = at.folder;
  await mkdir(join(directory, 'exports'), { recursive: true });
  await writeFile(join(directory, 'exports', 'a.mp4'), 'not ours');
  await writeFile(join(directory, dirname(first!.file), 'holiday.mp4'), 'not ours');
  const archive = await at.open();
  assert.equal((await archive.storage()).repaired?.files, 5);
  assert.ok(existsSync(join(directory, 'exports', 'a.mp4')));
  assert.ok(existsSync(join(directory, dirname(first!.file), 'holiday.mp4')));
});
