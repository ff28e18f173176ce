import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { describeInit, readRecordedFile } from '../src/mp4/index.ts';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';
import { pictures, RecordingChild, RecordingFolder } from './recording-child.ts';
import { until } from './test-kernel.ts';

let clips: Clips;
let camera: RealCamera;
const sources = new Map<string, string>();
const real = { skip: noCamera };
const run = promisify(execFile);

const withSound = (clip: string): string => `filesrc location=${clip} ! qtdemux name=d d.video_0 ! queue ! h264parse ! rtph264pay name=pay0 config-interval=-1 `
  + 'd.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1';

before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  sources.set('h264', await clips.make('h264.mp4'));
  sources.set('hevc', await clips.make('hevc.mp4', { codec: 'libx265' }));
  sources.set('bframes', await clips.make('bframes.mp4', { extra: ['-bf', '3', '-b_strategy', '0'] }));
  sources.set('sizes', await clips.makeSizes());
  sources.set('sound', `${clips.directory}/sound.mp4`);
  await run('ffmpeg', ['-v', 'error', '-i', sources.get('bframes')!, '-f', 'lavfi', '-i', 'sine=r=44100', '-shortest', '-c:v', 'copy', '-c:a', 'aac', '-ac', '2', sources.get('sound')!]);
  camera = await RealCamera.start({
    h264: launch.h264(sources.get('h264')!), hevc: launch.h265(sources.get('hevc')!), bframes: launch.h264(sources.get('bframes')!),
    sizes: launch.transportStream(sources.get('sizes')!), sound: withSound(sources.get('sound')!),
  });
});
after(async () => {
  await camera?.[Symbol.asyncDispose]();
  await clips?.[Symbol.asyncDispose]();
});

for (const id of ['h264', 'hevc', 'bframes'] as const) {
  test(`files of ${id} begin at a keyframe, play by themselves, and together hold every picture once`, real, async () => {
    await using folder = await RecordingFolder.make();
    await using child = await RecordingChild.start({ url: camera.url(id), directory: folder.directory });
    await child.untilClosed(3);
    await child.end('SIGTERM');
    const { closed } = child;
    assert.deepEqual(await folder.files(), closed.map(({ file }) => `${folder.directory}/${file}`), 'each file was closed, the last one too');
    const shown: string[] = [];
    for (const [index, segment] of closed.entries()) {
      const path = `${folder.directory}/${segment.file}`;
      const bytes = await readFile(path);
      assert.equal(createHash('sha256').update(bytes).digest('hex'), segment.sha256);
      assert.equal(bytes.length, segment.bytes);
      const found = await readRecordedFile(path);
      assert.deepEqual(found.fragments.map(({ offset, bytes, startTicks, durationTicks, keyframe }) => ({ offset, bytes, startTicks, durationTicks, keyframe })), segment.fragments);
      assert.deepEqual([found.wholeBytes, found.fragments[0]!.wallClockUs, found.fragments[0]!.keyframe], [segment.bytes, segment.startUs, true]);
      assert.ok(segment.fragments.every(({ durationTicks }) => durationTicks <= 49_500), 'little more than half a second in a fragment');
      const { width, height } = describeInit(bytes.subarray(0, segment.initBytes))!;
      assert.deepEqual([width, height], [320, 240]);
      const previous = closed[index - 1];
      assert.equal(segment.continues, index > 0);
      if (previous) assert.equal(segment.startUs, previous.endUs);
      assert.ok(Math.abs(segment.endUs - segment.startUs - segment.durationTicks / 0.09) < 0.1 * (segment.endUs - segment.startUs), 'lasts as long by both clocks');
      assert.match(segment.file, /^door\/\d{4}-\d\d-\d\d\/\d\d\/\d+\.mp4$/);
      shown.push(...await pictures(path));
    }
    assert.equal((await stat(`${folder.directory}/${closed[0]!.file}`)).mode & 0o777, 0o640);
    const source = await pictures(sources.get(id)!);
    const first = source.indexOf(shown[0]!);
    assert.ok(shown.length > 75 && first >= 0);
    const lost = child.status!.packets_lost;
    // It may end between a picture and those that are shown before it.
    if (id === 'bframes') shown.splice(-4);
    const differs = shown.findIndex((hash, index) => hash !== source[first + index]);
    assert.equal(differs, -1, `picture ${differs} of ${shown.length} is number ${source.indexOf(shown[differs]!) - first} of the source; ${lost} packets lost; ${JSON.stringify(child.status!.recording)}`);
    assert.ok(Math.abs(closed[0]!.startUs / 1000 - Date.now()) < 60_000);
  });
}

