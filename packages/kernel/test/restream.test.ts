// Other programs pull a camera from Ruth: ffprobe, ffmpeg, GStreamer, and another Ruth. The camera is a real one.
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { parseSettings } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { WebSocket } from 'ws';
import { Kernel } from '../src/index.ts';
import { CameraRestream } from '../src/live/restream/camera-restream.ts';
import { ClipSource, readClip, RtspServer } from '../src/live/rtsp/index.ts';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';
import { TestFolders, TestKernel, until, type TestCamera } from './test-kernel.ts';

const noGStreamer = noCamera || (spawnSync('gst-launch-1.0', ['--version']).status === 0 ? false : 'needs the foreign client GStreamer: apt-get install gstreamer1.0-tools');
const real = { skip: noCamera };
const LIMIT = { timeout: 90_000, killSignal: 'SIGKILL' } as const;
const run = promisify(execFile);
const describedOnly = (clip: string): string => `filesrc location=${clip} ! qtdemux ! h264parse ! rtph264pay name=pay0`;

let clips: Clips;
let camera: RealCamera;

before(async () => {
  if (noCamera) return;
  clips = await Clips.open();
  camera = await RealCamera.start({
    h264: launch.h264(await clips.make('h264.mp4', { gop: 50 })), hevc: launch.h265(await clips.make('hevc.mp4', { codec: 'libx265' })),
    // Its parameter sets stand in the description alone.
    described: describedOnly(await clips.make('described.mp4')), sizes: launch.transportStream(await clips.makeSizes()),
  });
});
after(async () => {
  await camera?.[Symbol.asyncDispose]();
  await clips?.[Symbol.asyncDispose]();
});

/** A kernel with an RTSP output on a port of its own. */
class Restreamer implements AsyncDisposable {
  readonly kernel: Kernel;
  readonly #folders: TestFolders;
  private constructor(kernel: Kernel, folders: TestFolders) {
    this.kernel = kernel;
    this.#folders = folders;
  }

  static async start(cameras: readonly TestCamera[], rtsp: Record<string, unknown> = {}): Promise<Restreamer> {
    const folders = await TestFolders.make();
    const settings = { ...JSON.parse(folders.settingsText(cameras)) as object, live: { webrtc: { active: false }, rtsp: { port: 0, ...rtsp } } };
    return new Restreamer(await Kernel.start({ settings: parseSettings(JSON.stringify(settings), 'test'), logger: createLogger('kernel', 'silent') }), folders);
  }

  url(id: string, credentials = ''): string { return `rtsp://${credentials}127.0.0.1:${this.kernel.restream!.port}/${id}`; }
  clients(id: string, count: number): Promise<unknown> { return until(() => this.kernel.camera(id).live.rtsp_clients, (have) => have === count, `${id} has ${count} clients`); }
  streaming(id: string): Promise<unknown> { return until(() => this.kernel.camera(id), ({ state }) => state === 'streaming', `${id} streams`); }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kernel.close();
    await this.#folders[Symbol.asyncDispose]();
  }
}

const probe = async (url: string, transport = 'tcp'): Promise<unknown> => {
  const { stdout } = await run('ffprobe', ['-v', 'error', '-rtsp_transport', transport, '-analyzeduration', '1000000', '-show_entries', 'stream=codec_name,width,height', '-of', 'json', url], LIMIT);
  return (JSON.parse(stdout) as { streams: unknown[] }).streams[0];
};

/** Times in 1/90000 s of as many pictures, decoded by ffmpeg, which fails on any error. */
async function decode(url: string, pictures: number, transport = 'tcp'): Promise<number[]> {
  const { stdout, stderr } = await run('ffmpeg', ['-v', 'error', '-xerror', '-rtsp_transport', transport, '-analyzeduration', '1000000', '-i', url, '-frames:v', String(pictures), '-fps_mode', 'passthrough', '-copyts', '-enc_time_base', '1/90000', '-f', 'framemd5', '-'], LIMIT);
  assert.equal(stderr, '');
  return stdout.split('\n').filter((line) => /^\d/.test(line)).map((line) => Number(line.split(',')[2]));
}

