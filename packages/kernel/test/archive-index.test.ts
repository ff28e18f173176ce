import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import fc from 'fast-check';
import { migrate } from '../src/record/archive/index-schema.ts';
import { KeptSpans } from '../src/record/archive/kept-spans.ts';
import type { AsideFile } from '../src/record/archive/aside.ts';
import { deletable, type RetentionLimits, type Want } from '../src/record/archive/retention.ts';
import { SegmentIndex } from '../src/record/archive/segment-index.ts';
import type { WholeSegment } from '../src/record/archive/recorded-segment.ts';

const SECOND_US = 1e6;
const DAY_US = 86_400e6;
const UNLIMITED: RetentionLimits = { all: { maxAgeDays: null, maxBytes: null }, cameras: {} };

function newIndex(): { index: SegmentIndex; keeps: KeptSpans } {
  const database = new DatabaseSync(':memory:');
  migrate(database);
  return { index: new SegmentIndex(database), keeps: new KeptSpans(database) };
}

const segment = (cameraId: string, startS: number, seconds: number, over: Partial<WholeSegment> = {}): WholeSegment => ({
  cameraId, file: `${cameraId}/2026-01-01/00/${String(Math.round(startS * 1000)).padStart(13, '0')}.mp4`, startUs: startS * SECOND_US, endUs: (startS + seconds) * SECOND_US,
  durationTicks: seconds * 90_000, codec: 'h264', width: 640, height: 360, audio: false, initBytes: 700, bytes: 1000, sha256: 'ab', continues: false,
  fragments: [{ offset: 700, bytes: 300, startTicks: 0, durationTicks: seconds * 90_000, keyframe: true }], ...over,
});
const filesOf = (chosen: readonly { file: string }[]): number[] => chosen.map(({ file }) => Number(/(\d+)\.mp4$/.exec(file)![1]) / 1000);

test('whatever is put into the index, no two recordings of a camera overlap, and the sums are those of its rows', () => {
  const spans = fc.array(fc.record({ camera: fc.constantFrom('a', 'a.b', 'b'), startS: fc.integer({ min: 0, max: 120 }), seconds: fc.integer({ min: 1, max: 15 }), remove: fc.boolean() }), { maxLength: 60 });
  fc.assert(fc.property(spans, (changes) => {
    const { index } = newIndex();
    const model = new Map<string, WholeSegment>();
    for (const { camera, startS, seconds, remove } of changes) {
      const made = segment(camera, startS, seconds);
      if (remove) {
        index.remove([made.file]);
        model.delete(made.file);
      } else {
        const free = [...model.values()].every((other) => other.cameraId !== camera || other.endUs <= made.startUs || other.startUs >= made.endUs);
        assert.equal(index.insert(made), free);
        if (free) model.set(made.file, made);
      }
    }
    for (const camera of ['a', 'a.b', 'b']) {
      const expected = [...model.values()].filter(({ cameraId }) => cameraId === camera).sort((a, b) => a.startUs - b.startUs);
      assert.deepEqual(index.between(camera, 0, 1e12).map(({ kept: _, ...rest }) => rest), expected);
      assert.deepEqual(index.usage().get(camera)?.segments ?? 0, expected.length);
      assert.deepEqual([...index.files(camera)].map(({ file }) => file), expected.map(({ file }) => file));
      for (const at of [0, 17, 60, 119]) {
        const shown = index.between(camera, at * SECOND_US, (at + 5) * SECOND_US).map(({ file }) => file);
        assert.deepEqual(shown, expected.filter(({ startUs, endUs }) => startUs < (at + 5) * SECOND_US && endUs > at * SECOND_US).map(({ file }) => file));
      }
    }
  }), { numRuns: 100 });
});

test('spans join what lies without a gap, and part where it is kept', () => {
  const { index, keeps } = newIndex();
  for (const start of [0, 10, 20, 40]) index.insert(segment('cam', start, 10));
  keeps.set('cam', 22 * SECOND_US, 24 * SECOND_US, true);
  assert.deepEqual(index.spans('cam', 5 * SECOND_US, 45 * SECOND_US), [
    { start: 0, end: 20, kept: false, bytes: 2000 }, { start: 20, end: 30, kept: true, bytes: 1000 }, { start: 40, end: 50, kept: false, bytes: 1000 },
  ]);
});

