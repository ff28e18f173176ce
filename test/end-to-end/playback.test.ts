// Recordings as their users see them: a real camera with sound and reordered pictures that fails for a while, the kernel that records it, the server, and at the
// end foreign tools and a real browser.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { Kernel } from '@ruth/kernel';
import { parseSettings, type CameraStatus, type ExportStatus, type Timeline } from '@ruth/protocol';
import { startServer, type RunningServer } from '@ruth/server';
import { createLogger } from '@ruth/transport';
import { Clips, ffmpeg, noCamera, RealCamera } from '../../packages/kernel/test/real-camera.ts';
import { until } from '../../packages/kernel/test/test-kernel.ts';
import { browserMissing, launchBrowser, openPage } from '../../packages/web/test/browser.ts';
import { everyone } from '../../packages/server/test/stand-ins.ts';

const run = promisify(execFile);
const options = { skip: noCamera || browserMissing(), timeout: 300_000 };
const logger = createLogger('test', 'silent');

const PAGE = '<!doctype html><meta charset="utf-8"><video muted></video><script src="/assets/hls.js"></script><script src="/assets/player.js"></script>';
const PLAYER = `
window.shown = [];
window.play = (url) => {
  const video = document.querySelector('video');
  const hls = window.hls = new Hls({ enableWorker: false });
  window.problems = [];
  hls.on(Hls.Events.ERROR, (_, { fatal, details }) => { if (fatal) problems.push(details); });
  const look = (_, { mediaTime }) => { shown.push(mediaTime); video.requestVideoFrameCallback(look); };
  video.requestVideoFrameCallback(look);
  hls.loadSource(url);
  hls.attachMedia(video);
};`;

class Site {
  folder = '';
  rings = '';
  url = '';
  kernel!: Kernel;
  server!: RunningServer;
  camera!: RealCamera;
  clips!: Clips;
  forbidden: string | null = null;

  async start(): Promise<void> {
    this.clips = await Clips.open();
    const [silent, clip] = [await this.clips.make('silent.mp4', { seconds: 120, extra: ['-bf', '2'] }), `${this.clips.directory}/camera.mp4`];
    await ffmpeg('-i', silent, '-f', 'lavfi', '-i', 'sine=440:r=16000', '-t', '120', '-c:v', 'copy', '-c:a', 'aac', clip);
    const front = `filesrc location=${clip} ! qtdemux name=d d.video_0 ! queue ! h264parse ! rtph264pay name=pay0 config-interval=-1 d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1`;
    this.camera = await RealCamera.start({ front });
    this.folder = await mkdtemp(`${tmpdir()}/ruth-play-`);
    this.rings = await mkdtemp('/dev/shm/ruth-test-');
    await mkdir(join(this.folder, 'page/assets'), { recursive: true });
    await writeFile(join(this.folder, 'page/index.html'), PAGE);
    await writeFile(join(this.folder, 'page/assets/player.js'), PLAYER);
    await copyFile(join(dirname(createRequire(new URL('../../packages/web/package.json', import.meta.url)).resolve('hls.js/package.json')), 'dist/hls.js'), join(this.folder, 'page/assets/hls.js'));
    const settings = parseSettings(JSON.stringify({
      paths: { socket_directory: this.folder, ring_directory: this.rings }, models: [], live: { webrtc: { active: false } },
      recording: { directory: join(this.folder, 'recordings'), segment_s: 3, min_free_gb: 0 },
      cameras: [{ id: 'front', url: this.camera.url('front'), stall_timeout_ms: 1000 }],
    }), 'test');
    this.kernel = await Kernel.start({ settings, logger });
    this.server = await startServer({
      host: '127.0.0.1', port: 0, socketDirectory: this.folder, models: [], pageDirectory: join(this.folder, 'page'), logger, store: { kind: 'sqlite', file: join(this.folder, 'ruth.sqlite') },
      identify: async () => ({ ...everyone, cameras: this.forbidden === null ? null : new Set<string>() }),
    });
    this.url = this.server.url;
    // Recorded, then away, then recorded again.
    await this.recorded(8);
    const { port } = this.camera;
    await this.camera[Symbol.asyncDispose]();
    await until<CameraStatus>(() => this.kernel.camera('front'), ({ state }) => state !== 'streaming', 'the camera is missed');
    this.camera = await RealCamera.start({ front }, { port });
    await until(() => this.timeline(), ({ spans }) => spans.length === 2 && spans[1]!.end - spans[1]!.start > 8, 'the camera is recorded again');
  }

