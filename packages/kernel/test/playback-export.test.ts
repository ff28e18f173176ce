// Exports: a span of the recordings as one ordinary MP4, its samples as the camera sent them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { before, after, test } from 'node:test';
import { promisify } from 'node:util';
import { createLogger } from '@ruth/transport';
import { Exports } from '../src/record/playback/exports/exports.ts';
import { writeExport } from '../src/record/playback/exports/export-writer.ts';
import { Clips, ffmpeg, noCamera } from './real-camera.ts';
import { RecordedFolder } from './recorded-folder.ts';
import { until } from './test-kernel.ts';

const START_US = 1_795_344_000e6;
const logger = createLogger('test', 'silent');
const run = promisify(execFile);
const options = { skip: noCamera, timeout: 120_000 };
let clips: Clips;

before(async () => { if (!noCamera) clips = await Clips.open(); });
after(async () => clips?.[Symbol.asyncDispose]());

/** What a foreign tool says of each packet, its bytes hashed. */
async function packets(file: string, stream: 'v' | 'a'): Promise<string[]> {
  const { stdout } = await run('ffmpeg', ['-v', 'error', '-ignore_editlist', '1', '-i', file, '-map', `0:${stream}`, '-c', 'copy', '-f', 'framemd5', '-'], { maxBuffer: 64 << 20 });
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(',').at(-1)!.trim());
}

async function probe(file: string, ...extra: string[]): Promise<Record<string, string>[]> {
  const { stdout, stderr } = await run('ffprobe', ['-v', 'warning', '-count_frames', '-of', 'json', '-show_entries', 'stream=codec_type,nb_read_frames,start_time,duration', ...extra, file]);
  assert.equal(stderr, '');
  return (JSON.parse(stdout) as { streams: Record<string, string>[] }).streams;
}

async function save(folder: RecordedFolder, name: string, startS: number, endS: number): Promise<string> {
  const path = `${folder.directory}/${name}`;
  await writeExport({
    archive: folder, path, span: { cameraId: 'front', startUs: START_US + startS * 1e6, endUs: START_US + endS * 1e6 }, signal: new AbortController().signal,
    freeBytes: async () => 1e12, onProgress: () => undefined, onGaps: () => undefined,
  });
  return path;
}

for (const [name, make] of Object.entries({
  'H.264 with reordered pictures and sound': () => clips.make('reordered.mp4', { seconds: 12, extra: ['-bf', '2', '-f', 'mp4'] }).then(async (clip) => {
    const sound = clip.replace('.mp4', '-sound.mp4');
    await ffmpeg('-i', clip, '-f', 'lavfi', '-i', 'sine=440:r=16000', '-t', '12', '-c:v', 'copy', '-c:a', 'aac', sound);
    return sound;
  }),
  'H.265': () => clips.make('h265.mp4', { codec: 'libx265', seconds: 12, extra: ['-tag:v', 'hvc1'] }),
})) {
  test(`an export of ${name} holds the very packets that were recorded, file after file, and plays from the instant asked for to the other`, options, async () => {
    await using folder = await RecordedFolder.make();
    const clip = await make();
    await folder.record('front', clip, { startUs: START_US, segmentS: 4 });
    assert.equal(folder.recordings.length, 3);

    const whole = await save(folder, 'whole.mp4', 0, 12);
    assert.deepEqual(await packets(whole, 'v'), await packets(clip, 'v'));
    if (name.includes('sound')) assert.deepEqual(await packets(whole, 'a'), await packets(clip, 'a'));

    const part = await save(folder, 'part.mp4', 1.52, 9.2);
    const [video, sound] = await probe(part);
    assert.deepEqual([video!.codec_type, video!.start_time, video!.nb_read_frames, Number(video!.duration)], ['video', '0.000000', String((9.2 - 1.52) * 25), 9.2 - 1.52]);
    if (sound) assert.ok(Math.abs(Number(sound.nb_read_frames) * 1024 / 16_000 - (9.2 - 1.52)) < 0.2, JSON.stringify(sound));
    // The picture that it begins with is the one that was shown then.
    const first = await run('ffmpeg', ['-v', 'error', '-i', part, '-frames:v', '1', '-f', 'framemd5', '-map', '0:v', '-']);
    const recorded = await run('ffmpeg', ['-v', 'error', '-i', clip, '-vf', 'select=eq(n\\,38)', '-frames:v', '1', '-map', '0:v', '-f', 'framemd5', '-']);
    const picture = ({ stdout }: { stdout: string }): string => stdout.trim().split(',').at(-1)!.trim();
    assert.equal(picture(first), picture(recorded));
    assert.deepEqual(folder.held, []);
  });
}