test('what is kept holds for recordings that come later, joins with its neighbours, and can be taken back in part', () => {
  const { index, keeps } = newIndex();
  keeps.set('cam', 0, 15 * SECOND_US, true);
  keeps.set('cam', 15 * SECOND_US, 40 * SECOND_US, true);
  for (const start of [0, 10, 20, 30, 40]) index.insert(segment('cam', start, 10));
  const kept = (): boolean[] => index.between('cam', 0, 1e12).map((row) => row.kept);
  assert.deepEqual(kept(), [true, true, true, true, false]);
  keeps.set('cam', 10 * SECOND_US, 30 * SECOND_US, false);
  assert.deepEqual(kept(), [true, false, false, true, false]);
});

test('by age and by size the oldest go first, never what is kept or in use', () => {
  const { index, keeps } = newIndex();
  for (const start of [0, 10, 20, 30]) for (const camera of ['a', 'b']) index.insert(segment(camera, start + (camera === 'b' ? 5 : 0), 10));
  keeps.set('a', 0, SECOND_US, true);
  const nowUs = DAY_US + 25 * SECOND_US;
  const want = { nowUs, bytes: 0, passedOver: [] as string[], atMost: 64 };
  assert.deepEqual(deletable(index, [], { ...want, limits: UNLIMITED }), []);
  assert.deepEqual(filesOf(deletable(index, [], { ...want, limits: { ...UNLIMITED, all: { maxAgeDays: 1, maxBytes: null } } })), [10, 5, 15], 'a day after its end');
  const own = { a: { maxAgeDays: 2, maxBytes: null }, b: { maxAgeDays: null, maxBytes: 3500 } };
  assert.deepEqual(filesOf(deletable(index, [], { ...want, limits: { all: { maxAgeDays: 1, maxBytes: null }, cameras: own } })), [5, 15], 'its own age counts instead');
  assert.deepEqual(filesOf(deletable(index, [], { ...want, limits: { ...UNLIMITED, cameras: { b: { maxAgeDays: null, maxBytes: 2500 } } } })), [5, 15]);
  const passedOver = [segment('b', 5, 10).file];
  assert.deepEqual(filesOf(deletable(index, [], { ...want, passedOver, limits: { ...UNLIMITED, all: { maxAgeDays: null, maxBytes: 6500 } } })), [10, 15]);
  assert.deepEqual(filesOf(deletable(index, [], { ...want, bytes: 1500, limits: UNLIMITED })), [5, 10], 'as the disk needs room');
  assert.deepEqual(filesOf(deletable(index, [], { ...want, nowUs: 80 * SECOND_US, bytes: 1e9, limits: UNLIMITED })), [5], 'the last minute stays');
});

