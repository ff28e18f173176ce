import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { RECORDING_FINDINGS, validator, Verification, type KernelEvent, type RecordingSettings } from '@ruth/protocol';
import { createLogger, type EventContent } from '@ruth/transport';
import { Archive } from '../src/record/archive/index.ts';
import type { Clock } from '../src/record/archive/gap-watch.ts';
import { whyUnplayable } from '../src/record/archive/playable.ts';
import { verify, type VerifyReport } from '../src/record/archive/verify.ts';
import type { Segment } from '../src/record/segment.ts';
import { Verifications } from '../src/record/verification/verifications.ts';
import { Clips } from './real-camera.ts';
import { RecordedFolder } from './recorded-folder.ts';
import { until } from './test-kernel.ts';

const noFfmpeg: string | false = spawnSync('ffmpeg', ['-version']).status === 0 ? false : 'needs ffmpeg: apt-get install ffmpeg';
const real = { skip: noFfmpeg };
const VERIFY = new URL('../src/record/verify-main.ts', import.meta.url).pathname;
const START_US = 1_767_225_600e6;
const DAY_US = 86_400e6;

let clips: Clips;
let clip: string;
before(async () => {
  if (noFfmpeg) return;
  clips = await Clips.open();
  clip = await clips.make('clip.mp4', { size: '160x120', seconds: 10 });
});
after(async () => { await clips?.[Symbol.asyncDispose](); });

interface Place extends AsyncDisposable {
  readonly folder: RecordedFolder;
  readonly time: { us: number };
  readonly disk: { freeBytes: number; totalBytes: number };
  readonly events: EventContent<KernelEvent>[];
  readonly archive: Archive;
  open(limits?: Partial<RecordingSettings>): Promise<Archive>;
}