test('an export closes up gaps and names them', options, async () => {
  await using folder = await RecordedFolder.make();
  const clip = await clips.make('gap.mp4', { seconds: 6 });
  await folder.record('front', clip, { startUs: START_US, segmentS: 2 });
  await folder.record('front', clip, { startUs: START_US + 30e6, segmentS: 2 });
  await using exports = await Exports.open({ archive: folder, directory: folder.directory, minFreeBytes: 0, logger });
  const { export_id } = await exports.create({ cameraId: 'front', startUs: START_US + 4e6, endUs: START_US + 33e6 });
  const status = await until(() => exports.status(export_id), ({ state }) => state !== 'running', 'the export ends');
  assert.deepEqual([status.state, status.progress, status.error], ['done', 1, null]);
  assert.deepEqual(status.gaps.map(({ start, end }) => [start - START_US / 1e6, end! - START_US / 1e6]), [[6, 30]]);
  const { path, bytes, name } = exports.file(export_id);
  assert.equal(name, 'front_2026-11-22T10-40-04Z.mp4');
  assert.deepEqual([bytes, status.bytes], [(await stat(path)).size, bytes]);
  const [video] = await probe(path);
  assert.deepEqual([video!.nb_read_frames, Number(video!.duration)], [String(5 * 25), 5]);

  await exports.remove(export_id);
  assert.throws(() => exports.status(export_id), { code: 'not_found' });
  assert.deepEqual(await readdir(`${folder.directory}/.exports`), []);
});

test('an export whose span holds two formats fails and names the instant of the change', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('small.mp4', { seconds: 4 }), { startUs: START_US });
  await folder.record('front', await clips.make('large.mp4', { seconds: 4, size: '480x272' }), { startUs: START_US + 4e6 });
  await using exports = await Exports.open({ archive: folder, directory: folder.directory, minFreeBytes: 0, logger });
  const { export_id } = await exports.create({ cameraId: 'front', startUs: START_US, endUs: START_US + 8e6 });
  const { state, error } = await until(() => exports.status(export_id), (status) => status.state !== 'running', 'the export ends');
  assert.equal(state, 'failed');
  assert.match(error!, /format changes at 2026-11-22T10:40:04\.000Z/);
  assert.throws(() => exports.file(export_id), { code: 'invalid_state' });
  assert.deepEqual(await readdir(`${folder.directory}/.exports`), []);
});

test('an export that is cancelled leaves nothing, and so does one of a kernel before', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('cancelled.mp4', { seconds: 6 }), { startUs: START_US });
  // Of a moment that is still to come, so that it surely runs when it is cancelled.
  await folder.record('front', await clips.make('now.mp4', { seconds: 6 }), { startUs: Date.now() * 1000 - 3e6, open: true });
  await using exports = await Exports.open({ archive: folder, directory: folder.directory, minFreeBytes: 0, logger });
  const { export_id, state } = await exports.create({ cameraId: 'front', startUs: Date.now() * 1000 - 2e6, endUs: Date.now() * 1000 + 300e6 });
  assert.equal(state, 'running');
  await exports.remove(export_id);
  assert.equal(exports.status(export_id).state, 'cancelled');
  await exports.remove(export_id);
  assert.throws(() => exports.status(export_id), { code: 'not_found' });

  const done = await exports.create({ cameraId: 'front', startUs: START_US, endUs: START_US + 2e6 });
  await until(() => exports.status(done.export_id), (status) => status.state === 'done', 'the export is done');
  await writeFile(`${folder.directory}/.exports/leftover.part`, 'x');
  await using _later = await Exports.open({ archive: folder, directory: folder.directory, minFreeBytes: 0, logger });
  await assert.rejects(stat(`${folder.directory}/.exports`), { code: 'ENOENT' });
});