  async json<T>(path: string, method = 'GET', body?: unknown): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}`, { method, ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }) });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  }

  async timeline(): Promise<Timeline> {
    const now = Date.now() / 1000;
    return this.json<Timeline>(`cameras/front/timeline?start=${now - 3600}&end=${now + 60}`);
  }

  private async recorded(seconds: number): Promise<void> {
    await until(() => this.timeline(), ({ spans }) => (spans[0]?.end ?? 0) - (spans[0]?.start ?? 0) > seconds, `${seconds} s are recorded`);
  }

  async stop(): Promise<void> {
    await this.server?.[Symbol.asyncDispose]();
    await this.kernel?.close();
    await this.camera?.[Symbol.asyncDispose]();
    await this.clips?.[Symbol.asyncDispose]();
    for (const path of [this.folder, this.rings]) if (path !== '') await rm(path, { recursive: true, force: true });
  }
}

const site = new Site();
before(async () => { if (options.skip === false) await site.start(); }, { timeout: 180_000 });
after(() => site.stop());

/** Of each video packet, its bytes hashed, as a foreign tool reads them. */
async function packets(input: string, ...extra: string[]): Promise<string[]> {
  const { stdout } = await run('ffmpeg', ['-v', 'error', ...extra, '-i', input, '-map', '0:v', '-c', 'copy', '-f', 'framemd5', '-'], { maxBuffer: 64 << 20 });
  return stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(',').at(-1)!.trim());
}

test('what a camera sent before and after it failed plays as one, picture after picture, and is what an export holds', options, async () => {
  const { spans, gaps } = await site.timeline();
  assert.equal(spans.length, 2);
  assert.ok(gaps.some(({ start, end }) => Math.abs(start - spans[0]!.end) < 0.1 && end !== null && Math.abs(end - spans[1]!.start) < 0.1), JSON.stringify(gaps));
  const [start, end] = [spans[0]!.start, spans[1]!.end];
  const playlist = `${site.url}/api/v1/cameras/front/hls/index.m3u8?start=${start}&end=${end}`;
  const text = await (await fetch(playlist)).text();
  assert.equal(text.match(/#EXT-X-DISCONTINUITY/g)?.length, 1);
  assert.ok(text.match(/#EXT-X-MAP/g)!.length >= 6, 'files were begun and ended');

  const { stdout, stderr } = await run('ffprobe', ['-v', 'warning', '-select_streams', 'v', '-count_frames', '-show_entries', 'packet=dts_time:stream=nb_read_frames', '-show_packets', '-of', 'json', playlist], { maxBuffer: 64 << 20 });
  assert.deepEqual(stderr.split('\n').filter((line) => line !== '' && !/duplicated MOOV/i.test(line)), []);
  const seen = JSON.parse(stdout) as { packets: { dts_time: string }[]; streams: { nb_read_frames: string }[] };
  assert.equal(Number(seen.streams[0]!.nb_read_frames), seen.packets.length);
  for (const [index, { dts_time }] of seen.packets.entries()) assert.ok(index === 0 || Number(dts_time) > Number(seen.packets[index - 1]!.dts_time), `time goes back at ${index}`);

  const made = await site.json<ExportStatus>('exports', 'POST', { camera_id: 'front', start, end });
  const done = await until(() => site.json<ExportStatus>(`exports/${made.export_id}`), ({ state }) => state !== 'running', 'the export ends');
  assert.deepEqual([done.state, done.progress, done.error, done.gaps.length], ['done', 1, null, 1]);
  const file = join(site.folder, 'export.mp4');
  const response = await fetch(`${site.url}/api/v1/exports/${made.export_id}/file`);
  assert.match(response.headers.get('content-disposition')!, /^attachment; filename="front_\d{4}-\d\d-\d\dT[\d-]+Z\.mp4"$/);
  await writeFile(file, Buffer.from(await response.arrayBuffer()));
  for (const input of [playlist, file]) {
    const { stdout: codecs } = await run('ffprobe', ['-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', input]);
    assert.deepEqual([...new Set(codecs.trim().split(/\s+/))].sort(), ['aac', 'h264']);
  }
  const [fromHls, fromExport] = [await packets(playlist), await packets(file, '-ignore_editlist', '1')];
  // What was recorded of the last seconds meanwhile belongs to neither.
  assert.ok(fromExport.length > 16 * 25 && Math.abs(fromExport.length - fromHls.length) <= 13, `${fromExport.length} ${fromHls.length}`);
  const both = Math.min(fromExport.length, fromHls.length);
  assert.deepEqual(fromExport.slice(0, both), fromHls.slice(0, both));
  await site.json(`exports/${made.export_id}`, 'DELETE');
  assert.equal((await fetch(`${site.url}/api/v1/exports/${made.export_id}`)).status, 404);
});

test('a browser plays from the instant asked for, over files and over the gap, and seeks to a picture', options, async () => {
  const { spans } = await site.timeline();
  const start = spans[0]!.start + 2.3;
  const browser = await launchBrowser();
  try {
    const { page } = await openPage(browser, site.url);
    await page.evaluate(`play(${JSON.stringify(`/api/v1/cameras/front/hls/index.m3u8?start=${start}&end=${spans[1]!.start + 5}`)})`);
    const state = (): Promise<{ time: number; duration: number; frames: number; playing: number; problems: string[] }> => page.evaluate(`(() => {
      const video = document.querySelector('video');
      return { time: video.currentTime, duration: video.duration, frames: video.getVideoPlaybackQuality().totalVideoFrames, playing: window.hls.playingDate?.getTime() / 1000, problems };
    })()`);
    await until(state, ({ time, frames, problems }) => problems.length > 0 || (time > 0 && frames > 0), 'a picture is shown');
    // Paused, it stands where it was asked to begin: 1000 ms or less behind a keyframe.
    const begun = await state();
    assert.deepEqual(begun.problems, []);
    assert.ok(Math.abs(begun.playing - start) < 0.1, `${begun.playing - start}`);
    assert.ok(begun.time > 0.1 && begun.time < 1.1, String(begun.time));

    await page.evaluate('document.querySelector("video").playbackRate = 4; document.querySelector("video").play()');
    const ended = await until(state, ({ time, duration, problems }) => problems.length > 0 || time > duration - 0.5, 'it has played to the end');
    assert.deepEqual(ended.problems, []);
    assert.ok(ended.playing > spans[1]!.start, 'the wall clock is that behind the gap');

    await page.evaluate('document.querySelector("video").pause(); shown.length = 0; document.querySelector("video").currentTime = 3.5');
    const shown = await until(() => page.evaluate<number | null>('shown.at(-1) ?? null'), (time) => time !== null && Math.abs(time - 3.5) < 0.1, 'the picture of 3.5 s is shown');
    assert.ok(shown! <= 3.5 && shown! > 3.5 - 0.05, String(shown));
  } finally {
    await browser.close();
  }
});

test('a browser follows what is being recorded', options, async () => {
  const browser = await launchBrowser();
  try {
    const { page } = await openPage(browser, site.url);
    const start = Date.now() / 1000 - 6;
    await page.evaluate(`play(${JSON.stringify(`/api/v1/cameras/front/hls/index.m3u8?start=${start}`)}); document.querySelector('video').autoplay = true`);
    // Of the time after it was asked for: the playlist grew.
    const seen = await until(() => page.evaluate<{ date: number; problems: string[] }>('({ date: window.hls.playingDate?.getTime() / 1000, problems })'),
      ({ date, problems }) => problems.length > 0 || date > start + 9, 'it shows what was recorded meanwhile');
    assert.deepEqual(seen.problems, []);
  } finally {
    await browser.close();
  }
});

test('what is kept says so in the timeline', options, async () => {
  const { spans } = await site.timeline();
  const span = { start: spans[0]!.start, end: spans[0]!.end };
  await site.json('cameras/front/kept', 'PUT', span);
  assert.deepEqual((await site.timeline()).spans.map(({ kept }) => kept), [true, false]);
  await site.json('cameras/front/kept', 'DELETE', span);
  assert.deepEqual((await site.timeline()).spans.map(({ kept }) => kept), [false, false]);
  assert.equal((await site.json<{ state: string }>('storage')).state, 'ok');
});

test('pictures are made of what is seen now and of what was seen then', options, async () => {
  const { spans } = await site.timeline();
  for (const query of ['', `?at=${spans[0]!.start + 3}`, '?width=64']) {
    const response = await fetch(`${site.url}/api/v1/cameras/front/snapshot.jpg${query}`);
    assert.deepEqual([response.status, response.headers.get('content-type'), response.headers.get('cache-control')], [200, 'image/jpeg', 'no-store']);
    const file = join(site.folder, 'snapshot.jpg');
    await writeFile(file, Buffer.from(await response.arrayBuffer()));
    const { stdout } = await run('ffprobe', ['-v', 'error', '-show_entries', 'stream=codec_name,width,height', '-of', 'csv=p=0', file]);
    assert.equal(stdout.trim(), query.includes('width') ? 'mjpeg,64,48' : 'mjpeg,320,240');
  }
});

test('a clip waits for what is still to be seen', options, async () => {
  const made = await site.json<ExportStatus>('clips', 'POST', { camera_id: 'front', at: Date.now() / 1000, pre_s: 2, post_s: 3 });
  assert.deepEqual([made.state, Math.round(made.end - made.start)], ['running', 5]);
  const done = await until(() => site.json<ExportStatus>(`exports/${made.export_id}`), ({ state }) => state !== 'running', 'the clip ends');
  assert.deepEqual([done.state, done.error], ['done', null]);
  const file = join(site.folder, 'clip.mp4');
  await writeFile(file, Buffer.from(await (await fetch(`${site.url}/api/v1/exports/${made.export_id}/file`)).arrayBuffer()));
  const { stdout } = await run('ffprobe', ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', file]);
  assert.ok(Math.abs(Number(stdout) - 5) < 0.1, stdout);
});

test('who may not see a camera sees nothing of its recordings', options, async () => {
  const { spans } = await site.timeline();
  const made = await site.json<ExportStatus>('exports', 'POST', { camera_id: 'front', start: spans[0]!.start, end: spans[0]!.start + 1 });
  site.forbidden = 'front';
  try {
    const span = `start=${spans[0]!.start}&end=${spans[0]!.end}`;
    const fileId = Math.floor(spans[0]!.start * 1000);
    for (const path of [`cameras/front/timeline?${span}`, `cameras/front/hls/index.m3u8?${span}`, `cameras/front/hls/${fileId}/0.mp4`, `cameras/front/segments/${fileId}.mp4`, 'cameras/front/snapshot.jpg',
      `cameras/front/keyframes?at=${spans[0]!.start}`, `exports/${made.export_id}`, `exports/${made.export_id}/file`]) {
      assert.deepEqual([path, (await fetch(`${site.url}/api/v1/${path}`)).status], [path, 403]);
    }
    for (const [method, path, body] of [['PUT', 'cameras/front/kept', { start: 1, end: 2 }], ['POST', 'exports', { camera_id: 'front', start: 1, end: 2 }], ['POST', 'clips', { camera_id: 'front', at: 1, pre_s: 1, post_s: 1 }], ['DELETE', `exports/${made.export_id}`, undefined]] as const) {
      const response = await fetch(`${site.url}/api/v1/${path}`, { method, ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}) });
      assert.deepEqual([path, response.status], [path, 403]);
    }
  } finally {
    site.forbidden = null;
  }
});
