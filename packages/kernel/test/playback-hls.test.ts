// HLS of recordings over HTTP, as a foreign player reads it: every picture once, in order, across files and gaps.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { fastify } from 'fastify';
import { RuthError } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { addRecordingRoutes } from '../src/control/recording-routes.ts';
import { Playback } from '../src/record/playback/index.ts';
import { Clips, noCamera } from './real-camera.ts';
import { RecordedFolder } from './recorded-folder.ts';

const START_S = 1_795_344_000;
const options = { skip: noCamera, timeout: 120_000 };
let clips: Clips;

before(async () => { if (!noCamera) clips = await Clips.open(); });
after(async () => clips?.[Symbol.asyncDispose]());

interface Served extends AsyncDisposable { readonly url: string }

async function serve(folder: RecordedFolder | null): Promise<Served> {
  const settings = folder && { directory: folder.directory, minFreeBytes: 0, segmentS: 4, maxAgeDays: null, maxBytes: null };
  const playback = await Playback.open({ archive: folder, settings, logger: createLogger('test', 'silent') });
  const app = fastify({ forceCloseConnections: true });
  app.setErrorHandler((error, _request, reply) => {
    const known = RuthError.from(error);
    return reply.code(known.httpStatus).send({ error: known.message, error_code: known.code });
  });
  addRecordingRoutes(app, { playback, live: () => { throw new RuthError('camera_not_found', 'none is live'); } });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url: `${url}/v1/cameras/front`,
    async [Symbol.asyncDispose]() {
      await app.close();
      await playback[Symbol.asyncDispose]();
    },
  };
}

interface SeenPacket { readonly pts: number; readonly dts: number; readonly key: boolean }

/** Every video packet that a foreign player gets, after it decoded each without a complaint. */
async function play(url: string): Promise<{ packets: readonly SeenPacket[]; frames: number }> {
  const { stdout, stderr } = await promisify(execFile)('ffprobe', ['-v', 'warning', '-select_streams', 'v', '-count_frames', '-show_packets', '-show_entries', 'packet=pts_time,dts_time,flags:stream=nb_read_frames', '-of', 'json', url], { maxBuffer: 32 << 20 });
  assert.equal(stderr.split('\n').filter((line) => line !== '' && !/duplicated MOOV|Opening/i.test(line)).join('\n'), '');
  const seen = JSON.parse(stdout) as { packets: { pts_time: string; dts_time: string; flags: string }[]; streams: { nb_read_frames: string }[] };
  return { frames: Number(seen.streams[0]!.nb_read_frames), packets: seen.packets.map(({ pts_time, dts_time, flags }) => ({ pts: Number(pts_time), dts: Number(dts_time), key: flags.includes('K') })) };
}

for (const [name, make] of Object.entries({
  'H.264': () => clips.make('plain.mp4', { seconds: 10 }),
  'H.264 with reordered pictures': () => clips.make('reordered.mp4', { seconds: 10, extra: ['-bf', '2'] }),
  'H.265': () => clips.make('h265.mp4', { codec: 'libx265', seconds: 10, extra: ['-tag:v', 'hvc1'] }),
})) {
  test(`a player sees every picture of ${name} once and in order, across files and a gap`, options, async () => {
    await using folder = await RecordedFolder.make();
    const clip = await make();
    await folder.record('front', clip, { startUs: START_S * 1e6, segmentS: 3 });
    await folder.record('front', clip, { startUs: (START_S + 60) * 1e6, segmentS: 3 });
    await using served = await serve(folder);
    // From the keyframe at 2 s, as 2.5 s is asked for, to the end of the fragment in which 65.2 s lies.
    const { packets, frames } = await play(`${served.url}/hls/index.m3u8?start=${START_S + 2.5}&end=${START_S + 65.2}`);
    assert.equal(packets.length, 200 + 138);
    assert.equal(frames, packets.length);
    assert.ok(packets[0]!.key);
    for (const [index, { dts }] of packets.entries()) if (index > 0) assert.ok(Math.abs(dts - packets[index - 1]!.dts - 0.04) < 0.001, `packet ${index}: ${packets[index - 1]!.dts} ${dts}`);
    assert.equal(new Set(packets.map(({ pts }) => pts.toFixed(3))).size, packets.length);
  });
}