test('a cancelled export stops in the middle of its writing', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('middle.mp4', { seconds: 6 }), { startUs: START_US, segmentS: 2 });
  const stop = new AbortController();
  const progress: number[] = [];
  await assert.rejects(writeExport({
    archive: folder, path: `${folder.directory}/stopped.mp4`, span: { cameraId: 'front', startUs: START_US, endUs: START_US + 6e6 }, signal: stop.signal, freeBytes: async () => 1e12,
    onGaps: () => undefined,
    onProgress: (written, total) => {
      progress.push(written / total);
      if (written / total > 0.5) stop.abort(new Error('enough'));
    },
  }), { message: 'enough' });
  assert.ok(progress.length > 2 && progress.every((value, index) => value >= (progress[index - 1] ?? 0) && value < 0.9), String(progress));
  assert.deepEqual(folder.held, []);
});

test('an export that waits for others is cancelled at once', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('turns.mp4', { seconds: 2 }), { startUs: START_US });
  const gate = Promise.withResolvers<void>();
  const timeline = folder.timeline.bind(folder);
  folder.timeline = async (...span) => {
    await gate.promise;
    return timeline(...span);
  };
  await using exports = await Exports.open({ archive: folder, directory: folder.directory, minFreeBytes: 0, logger });
  const span = { cameraId: 'front', startUs: START_US, endUs: START_US + 2e6 };
  const [first, second, third] = [await exports.create(span), await exports.create(span), await exports.create(span)];
  await exports.remove(third.export_id);
  assert.deepEqual([first, second, third].map(({ export_id }) => exports.status(export_id).state), ['running', 'running', 'cancelled']);
  gate.resolve();
  for (const { export_id } of [first, second]) await until(() => exports.status(export_id), ({ state }) => state === 'done', 'the export is done');
});

test('an export is refused where the disk has no room for it', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('full.mp4', { seconds: 2 }), { startUs: START_US });
  await using exports = await Exports.open({ archive: folder, directory: folder.directory, minFreeBytes: Number.MAX_SAFE_INTEGER, logger });
  const { export_id } = await exports.create({ cameraId: 'front', startUs: START_US, endUs: START_US + 2e6 });
  const { state, error } = await until(() => exports.status(export_id), (status) => status.state !== 'running', 'the export ends');
  assert.equal(state, 'failed');
  assert.match(error!, /nearly full/);
});

test('what cannot be exported is refused at once, with what would be right', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('refused.mp4', { seconds: 2 }), { startUs: START_US });
  await using exports = await Exports.open({ archive: folder, directory: folder.directory, minFreeBytes: 0, logger });
  const span = (startS: number, endS: number, cameraId = 'front') => ({ cameraId, startUs: START_US + startS * 1e6, endUs: START_US + endS * 1e6 });
  await assert.rejects(exports.create(span(2, 1)), { code: 'bad_request', message: /start must lie before end/ });
  await assert.rejects(exports.create(span(0, 90_000)), { code: 'bad_request', message: /24 hours/ });
  await assert.rejects(exports.create(span(-60, -30)), { code: 'not_recorded', message: /recorded is from 2026-11-22T10:40:00\.000Z on/ });
  await assert.rejects(exports.create(span(10, 20)), { code: 'not_recorded', message: /up to 2026-11-22T10:40:02\.000Z/ });
  await assert.rejects(exports.create(span(0, 1, 'nobody')), { code: 'camera_not_found' });
});