test('a change of resolution begins a new file, and no picture lies between', real, async () => {
  await using folder = await RecordingFolder.make();
  await using child = await RecordingChild.start({ url: camera.url('sizes'), directory: folder.directory, segmentS: 60 });
  const [small, large] = await until(() => child.opened, (opened) => opened.length >= 2, 'two files');
  await child.untilGrown(20);
  await child.end('SIGTERM');
  assert.deepEqual([small!.width, large!.width, large!.continues], [320, 480, true]);
  const [first, second] = child.closed;
  assert.equal(first!.endUs, second!.startUs);
  for (const file of await folder.files()) await pictures(file);
});

test('sound lies beside its pictures, without a hole where one file ends and the next begins', real, async () => {
  await using folder = await RecordingFolder.make();
  await using child = await RecordingChild.start({ url: camera.url('sound'), directory: folder.directory });
  await child.untilClosed(3);
  await child.end('SIGTERM');
  const { closed } = child;
  let samples = 0;
  for (const { file, audio } of closed) {
    assert.equal(audio, true);
    await pictures(`${folder.directory}/${file}`);
    const { stdout, stderr } = await run('ffprobe', ['-v', 'error', '-select_streams', 'a', '-count_frames', '-show_entries', 'stream=codec_name,sample_rate,nb_read_frames', '-of', 'csv=p=0', `${folder.directory}/${file}`]);
    assert.equal(stderr, '');
    const [codec, rate, frames] = stdout.trim().split(',');
    assert.deepEqual([codec, rate], ['aac', '44100']);
    samples += Number(frames) * 1024;
  }
  const seconds = closed.reduce((sum, { durationTicks }) => sum + durationTicks / 90_000, 0);
  assert.ok(Math.abs(samples / 44_100 - seconds) < 0.5, `${samples / 44_100} s of sound beside ${seconds} s of pictures`);
  assert.deepEqual(Object.keys(child.status!.recording.drops).filter((cause) => cause.startsWith('audio')), []);
});

test('what a killed process had told of is whole, and at most a second before its end is lost', real, async () => {
  await using folder = await RecordingFolder.make();
  await using child = await RecordingChild.start({ url: camera.url('h264'), directory: folder.directory, segmentS: 5 });
  await child.untilGrown(14);
  await child.end('SIGKILL');
  const endedUs = Date.now() * 1000;
  const [last] = (await folder.files()).slice(-1);
  const { fragments, wholeBytes, bytes } = await readRecordedFile(last!);
  const told = child.grown.filter(({ file }) => last!.endsWith(file)).flatMap(({ fragments: heard }) => heard);
  assert.ok(fragments.length >= told.length, 'each fragment that was told of is there');
  const end = fragments.at(-1)!;
  const lostUs = endedUs - (end.wallClockUs! + end.durationTicks / 0.09);
  assert.ok(lostUs < 1e6, `${lostUs} us lost`);
  assert.ok(wholeBytes <= bytes);
  for (const file of await folder.files()) await pictures(file);
  // A next process goes on behind it, even where its clock is behind.
  const untilUs = Math.round(end.wallClockUs! + end.durationTicks / 0.09) + 4_000_000;
  await using next = await RecordingChild.start({ url: camera.url('h264'), directory: folder.directory, notBeforeUs: untilUs });
  const opened = await until(() => next.opened[0], (segment) => segment !== undefined, 'a file');
  assert.ok(opened!.startUs >= untilUs);
});

test('a recording that is not wanted any more is finished, and one that is wanted again begins at a keyframe', real, async () => {
  await using folder = await RecordingFolder.make();
  await using child = await RecordingChild.start({ url: camera.url('h264'), directory: folder.directory, segmentS: 60 });
  await child.untilGrown(3);
  await until(() => child.status!.recording.state, (state) => state === 'recording', 'recording');
  child.want({ record: false });
  const [first] = await child.untilClosed(1);
  await until(() => child.status!.recording.state, (state) => state === 'off', 'off');
  child.want({ record: true });
  const [, second] = await until(() => child.opened, (opened) => opened.length >= 2, 'a second file');
  assert.equal(second!.continues, false);
  assert.ok(second!.startUs > first!.endUs);
  await child.end('SIGTERM');
  for (const file of await folder.files()) await pictures(file);
});