/** An archive over a folder of its own, with a clock and a disk that the test moves. */
async function place(limits: Partial<RecordingSettings> = {}): Promise<Place> {
  const folder = await RecordedFolder.make();
  const time = { us: START_US + 600e6 };
  const disk = { freeBytes: 1e12, totalBytes: 2e12 };
  const events: EventContent<KernelEvent>[] = [];
  const clock: Clock = { utcUs: () => time.us, monotonicMs: () => time.us / 1000 };
  const open = (over: Partial<RecordingSettings> = limits): Promise<Archive> => Archive.open({
    settings: { directory: folder.directory, segmentS: 2, maxAgeDays: null, maxBytes: null, minFreeBytes: 0, ...over },
    logger: createLogger('kernel', 'silent'), onEvent: (event) => events.push(event), clock, space: () => disk,
  });
  let archive = await open();
  return {
    folder, time, disk, events, get archive() { return archive; },
    async open(over) {
      await archive[Symbol.asyncDispose]();
      return archive = await open(over);
    },
    async [Symbol.asyncDispose]() {
      await archive[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const settings = (id: string) => ({ id, recording: { active: true, maxAgeDays: null, maxBytes: null } });

/** Five files of two seconds, told to the archive as a recorder tells them. */
async function recorded({ folder, archive }: Pick<Place, 'folder' | 'archive'>, cameraId = 'cam', startUs = START_US): Promise<readonly Segment[]> {
  const segments = await folder.record(cameraId, clip, { startUs, segmentS: 2 });
  const camera = archive.camera(settings(cameraId));
  for (const segment of segments) tell(camera, segment, true);
  await until(() => archive.segments(cameraId, startUs, startUs + DAY_US), (found) => found.filter(({ sha256 }) => sha256 !== null).length === segments.length, 'all is in the index');
  await archive.storage();
  return segments;
}

function tell(camera: ReturnType<Archive['camera']>, segment: Segment, closed: boolean): void {
  camera.take({ type: 'segment-opened', segment: { ...segment, fragments: [], endUs: segment.startUs, durationTicks: 0, bytes: segment.initBytes, sha256: null } });
  for (const fragment of segment.fragments) camera.take({ type: 'segment-grew', file: segment.file, fragments: [fragment], endUs: Math.round(segment.startUs + (fragment.startTicks + fragment.durationTicks) / 0.09) });
  if (closed) camera.take({ type: 'segment-closed', segment });
}

const kindsOf = ({ findings }: VerifyReport): string[] => findings.map(({ kind, file }) => `${kind} ${file}`);
const check = (directory: string, repair = false): Promise<VerifyReport> => verify({ directory, repair, decode: whyUnplayable });

test('what a recorder told is there at once, in the index, and after a restart', real, async () => {
  await using at = await place();
  const [first, ...rest] = await at.folder.record('cam', clip, { startUs: START_US, segmentS: 2 });
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
  const [open] = await at.folder.record('cam', clip, { startUs: START_US + 590e6 });
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

test('the oldest recordings go by age, then the empty folders; what is kept or held stays until it is not', real, async () => {
  await using at = await place({ maxAgeDays: 1 });
  const segments = await recorded(at);
  const { archive, folder, time } = at;
  await archive.keep('cam', segments[0]!.startUs, segments[0]!.startUs + 1, true);
  const held = archive.hold([segments[1]!.file]);
  time.us = START_US + 2 * DAY_US;
  await archive.sweep();
  assert.deepEqual((await archive.segments('cam', 0, Infinity)).map(({ file }) => file), [segments[0]!.file, segments[1]!.file]);
  assert.deepEqual([0, 1, 2].map((which) => existsSync(archive.path(segments[which]!))), [true, true, false]);
  held[Symbol.dispose]();
  await archive.keep('cam', 0, 1e16, false);
  await archive.sweep();
  assert.deepEqual(await archive.segments('cam', 0, Infinity), []);
  assert.deepEqual(await readdir(join(folder.directory, 'cam')), []);
  assert.deepEqual(kindsOf(await check(folder.directory)), []);
});

test('a nearly full disk is told of once, and the oldest are deleted early; with room again, that is told too', real, async () => {
  await using at = await place({ minFreeBytes: 1e9 });
  const segments = await recorded(at);
  const { archive, disk, events } = at;
  const states = (): unknown[] => events.flatMap((event) => (event.type === 'recording.storage' ? event.state : []));
  disk.freeBytes = 1e9 - segments[0]!.bytes;
  await archive.sweep();
  const left = await archive.segments('cam', 0, Infinity);
  assert.ok(left.length < segments.length);
  disk.freeBytes = 1.1e9;
  await archive.sweep();
  disk.freeBytes = 1e9;
  await archive.sweep();
  assert.deepEqual(states(), ['nearly_full']);
  assert.equal((await archive.segments('cam', 0, Infinity)).length, left.length, 'no more than was needed');
  disk.freeBytes = 2e9;
  await archive.sweep();
  assert.deepEqual(states(), ['nearly_full', 'ok']);
});

test('a full disk: recording pauses with an event and a gap, old recordings make room, and it goes on by itself', real, async () => {
  await using at = await place();
  const segments = await recorded(at);
  const { archive, events, time } = at;
  const camera = archive.camera(settings('cam'));
  camera.take({ type: 'recording-paused', cause: 'disk_full', message: 'ENOSPC', atUs: segments[4]!.endUs });
  time.us += 3e6;
  archive.look();
  await archive.sweep();
  assert.equal((await archive.storage()).state, 'full');
  assert.deepEqual(await archive.segments('cam', 0, Infinity), [], 'everything older than a minute made room');
  const [next] = await at.folder.record('cam', clip, { startUs: time.us });
  tell(camera, next!, true);
  await archive.sweep();
  assert.deepEqual(events.flatMap((event) => (event.type === 'recording.storage' ? event.state : [])), ['full', 'ok']);
  const { gaps } = await archive.timeline('cam', START_US, time.us + 60e6);
  assert.deepEqual(gaps.map(({ start, end, cause }) => [start, end, cause]), [[segments[4]!.endUs / 1e6, next!.startUs / 1e6, 'disk_full']]);
});

test('a kernel that died as the disk filled up starts on the full disk, and makes room for what the index must note', real, async (context) => {
  await using at = await place();
  await recorded(at);
  const small = `${at.folder.directory}-small`;
  await mkdir(small);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small]).status !== 0) return context.skip('needs to mount a small disk');
  try {
    await at.archive[Symbol.asyncDispose]();
    await cp(at.folder.directory, join(small, 'recordings'), { recursive: true });
    spawnSync('dd', ['if=/dev/zero', `of=${small}/ballast`, 'bs=4096'], { stdio: 'ignore' });
    await using archive = await Archive.open({
      settings: { directory: join(small, 'recordings'), segmentS: 2, maxAgeDays: null, maxBytes: null, minFreeBytes: 0 }, logger: createLogger('kernel', 'silent'), onEvent: () => undefined,
    });
    const { gaps } = await archive.timeline('cam', START_US, START_US + 60e6);
    assert.deepEqual(gaps.map(({ cause }) => cause), ['process_died']);
  } finally {
    execFileSync('umount', ['-l', small]);
    await rm(small, { recursive: true, force: true });
  }
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
  const [late] = await at.folder.record('cam', clip, { startUs: START_US + 5e6 + 1000 });
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

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [VERIFY, ...args], (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }));
  });
}
