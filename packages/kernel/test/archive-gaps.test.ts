import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RecordingGap } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { CameraArchive } from '../src/record/archive/camera-archive.ts';
import type { Segment } from '../src/record/segment.ts';
import type { Gap } from '../src/record/archive/gap-table.ts';
import { GapWatch, type GapWatchOptions } from '../src/record/archive/gap-watch.ts';

const S = 1e6;

/** A watch whose clock the test moves; `gaps` is what a table of them would hold. */
function watching(over: Partial<Pick<GapWatchOptions, 'recordedUntilUs' | 'gap'>> = {}) {
  const time = { us: 1000 * S };
  const gaps = new Map<number, Gap>();
  if (over.gap) gaps.set(over.gap.startUs, over.gap);
  const watch = new GapWatch({
    clock: { utcUs: () => time.us, monotonicMs: () => time.us / 1000 }, recordedUntilUs: null, gap: null, ...over,
    onGap: (gap) => gaps.set(gap.startUs, gap), onWithdrawn: (gap) => gaps.delete(gap.startUs),
  });
  const told = (): [number, number | null, string][] => [...gaps.values()].sort((a, b) => a.startUs - b.startUs).map(({ startUs, endUs, cause }) => [startUs / S, endUs === null ? null : endUs / S, cause]);
  return {
    watch, told, time,
    pass: (seconds: number): void => {
      for (let step = 0; step < seconds; step++) {
        time.us += S;
        watch.look();
      }
    },
    /** A second of video that ends now. */
    record: (continues = true): void => {
      time.us += S;
      watch.grew(time.us - S, time.us, continues);
      watch.look();
    },
  };
}

test('what comes without a break has no gap', () => {
  const { record, told } = watching();
  for (let second = 0; second < 60; second++) record();
  assert.deepEqual(told(), []);
});

test('a gap begins where the recording ended, has the cause, and ends with the next recording', () => {
  const { watch, record, pass, told } = watching();
  record();
  watch.trouble('camera_down', 'no answer');
  pass(1);
  assert.deepEqual(told(), [], 'what was taken before may still come');
  pass(5);
  assert.deepEqual(told(), [[1001, null, 'camera_down']]);
  record(false);
  assert.deepEqual(told(), [[1001, 1007, 'camera_down']]);
});

test('a break too short to be seen is a gap as well, once the next recording says so', () => {
  const { watch, record, time, told } = watching();
  record();
  watch.trouble('camera_stalled', null);
  time.us += 0.4 * S;
  record(false);
  assert.deepEqual(told(), [[1001, 1001.4, 'camera_stalled']]);
});

test('what was recorded and not told of moves the beginning of a gap, and takes neither its cause nor what is wrong by now', () => {
  const short = watching();
  short.record();
  short.watch.trouble('camera_down', 'no answer');
  short.watch.wasRecordedUntil(1001.5 * S);
  short.watch.grew(1003 * S, 1004 * S, false);
  assert.deepEqual(short.told(), [[1001.5, 1003, 'camera_down']]);
  const long = watching();
  long.record();
  long.watch.trouble('camera_down', 'no answer');
  long.pass(5);
  assert.deepEqual(long.told(), [[1001, null, 'camera_down']]);
  long.watch.wasRecordedUntil(1001.5 * S);
  assert.deepEqual(long.told(), [[1001.5, null, 'camera_down']]);
  long.watch.wasRecordedUntil(1001.2 * S);
  assert.deepEqual(long.told(), [[1001.5, null, 'camera_down']], 'what is known already changes nothing');
});

test('a gap begins where the file before it ends, also where its last fragment was told of with the file alone', () => {
  const gaps: RecordingGap[] = [];
  const logger = createLogger('test', 'fatal');
  const store = { call: async () => true } as unknown as ConstructorParameters<typeof CameraArchive>[0]['store'];
  const archive = new CameraArchive({
    cameraId: 'front', extent: { newestEndUs: null, gap: null }, store, clock: { utcUs: () => 1100 * S, monotonicMs: () => 1e6 }, logger,
    onGap: (gap) => gaps.push(gap), onGrew: () => undefined, onPaused: () => undefined,
  });
  archive.describe({ recording: { active: true, maxAgeDays: null, maxBytes: null } });
  const fragment = (offset: number) => ({ offset, bytes: 100, startTicks: offset * 450, durationTicks: 45_000, keyframe: true });
  const segment = (file: string, startUs: number, endUs: number, fragments: ReturnType<typeof fragment>[], sha256: string | null): Segment => ({
    cameraId: 'front', file, startUs, endUs, durationTicks: fragments.length * 45_000, codec: 'h264', width: 640, height: 360, audio: false, initBytes: 0, bytes: fragments.length * 100, fragments, sha256, continues: false,
  });
  archive.take({ type: 'segment-opened', segment: segment('one', 1000 * S, 1000 * S, [], null) });
  archive.take({ type: 'segment-grew', file: 'one', fragments: [fragment(0)], endUs: 1000.5 * S });
  archive.observe({ state: 'down', last_error: { code: 'camera_unreachable', message: 'it closed the connection', at: 1001 }, recording: { state: 'waiting', cause: null, bytes_written: 0, segments: 0, drops: {} } });
  archive.take({ type: 'segment-closed', segment: segment('one', 1000 * S, 1001 * S, [fragment(0), fragment(100)], 'hash') });
  archive.take({ type: 'segment-opened', segment: segment('two', 1002 * S, 1002 * S, [], null) });
  archive.take({ type: 'segment-grew', file: 'two', fragments: [fragment(0)], endUs: 1002.5 * S });
  assert.deepEqual(gaps, [{ start: 1001, end: 1002, cause: 'camera_down', message: 'it closed the connection' }]);
});