test('a playlist tells the instant of each file, where to begin, and where something is missing', options, async () => {
  await using folder = await RecordedFolder.make();
  const clip = await clips.make('told.mp4', { seconds: 10 });
  await folder.record('front', clip, { startUs: START_S * 1e6, segmentS: 5 });
  await folder.record('front', clip, { startUs: (START_S + 60) * 1e6, segmentS: 5 });
  await using served = await serve(folder);
  const response = await fetch(`${served.url}/hls/index.m3u8?start=${START_S + 1.75}&end=${START_S + 62}`);
  assert.deepEqual([response.status, response.headers.get('content-type'), response.headers.get('cache-control')], [200, 'application/vnd.apple.mpegurl', 'no-store']);
  const lines = (await response.text()).split('\n');
  assert.ok(lines.includes('#EXT-X-START:TIME-OFFSET=0.750000,PRECISE=YES') && lines.includes('#EXT-X-PLAYLIST-TYPE:VOD') && lines.includes('#EXT-X-ENDLIST'));
  assert.deepEqual(lines.filter((line) => /DISCONTINUITY|DATE-TIME/.test(line)), [
    '#EXT-X-PROGRAM-DATE-TIME:2026-11-22T10:40:01.000Z', '#EXT-X-PROGRAM-DATE-TIME:2026-11-22T10:40:05.000Z', '#EXT-X-DISCONTINUITY', '#EXT-X-PROGRAM-DATE-TIME:2026-11-22T10:41:00.000Z',
  ]);
  const target = Number(/TARGETDURATION:(\d+)/.exec(lines.join('\n'))![1]);
  const lengths = lines.flatMap((line) => /^#EXTINF:([\d.]+)/.exec(line)?.[1] ?? []).map(Number);
  assert.ok(lengths.every((length) => length <= target), String(lengths));
  assert.equal(lengths.reduce((sum, length) => sum + length, 0), 4 + 5 + 2);
});

test('a playlist without an end grows by whole pieces, and what it told stays as it was; the very present is waited for', options, async () => {
  await using folder = await RecordedFolder.make();
  const nowS = Math.floor(Date.now() / 1000);
  const [file] = await folder.record('front', await clips.make('grows.mp4', { seconds: 12 }), { startUs: (nowS - 12) * 1e6, open: true });
  await using served = await serve(folder);
  const grow = (fragments: number): void => {
    const last = file!.fragments[fragments - 1]!;
    const durationTicks = last.startTicks + last.durationTicks;
    folder.recordings[0] = { ...file!, fragments: file!.fragments.slice(0, fragments), durationTicks, endUs: file!.startUs + durationTicks / 0.09, bytes: last.offset + last.bytes, sha256: fragments === 24 ? file!.sha256 ?? 'ended' : null };
  };
  const ask = async (): Promise<string> => await (await fetch(`${served.url}/hls/index.m3u8?start=${nowS - 12}`)).text();
  // Fragments are of half a second, with a keyframe in each second one: nothing is complete yet.
  grow(2);
  let answered = false;
  const first = ask().finally(() => { answered = true; });
  await delay(500);
  assert.ok(!answered, 'it waits');
  grow(3);
  const told = [await first];
  for (const fragments of [8, 18, 24]) {
    grow(fragments);
    told.push(await ask());
  }
  assert.deepEqual(told.map((text) => /EVENT/.test(text) && !/ENDLIST/.test(text)), [true, true, true, true]);
  assert.deepEqual(told.map((text) => text.match(/#EXTINF:([\d.]+)/g)!.map((line) => Number(line.slice(8)))), [[1], [1], [1, 4], [1, 4, 4, 3]]);
  assert.ok(told.every((text, index) => index === 0 || text.startsWith(told[index - 1]!.trimEnd())));
});

test('what is recorded and cannot be played yet is not said to be missing', options, async () => {
  await using folder = await RecordedFolder.make();
  const nowS = Math.floor(Date.now() / 1000);
  const [file] = await folder.record('front', await clips.make('long-gop.mp4', { seconds: 4, gop: 250 }), { startUs: (nowS - 4) * 1e6, open: true });
  assert.equal(file!.sha256, null);
  await using served = await serve(folder);
  const response = await fetch(`${served.url}/hls/index.m3u8?start=${nowS - 4}`);
  const { error, error_code: code } = await response.json() as { error: string; error_code: string };
  assert.deepEqual([response.status, code], [404, 'not_recorded']);
  assert.match(error, /^front is recorded at .*, but of that nothing can be played before the next keyframe; try again/);
  // Nobody waits for ever, and a reader that goes away is waited for by nobody.
  const gone = new AbortController();
  const left = fetch(`${served.url}/hls/index.m3u8?start=${nowS - 4}`, { signal: gone.signal });
  setTimeout(() => gone.abort(), 300);
  await assert.rejects(left, { name: 'AbortError' });
});

test('a player fetches any range of a file, moved in time or as it is', options, async () => {
  await using folder = await RecordedFolder.make();
  const [closed] = await folder.record('front', await clips.make('ranges.mp4', { seconds: 4 }), { startUs: START_S * 1e6 });
  await using served = await serve(folder);
  const raw = await readFile(folder.path(closed!));
  const whole = await fetch(`${served.url}/segments/${START_S}000.mp4`);
  assert.deepEqual([whole.status, whole.headers.get('accept-ranges'), whole.headers.get('content-length'), whole.headers.get('cache-control')], [200, 'bytes', String(raw.length), 'private, max-age=31536000, immutable']);
  assert.ok(Buffer.from(await whole.arrayBuffer()).equals(raw));
  const moved = Buffer.from(await (await fetch(`${served.url}/hls/${START_S}000/900000.mp4`)).arrayBuffer());
  assert.equal(moved.length, raw.length);
  assert.ok(!moved.equals(raw));
  assert.ok(moved.subarray(0, closed!.initBytes).equals(raw.subarray(0, closed!.initBytes)));
  for (const [path, content] of [[`segments/${START_S}000.mp4`, raw], [`hls/${START_S}000/900000.mp4`, moved]] as const) {
    const [a, b] = [closed!.fragments[1]!.offset + 13, closed!.fragments[4]!.offset + 40];
    for (const [range, begin, end] of [[`bytes=0-0`, 0, 1], [`bytes=${a}-${b}`, a, b + 1], [`bytes=${b}-`, b, raw.length], ['bytes=-70', raw.length - 70, raw.length]] as const) {
      const part = await fetch(`${served.url}/${path}`, { headers: { range } });
      assert.deepEqual([part.status, part.headers.get('content-range')], [206, `bytes ${begin}-${end - 1}/${raw.length}`]);
      assert.ok(Buffer.from(await part.arrayBuffer()).equals(content.subarray(begin, end)), range);
    }
    const beyond = await fetch(`${served.url}/${path}`, { headers: { range: `bytes=${raw.length}-` } });
    assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, `bytes */${raw.length}`]);
    const head = await fetch(`${served.url}/${path}`, { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers.get('content-length')], [200, String(raw.length)]);
  }
  // A file is let go when the last of an answer has left: the player may have had it before.
  while (folder.held.length > 0) await delay(10);
});

test('a reader that goes away in the middle lets go of the file', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('left.mp4', { seconds: 8, size: '1280x720' }), { startUs: START_S * 1e6 });
  await using served = await serve(folder);
  for (let round = 0; round < 70; round++) {
    const leave = new AbortController();
    const response = await fetch(`${served.url}/hls/${START_S}000/0.mp4`, { signal: leave.signal });
    assert.equal(response.status, 200);
    leave.abort();
  }
  // More than may read at once: all of them were let go.
  const response = await fetch(`${served.url}/hls/${START_S}000/0.mp4`);
  assert.equal(response.status, 200);
  await response.arrayBuffer();
});