test('what lies aside counts for every limit, and goes when it is the oldest', () => {
  const { index, keeps } = newIndex();
  for (const start of [0, 20, 40]) index.insert(segment('a', start, 10));
  keeps.set('a', 0, SECOND_US, true);
  const lying = (cameraId: string, start: number): AsideFile => ({ cameraId, file: `.unclaimed/${segment(cameraId, start, 10).file}`, startUs: start * SECOND_US, endUs: (start + 10) * SECOND_US, bytes: 1000 });
  const aside = [lying('a', 10), lying('a', 30), lying('b', 25)];
  const want = { nowUs: DAY_US + 25 * SECOND_US, bytes: 0, passedOver: [] as string[], atMost: 64, limits: UNLIMITED };
  const chosen = (more: Partial<Want>): (readonly [string, number, string])[] => deletable(index, aside, { ...want, ...more }).map(({ file, cause }) => [file.startsWith('.unclaimed/') ? file.split('/')[1]!.toUpperCase() : file.split('/')[0]!, Number(/(\d+)\.mp4$/.exec(file)![1]) / 1000, cause]);
  assert.deepEqual(chosen({}), []);
  assert.deepEqual(chosen({ limits: { ...UNLIMITED, all: { maxAgeDays: null, maxBytes: 3500 } } }), [['A', 10, 'size'], ['a', 20, 'size'], ['B', 25, 'size']], 'of six; the one that is kept stays');
  assert.deepEqual(chosen({ limits: { ...UNLIMITED, cameras: { a: { maxAgeDays: null, maxBytes: 3500 }, b: { maxAgeDays: null, maxBytes: 500 } } } }), [['A', 10, 'size'], ['a', 20, 'size'], ['B', 25, 'size']], 'of a camera, also of one of which there is nothing else');
  assert.deepEqual(chosen({ limits: { ...UNLIMITED, all: { maxAgeDays: 1, maxBytes: null } } }), [['A', 10, 'age'], ['B', 25, 'age']], 'it ages from its beginning');
  assert.deepEqual(chosen({ bytes: 1500 }), [['A', 10, 'room'], ['a', 20, 'room']]);
  assert.deepEqual(chosen({ bytes: 1e9, nowUs: 91 * SECOND_US }), [['A', 10, 'room'], ['a', 20, 'room']], 'the last minute stays: what ended in it');
  assert.deepEqual(chosen({ bytes: 1500, passedOver: [aside[0]!.file] }), [['a', 20, 'room'], ['B', 25, 'room']]);
});

test('of any limits the result is the oldest, as few as possible, and enough', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 40 });
  fc.assert(fc.property(sizes, fc.integer({ min: 0, max: 3000 }), (bytes, maxBytes) => {
    const { index } = newIndex();
    for (const [at, size] of bytes.entries()) index.insert(segment(at % 3 === 0 ? 'a' : 'b', at * 10, 10, { bytes: size }));
    const chosen = filesOf(deletable(index, [], { limits: { ...UNLIMITED, all: { maxAgeDays: null, maxBytes } }, nowUs: DAY_US, bytes: 0, passedOver: [], atMost: 1000 }));
    assert.deepEqual(chosen, bytes.map((_, at) => at * 10).slice(0, chosen.length));
    const left = (from: number): number => bytes.slice(from).reduce((sum, size) => sum + size, 0);
    assert.ok(left(chosen.length) <= maxBytes);
    if (chosen.length > 0) assert.ok(left(chosen.length - 1) > maxBytes);
  }), { numRuns: 100 });
});

test('an index of a newer Ruth is refused', () => {
  const database = new DatabaseSync(':memory:');
  database.exec('PRAGMA user_version = 99');
  assert.throws(() => migrate(database), { code: 'invalid_config' });
});

test('what is kept is told in pages, in the order of names, over all cameras, and by an index of its own', () => {
  const database = new DatabaseSync(':memory:');
  migrate(database);
  const [index, keeps] = [new SegmentIndex(database), new KeptSpans(database)];
  for (const camera of ['b', 'a']) for (let start = 0; start < 50; start += 10) index.insert(segment(camera, start, 10));
  keeps.set('a', 12 * SECOND_US, 31 * SECOND_US, true);
  keeps.set('b', 0, SECOND_US, true);
  index.markDeleting([segment('a', 20, 10).file]);
  const wanted = [segment('a', 10, 10).file, segment('a', 30, 10).file, segment('b', 0, 10).file];
  assert.deepEqual(index.kept('', 10).map(({ file }) => file), wanted);
  assert.deepEqual([index.kept('', 2), index.kept(wanted[1]!, 2), index.kept(wanted[2]!, 2)].map((page) => page.map(({ file }) => file)), [wanted.slice(0, 2), wanted.slice(2), []]);
  assert.deepEqual(index.kept(wanted[1]!, 1), [{ file: wanted[2], camera_id: 'b', start: 0, end: 10, bytes: 1000, sha256: 'ab' }]);
  const [plan] = database.prepare('EXPLAIN QUERY PLAN SELECT file FROM segments WHERE kept = 1 AND deleting = 0 AND file > ? ORDER BY file LIMIT 10').all('') as { detail: string }[];
  assert.match(plan!.detail, /segments_kept/);
});