test('where the recorder itself knows the cause, that one counts', () => {
  const { watch, record, told } = watching();
  record();
  watch.grew(1100 * S, 1101 * S, false, 'clock');
  assert.deepEqual(told(), [[1001, 1100, 'clock']]);
});

test('a gap that turns out to be none, as a slow disk took the video after all, is withdrawn', () => {
  const { watch, record, pass, told } = watching();
  record();
  watch.trouble('disk_slow', null);
  pass(8);
  assert.deepEqual(told(), [[1001, null, 'disk_slow']]);
  watch.grew(1001 * S, 1002 * S, true);
  assert.deepEqual(told(), []);
});

test('a camera that was down when the node went down is told of anew when it is still down after', () => {
  const { watch, pass, told } = watching({ recordedUntilUs: 900 * S, gap: { startUs: 900 * S, endUs: null, cause: 'process_died', message: null } });
  watch.trouble('camera_down', 'no answer');
  pass(3);
  watch.trouble('camera_stalled', null);
  pass(3);
  assert.deepEqual(told(), [[900, 1001, 'process_died'], [1001, null, 'camera_down']], 'and not at each change of its state');
  watch.stop('stopped by user');
  assert.deepEqual(told().at(-1), [1006, null, 'stopped']);
});

test('nothing for long without a known cause is a gap all the same', () => {
  const { record, pass, told } = watching();
  record();
  pass(9);
  assert.deepEqual(told(), []);
  pass(5);
  assert.deepEqual(told(), [[1001, null, 'unknown']]);
});

test('a gap takes the cause that is found later, from its beginning; one that is found with the next recording too', () => {
  const { watch, record, pass, told } = watching();
  record();
  pass(12);
  assert.deepEqual(told(), [[1001, null, 'unknown']]);
  watch.trouble('process_died', 'it shows no sign of life');
  pass(1);
  assert.deepEqual(told(), [[1001, null, 'process_died']], 'not two gaps, the first of them without a cause');
  record(false);
  pass(12);
  watch.trouble('disk_slow', null);
  record(false);
  assert.deepEqual(told().at(-1), [1015, 1027, 'disk_slow'], 'though nobody looked between');
});

test('of a gap without a cause is said what is known', () => {
  const gaps: (string | null)[] = [];
  let us = 1000 * S;
  const watch = new GapWatch({
    clock: { utcUs: () => us, monotonicMs: () => us / 1000 }, recordedUntilUs: 990 * S, gap: null, hint: () => 'no keyframe has come',
    onGap: ({ message }) => gaps.push(message), onWithdrawn: () => assert.fail('no gap is withdrawn'),
  });
  us += 11 * S;
  watch.look();
  assert.deepEqual(gaps, ['no keyframe has come']);
});

test('whatever happens, recorded and missed time together are all time, and never overlap', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('record' as const), seconds: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ kind: fc.constantFrom('camera_down' as const, 'disk_full' as const, 'process_died' as const), seconds: fc.constant(0) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const { watch, record, pass, told, time } = watching();
    const recorded: [number, number][] = [];
    record(false);
    recorded.push([1000, 1001]);
    let running = true;
    for (const { kind, seconds } of steps) {
      if (kind === 'wait') pass(seconds);
      else if (kind !== 'record') watch.trouble(kind, null);
      if (kind === 'wait') running = false;
      for (let second = 0; kind === 'record' && second < seconds; second++) {
        record(running);
        recorded.push([time.us / S - 1, time.us / S]);
        running = true;
      }
    }
    watch.stop('the end');
    const all = [...recorded, ...told().map(([start, end]): [number, number] => [start, end ?? Infinity])].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [at, [start]] of all.entries()) assert.equal(start, at === 0 ? 1000 : all[at - 1]![1]);
    assert.equal(all.at(-1)![1], Infinity);
  }), { numRuns: 200 });
});