async function gstreamer(url: string, codec: string, protocol: string, ...properties: string[]): Promise<void> {
  await run('gst-launch-1.0', ['-q', 'rtspsrc', `location=${url}`, `protocols=${protocol}`, ...properties, '!', `rtp${codec}depay`, '!', `${codec}parse`, '!', 'fakesink', 'num-buffers=40'], LIMIT)
    // Its farewell (PAUSE, then at once TEARDOWN) may overtake itself: then all had come.
    .catch((error: Error) => { if (!error.message.includes('gst_rtspsrc_pause')) throw error; });
}

for (const [id, name] of [['h264', 'h264'], ['hevc', 'h265'], ['described', 'h264']] as const) {
  test(`foreign clients play a restreamed camera (${id}) over TCP and UDP`, { skip: noGStreamer }, async () => {
    await using ruth = await Restreamer.start([{ id, url: camera.url(id) }]);
    await ruth.streaming(id);
    assert.deepEqual(await probe(ruth.url(id)), { codec_name: id === 'hevc' ? 'hevc' : 'h264', width: 320, height: 240 });
    const times = await decode(ruth.url(id), 75);
    assert.equal(times.length, 75);
    assert.ok(times.slice(2).every((time, index) => time > times[index + 1]!), 'times grow');
    await gstreamer(ruth.url(id), name, 'tcp');
    await gstreamer(ruth.url(id), name, 'udp');
    await probe(ruth.url(id), 'udp');
    await ruth.clients(id, 0);
  });
}

test('the camera serves one client while a page, a model and three programs watch it', real, async () => {
  const clip = await readClip(`${clips.directory}/h264.mp4`);
  using source = new ClipSource(clip);
  await using only = await RtspServer.listen({ source: () => source });
  await using ruth = await Restreamer.start([{ id: 'front', url: only.url('front') }]);
  await ruth.streaming('front');
  ruth.kernel.lease('model', { camera_id: 'front', fps: 5, ttl_ms: 60_000 });
  const page = new WebSocket(`ws+unix:${ruth.kernel.socketPath}:/v1/cameras/front/live`);
  const programs = [1, 2, 3].map(() => decode(ruth.url('front'), 100));
  await ruth.clients('front', 3);
  await until(() => ruth.kernel.camera('front'), (status) => status.counters.published > 0 && status.viewers === 1, 'all are served');
  for (const times of await Promise.all(programs)) assert.equal(times.length, 100);
  page.terminate();
  assert.equal(only.counters.connections, 1);
});

test('another Ruth takes a restreamed camera as its own, with the right password alone', real, async () => {
  await using ruth = await Restreamer.start([{ id: 'h264', url: camera.url('h264') }], { user: 'viewer', password: 'p@ss word' });
  await ruth.streaming('h264');
  await using second = await TestKernel.start([{ id: 'again', url: ruth.url('h264', 'viewer:p%40ss%20word@') }, { id: 'wrong', url: ruth.url('h264', 'viewer:nonsense@') }]);
  const status = await second.streaming('again');
  assert.deepEqual([status.codec, status.width, status.height], ['h264', 320, 240]);
  await second.until('wrong', (camera) => camera.last_error?.code === 'camera_unauthorized', 'is refused');
  await assert.rejects(probe(ruth.url('h264', 'viewer:nonsense@')), /401 Unauthorized/);
  await assert.rejects(probe(ruth.url('h264')), /401 Unauthorized/);
});