test('keyframes are found on both sides of an instant, across files and gaps', options, async () => {
  await using folder = await RecordedFolder.make();
  const clip = await clips.make('keyframes.mp4', { seconds: 4, gop: 50 });
  await folder.record('front', clip, { startUs: START_S * 1e6, segmentS: 2 });
  await folder.record('front', clip, { startUs: (START_S + 300) * 1e6 });
  await using served = await serve(folder);
  const at = async (offsetS: number): Promise<(number | null)[]> => {
    const { before: earlier, after: later } = await (await fetch(`${served.url}/keyframes?at=${START_S + offsetS}`)).json() as { before: number | null; after: number | null };
    return [earlier, later].map((time) => time === null ? null : time - START_S);
  };
  assert.deepEqual(await at(1), [0, 2]);
  assert.deepEqual(await at(2), [2, 300]);
  assert.deepEqual(await at(200), [2, 300]);
  assert.deepEqual(await at(-5), [null, 0]);
  assert.deepEqual(await at(1000), [302, null]);
});

test('what does not make sense is refused in words', options, async () => {
  await using folder = await RecordedFolder.make();
  await folder.record('front', await clips.make('words.mp4', { seconds: 2 }), { startUs: START_S * 1e6 });
  await using served = await serve(folder);
  for (const [path, status, code, words] of [
    ['hls/index.m3u8', 400, 'bad_request', /start must be a time in seconds since 1970/],
    ['hls/index.m3u8?start=yesterday', 400, 'bad_request', /start must be a time/],
    [`hls/index.m3u8?start=${START_S + 1}&end=${START_S}`, 400, 'bad_request', /start must lie before end/],
    [`hls/index.m3u8?start=${START_S}&end=${START_S + 90_000}`, 400, 'bad_request', /24 hours/],
    [`hls/index.m3u8?start=${START_S + 100}&end=${START_S + 200}`, 404, 'not_recorded', /recorded is up to 2026-11-22T10:40:02\.000Z/],
    [`timeline?start=${START_S}`, 400, 'bad_request', /end must be a time/],
    ['hls/1795344000001/0.mp4', 404, 'not_recorded', /no such file/],
    ['hls/..%2f..%2findex/0.mp4', 404, 'not_recorded', /no such file/],
    [`hls/${START_S}000/-5.mp4`, 404, 'not_recorded', /no such file/],
    ['segments/..%2findex.sqlite', 404, 'not_recorded', /no such file/],
    ['snapshot.jpg?at=5&width=2', 400, 'bad_request', /width must be/],
    ['../nobody/snapshot.jpg', 404, 'camera_not_found', /live/],
  ] as const) {
    const response = await fetch(`${served.url}/${path}`);
    const body = await response.json() as { error: string; error_code: string };
    assert.deepEqual([path, response.status, body.error_code], [path, status, code]);
    assert.match(body.error, words);
  }
});

test('without recording, what needs it says so', async () => {
  await using served = await serve(null);
  for (const path of [`timeline?start=1&end=2`, 'hls/index.m3u8?start=1&end=2', 'snapshot.jpg?at=1', 'keyframes?at=1']) {
    const response = await fetch(`${served.url}/${path}`);
    assert.deepEqual([response.status, (await response.json() as { error_code: string }).error_code], [409, 'recording_off']);
  }
  const storage = await fetch(served.url.replace('/v1/cameras/front', '/v1/storage'));
  assert.equal((await storage.json() as { state: string }).state, 'off');
});
