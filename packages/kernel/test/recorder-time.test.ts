import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { MediaPacket, type StreamFormat } from '../src/media/media-packet.ts';
import { readRecordedFile, samplesOf } from '../src/mp4/index.ts';
import type { RecordingMessage, Segment } from '../src/record/segment.ts';
import { Recorder } from '../src/record/recorder/recorder.ts';
import { WallClock } from '../src/record/recorder/wall-clock.ts';
import { RecordingFolder } from './recording-child.ts';

const START_US = 1_790_000_000_000_000;
const ticks = (us: number): number => Math.round(us * 0.09);
/** Of a 320x240 picture of x264. */
const PARAMETER_SETS = Buffer.from('000000016764000dacd94141fb011000000300100000030320f142996000000001' + '68ebe3cb22c0', 'hex');
const FORMAT: StreamFormat = { codec: 'h264', parameterSets: PARAMETER_SETS, width: 320, height: 240, reorderDepth: 0, audio: null };
const KEYFRAME = Buffer.concat([PARAMETER_SETS, Buffer.from([0, 0, 0, 1, 0x65, 1, 2, 3])]);
const PICTURE = Buffer.from([0, 0, 0, 1, 0x41, 1, 2, 3]);

test('dates grow, and keep to the clock of the node whatever the drift and the jitter', () => {
  fc.assert(fc.property(
    fc.double({ min: -0.002, max: 0.002, noNaN: true }), fc.integer({ min: 20_000, max: 1_000_000 }),
    fc.array(fc.integer({ min: 0, max: 500_000 }), { minLength: 50, maxLength: 400 }),
    (drift, intervalUs, delaysUs) => {
      const clock = new WallClock(0);
      let arrivedAtUs = 0;
      let date = 0;
      const mostDelayUs = Math.max(...delaysUs);
      // What a drift gains while the window and the following take their time.
      const slackUs = Math.abs(drift) * (7e6 + 3 * intervalUs) + 100;
      for (const [index, delayUs] of delaysUs.entries()) {
        const trueUs = START_US + index * intervalUs;
        arrivedAtUs = Math.max(arrivedAtUs, trueUs + delayUs);
        const at = ticks(index * intervalUs * (1 + drift));
        const next = index === 0 ? clock.start(at, arrivedAtUs) : clock.advance(at, arrivedAtUs);
        clock.settle();
        assert.ok(next > date, 'grows');
        date = next;
        assert.ok(date - trueUs > -slackUs && date - trueUs < mostDelayUs + slackUs, `picture ${index}: ${date - trueUs} us from the truth`);
      }
    },
  ), { numRuns: 300 });
});

test('a camera that counts a sixth too slow is followed without a hole', () => {
  const clock = new WallClock(0);
  clock.start(0, START_US);
  clock.settle();
  for (let index = 1; index < 5000; index++) {
    const trueUs = START_US + index * 40_000;
    const date = clock.advance(ticks(index * 40_000 * 5 / 6), trueUs);
    assert.ok(Math.abs(trueUs - date) < 1.5e6, `${trueUs - date} us behind`);
  }
  assert.ok(clock.behindUs < 1.5e6);
});

test('a pause of the network moves no date, for what it held back comes in a rush', () => {
  const clock = new WallClock(0);
  clock.start(0, START_US);
  clock.settle();
  for (let index = 1; index < 1000; index++) {
    const trueUs = START_US + index * 40_000;
    const heldUs = index >= 500 && index < 600 ? START_US + 600 * 40_000 : trueUs;
    const date = clock.advance(ticks(index * 40_000), heldUs);
    assert.ok(Math.abs(date - trueUs) < 50_000, `${date - trueUs} us at ${index}`);
  }
});