test('a client begins at a keyframe at once and is gone from the status when it goes, however it goes', real, async () => {
  await using ruth = await Restreamer.start([{ id: 'h264', url: camera.url('h264') }]);
  await ruth.streaming('h264');
  const victim = spawn('ffmpeg', ['-v', 'error', '-rtsp_transport', 'tcp', '-i', ruth.url('h264'), '-f', 'framemd5', '-'], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(victim.stdout, 'data');
  await ruth.clients('h264', 1);
  victim.kill('SIGKILL');
  await ruth.clients('h264', 0);
});

test('clients outlive a camera that goes and comes back, with times that go on growing', real, async () => {
  const clip = await readClip(`${clips.directory}/h264.mp4`);
  using source = new ClipSource(clip);
  const first = await RtspServer.listen({ source: () => source });
  const { port } = first;
  await using ruth = await Restreamer.start([{ id: 'front', url: first.url('front'), stall_timeout_ms: 2000 }]);
  await ruth.streaming('front');
  const watching = decode(ruth.url('front'), 200);
  await ruth.clients('front', 1);
  await first.close();
  await until(() => ruth.kernel.camera('front').state, (state) => state === 'down', 'the camera is down');
  // Its clock begins anew.
  using anew = new ClipSource(clip);
  await using _ = await RtspServer.listen({ port, source: () => anew });
  const times = await watching;
  assert.equal(times.length, 200);
  assert.ok(times.slice(2).every((time, index) => time > times[index + 1]!), 'times grow');
  assert.ok(times.at(-1)! - times[1]! < 90_000 * 60, 'and do not jump');
});

test('when the picture changes its size, clients go on with the new parameter sets', real, async () => {
  await using ruth = await Restreamer.start([{ id: 'sizes', url: camera.url('sizes') }]);
  await ruth.streaming('sizes');
  const { stdout } = await run('ffprobe', ['-v', 'error', '-rtsp_transport', 'tcp', '-read_intervals', '%+12', '-show_entries', 'frame=width', '-of', 'csv=p=0', ruth.url('sizes')], LIMIT);
  assert.deepEqual([...new Set(stdout.match(/^\d+/gm))], ['320', '480']);
});

test('a camera that is not there is a 404, one that is down a 503', real, async () => {
  await using ruth = await Restreamer.start([{ id: 'down', url: 'rtsp://127.0.0.1:9/nothing' }]);
  await assert.rejects(probe(ruth.url('nope')), /404 Not Found/);
  await assert.rejects(probe(ruth.url('down')), /503 Service Unavailable/);
});

test('a port that is taken costs the RTSP output alone, until it is free', real, async () => {
  const taken: Server = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await using ruth = await Restreamer.start([{ id: 'h264', url: camera.url('h264') }], { port });
  await ruth.streaming('h264');
  assert.deepEqual([ruth.kernel.restream!.port, ruth.kernel.restream!.failures], [null, 1]);
  taken.close();
  await until(() => ruth.kernel.restream!.port, (now) => now === port, 'it listens');
  await probe(ruth.url('h264'));
});

test('a codec that changes ends the clients; what is wanted ends some time after the last', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const wanted: boolean[] = [];
  using restream = new CameraRestream({ onWanted: (want) => { wanted.push(want); } });
  const described = restream.describe();
  restream.take({ type: 'unit-format', codec: 'h264', parameterSets: Buffer.from('0000000167640a0000000168ee', 'hex') });
  restream.take({ type: 'unit', data: Buffer.from('0000000165aabb', 'hex'), ptsUs: 0, keyframe: true, epoch: 0 });
  assert.equal((await described).codec, 'h264');
  let ended = 0;
  const subscription = restream.subscribe(() => undefined, () => { ended++; });
  assert.equal(subscription.backlog[0]?.nals.length, 3, 'the parameter sets stand before the keyframe');
  assert.equal(restream.clients, 1);
  context.mock.timers.tick(60_000);
  restream.take({ type: 'unit-format', codec: 'hevc', parameterSets: Buffer.from('0000000140010000000142010000000144', 'hex') });
  assert.equal(ended, 1);
  subscription[Symbol.dispose]();
  assert.equal(restream.clients, 0);
  assert.ok(wanted.every(Boolean));
  context.mock.timers.tick(10_000);
  assert.equal(wanted.at(-1), false);
});