test('what a server had kept and sends in a rush at the beginning is dated when it was, not when it came', async () => {
  await using folder = await RecordingFolder.make();
  const closed: Segment[] = [];
  const send = async (message: RecordingMessage): Promise<void> => { if (message.type === 'segment-closed') closed.push(message.segment); };
  const recorder = new Recorder({ cameraId: 'door', directory: folder.directory, segmentS: 60, notBeforeUs: 0, send });
  recorder.setWanted(true);
  recorder.begin(FORMAT);
  const keptUs = 1_600_000;
  for (let us = 0; us < 6e6; us += 40_000) {
    const keyframe = us === 0;
    recorder.accept(new MediaPacket(keyframe ? KEYFRAME : PICTURE, ticks(us), keyframe, START_US + Math.max(us, keptUs) + (us < keptUs ? us / 1000 : 0), 1));
  }
  await recorder[Symbol.asyncDispose]();
  assert.equal(closed.length, 1);
  const [{ startUs, endUs, file }] = closed as [Segment];
  assert.ok(Math.abs(startUs - START_US) < 50_000 && Math.abs(endUs - START_US - 6e6) < 50_000, `${startUs - START_US} and ${endUs - START_US - 6e6} us from the truth`);
  const { fragments } = await readRecordedFile(`${folder.directory}/${file}`);
  for (const { wallClockUs, startTicks } of fragments) assert.ok(Math.abs(wallClockUs! - START_US - startTicks * 1e6 / 90_000) < 50_000);
});

test('the clock of the node set back lets dates run at half speed until it has caught up', () => {
  const clock = new WallClock(0);
  let before = clock.start(0, START_US);
  clock.settle();
  for (let index = 1; index < 2000; index++) {
    const trueUs = START_US + index * 40_000 - (index > 100 ? 20e6 : 0);
    const date = clock.advance(ticks(index * 40_000), trueUs);
    assert.ok(date >= before + 19_000);
    before = date;
    if (index > 1800) assert.ok(Math.abs(date - trueUs) < 100_000, `${date - trueUs} us`);
  }
});

type Event =
  | { readonly kind: 'pictures'; readonly count: number; readonly jitterUs: number }
  /** The stream's clock leaps, no time passes. */
  | { readonly kind: 'leap'; readonly us: number }
  | { readonly kind: 'clock'; readonly us: number }
  | { readonly kind: 'silence'; readonly us: number }
  | { readonly kind: 'reconnect' } | { readonly kind: 'newEpoch' } | { readonly kind: 'stop' };

const anEvent: fc.Arbitrary<Event> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('pictures' as const), count: fc.integer({ min: 1, max: 120 }), jitterUs: fc.integer({ min: 0, max: 300_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leap' as const), us: fc.integer({ min: -900_000, max: 90_000_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clock' as const), us: fc.integer({ min: -10_000_000, max: 7_200_000_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('silence' as const), us: fc.integer({ min: 0, max: 20_000_000 }) }) },
  { weight: 2, arbitrary: fc.constantFrom<Event>({ kind: 'reconnect' }, { kind: 'newEpoch' }, { kind: 'stop' }) },
);

test('whatever camera, network and clocks do, recordings follow each other without overlap, and hold all that was to be recorded', async () => {
  await fc.assert(fc.asyncProperty(fc.array(anEvent, { minLength: 3, maxLength: 14 }), fc.integer({ min: 5, max: 40 }), fc.integer({ min: 0, max: 5_000_000 }), async (events, gop, aheadUs) => {
    await using folder = await RecordingFolder.make();
    const closed: Segment[] = [];
    const grown: number[] = [];
    const send = async (message: RecordingMessage): Promise<void> => {
      if (message.type === 'segment-closed') closed.push(message.segment);
      if (message.type === 'segment-grew') grown.push(message.endUs);
    };
    const notBeforeUs = START_US + aheadUs;
    const recorder = new Recorder({ cameraId: 'door', directory: folder.directory, segmentS: 2, notBeforeUs, send });
    recorder.setWanted(true);
    let [nowUs, ptsUs, epoch, sincePictures, given] = [START_US, 0, 1, 0, 0];
    recorder.begin(FORMAT);
    for (const event of events) {
      if (event.kind === 'leap') ptsUs += event.us;
      else if (event.kind === 'clock') nowUs += event.us;
      else if (event.kind === 'silence') [nowUs, ptsUs] = [nowUs + event.us, ptsUs + event.us];
      else if (event.kind === 'newEpoch') [ptsUs, epoch] = [0, epoch + 1];
      else if (event.kind === 'reconnect') {
        recorder.interrupt();
        [ptsUs, epoch, sincePictures] = [0, epoch + 1, 0];
        recorder.begin({ ...FORMAT });
      } else if (event.kind === 'stop') {
        recorder.setWanted(false);
        recorder.setWanted(true);
      } else {
        for (let index = 0; index < event.count; index++, sincePictures++) {
          const keyframe = sincePictures % gop === 0;
          recorder.accept(new MediaPacket(keyframe ? KEYFRAME : PICTURE, ticks(ptsUs), keyframe, nowUs + (index * 7919 % (event.jitterUs + 1)), epoch));
          given++;
          [nowUs, ptsUs] = [nowUs + 40_000, ptsUs + 40_000];
        }
      }
    }
    const { drops } = recorder.status;
    await recorder[Symbol.asyncDispose]();
    let untilUs = notBeforeUs;
    let recorded = 0;
    for (const segment of closed) {
      assert.ok(segment.startUs >= untilUs && segment.endUs > segment.startUs, `${segment.startUs} to ${segment.endUs}, after ${untilUs}`);
      if (segment.continues) assert.equal(segment.startUs, untilUs);
      untilUs = segment.endUs;
      const { fragments, wholeBytes, bytes } = await readRecordedFile(`${folder.directory}/${segment.file}`);
      assert.equal(wholeBytes, bytes);
      let atUs = segment.startUs - 1;
      for (const { wallClockUs } of fragments) {
        assert.ok(wallClockUs! > atUs && wallClockUs! < segment.endUs);
        atUs = wallClockUs!;
      }
      const content = await readFile(`${folder.directory}/${segment.file}`);
      for (const { offset, bytes: length } of fragments) recorded += samplesOf(content.subarray(offset, offset + length))!.length;
    }
    assert.ok(grown.every((endUs, index) => index === 0 || endUs > grown[index - 1]!));
    assert.equal(recorded, given - (drops['no_keyframe'] ?? 0));
    // Only a user who stops it, or a beginning, makes it wait for a keyframe.
    assert.ok(events.some(({ kind }) => kind === 'stop') || (drops['no_keyframe'] ?? 0) === 0);
    assert.deepEqual(Object.keys(drops).filter((cause) => cause !== 'no_keyframe'), []);
  }), { numRuns: 60 });
});

test('a rush that is longer than a file, as of a process that was frozen, loses nothing', async () => {
  await using folder = await RecordingFolder.make();
  const closed: Segment[] = [];
  const recorder = new Recorder({
    cameraId: 'door', directory: folder.directory, segmentS: 2, notBeforeUs: 0, now: () => 0,
    send: async (message: RecordingMessage) => { if (message.type === 'segment-closed') closed.push(message.segment); },
  });
  recorder.setWanted(true);
  recorder.begin(FORMAT);
  // Seven seconds of video within 7 ms, then three as they are made.
  const pictures = 250;
  for (let index = 0; index < pictures; index++) {
    const keyframe = index % 25 === 0;
    recorder.accept(new MediaPacket(keyframe ? KEYFRAME : PICTURE, index * 3600, keyframe, START_US + Math.max(0, index - 175) * 40_000 + index * 40, 1));
  }
  await recorder[Symbol.asyncDispose]();
  let found = 0;
  for (const { file } of closed) {
    const content = await readFile(`${folder.directory}/${file}`);
    for (const { offset, bytes } of (await readRecordedFile(`${folder.directory}/${file}`)).fragments) found += samplesOf(content.subarray(offset, offset + bytes))!.length;
  }
  assert.equal(found, pictures);
  for (const [index, { startUs }] of closed.entries()) assert.ok(index === 0 || startUs >= closed[index - 1]!.endUs, 'no two overlap');
});
