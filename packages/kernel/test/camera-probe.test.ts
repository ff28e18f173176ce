import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ProbeReport, validator } from '@ruth/protocol';
import { adviceFor } from '../src/probe/advice.ts';
import { probe } from '../src/probe/probe.ts';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';

const resources = new AsyncDisposableStack();
after(() => resources.disposeAsync());
const clips = noCamera ? null : resources.use(await Clips.open());

const look = (url: string, seconds: number, transport: 'tcp' | 'udp' | null = null): Promise<ProbeReport> => probe({
  url, transport, seconds, detectStream: false, signal: new AbortController().signal, onHang: () => assert.fail('FFmpeg does not return'),
});
const texts = ({ advice }: Pick<ProbeReport, 'advice'>): string => advice.map(({ level, text }) => `${level}: ${text}`).join('\n');

test('a camera is read for a while and described, without its password', { skip: noCamera }, async () => {
  await using camera = await RealCamera.start({ s: launch.h264(await clips!.make('usual.mp4')) }, { credentials: 'joe:s3cret' });
  const report = await look(camera.url('s', 'joe:s3cret'), 3);
  assert.deepEqual(validator(ProbeReport).violations(report), []);
  assert.deepEqual([report.codec, report.width, report.height, report.transport, report.b_frames, report.packets_lost], ['h264', 320, 240, 'tcp', false, 0]);
  assert.ok(Math.abs(report.fps! - 25) < 1 && report.stated_fps === 25, `${report.fps} ${report.stated_fps}`);
  assert.ok(Math.abs(report.keyframe_interval_s! - 1) < 0.1 && report.pictures_per_keyframe === 25);
  assert.ok(report.bitrate_bps > 10_000 && report.profile!.startsWith('avc1.') && report.audio_codec === null);
  assert.doesNotMatch(JSON.stringify(report), /s3cret|joe/);
  assert.doesNotMatch(texts(report), /problem/);
});

test('keyframes that are rare are waited for and called a problem, with what to set', { skip: noCamera }, async () => {
  await using camera = await RealCamera.start({ s: launch.h264(await clips!.make('rare.mp4', { gop: 150 })) });
  const report = await look(camera.url('s'), 3);
  assert.ok(Math.abs(report.keyframe_interval_s! - 6) < 0.5, `${report.keyframe_interval_s}`);
  assert.match(texts(report), /problem: A keyframe comes only every 6 s.*\(25 to 50 pictures\)/);
});

test('H.265 and B-frames are told with what they cost', { skip: noCamera }, async () => {
  const bframes = await clips!.make('b.mp4', { extra: ['-bf', '2'] });
  await using camera = await RealCamera.start({ hevc: launch.h265(await clips!.make('hevc.mp4', { codec: 'libx265' })), b: launch.h264(bframes) });
  const hevc = await look(camera.url('hevc'), 2);
  assert.equal(hevc.codec, 'hevc');
  assert.match(texts(hevc), /note: H\.265: WebRTC carries H\.264 alone/);
  const reordered = await look(camera.url('b'), 2);
  assert.equal(reordered.b_frames, true);
  assert.match(texts(reordered), /problem: It sends B-frames/);
});

test('UDP is looked at where it is asked for', { skip: noCamera }, async () => {
  await using camera = await RealCamera.start({ s: launch.h264(await clips!.make('udp.mp4')) });
  const report = await look(camera.url('s'), 2, 'udp');
  assert.deepEqual([report.transport, report.width], ['udp', 320]);
});

test('a camera that cannot be read says why', { skip: noCamera }, async () => {
  await using camera = await RealCamera.start({ sound: launch.audio }, { credentials: 'joe:s3cret' });
  await assert.rejects(look(camera.url('sound', 'joe:wrong'), 1), { code: 'camera_unauthorized' });
  await assert.rejects(look(camera.url('sound', 'joe:s3cret'), 1), { code: 'camera_no_video' });
  await assert.rejects(look(camera.url('nothing', 'joe:s3cret'), 1), { code: 'camera_protocol' });
  await assert.rejects(look('rtsp://127.0.0.1:9/x', 1), { code: 'camera_unreachable' });
  await assert.rejects(look('file:///etc/passwd', 1), { code: 'bad_request' });
});

test('advice names every trouble, and a camera without one is left alone', () => {
  const good: Omit<ProbeReport, 'advice'> = {
    url: 'rtsp://h/1', transport: 'tcp', refused_transports: {}, measured_s: 5, connect_ms: 100, first_picture_ms: 100, codec: 'h264', profile: 'avc1.4d001f', width: 1920, height: 1080,
    stated_fps: 25, fps: 25, fps_jitter: 0.1, keyframe_interval_s: 2, pictures_per_keyframe: 50, b_frames: false, bitrate_bps: 4e6, packets_lost: 0, parameter_sets: 'both',
    audio_codec: null, clock_drift_ppm: 20, sender_reports: true, clock_offset_s: 0.1,
  };
  assert.deepEqual(adviceFor(good, false).map(({ level }) => level), ['good']);
  for (const [change, wanted] of [
    [{ keyframe_interval_s: null }, /problem: No second keyframe/], [{ transport: 'udp', refused_transports: { tcp: '461' } }, /problem: It works over UDP alone/],
    [{ packets_lost: 3 }, /problem: 3 packets were lost/], [{ parameter_sets: 'missing' }, /problem: .*no parameter sets/], [{ width: null, height: null }, /problem: No picture/],
    [{ fps: 12 }, /note: It says 25 fps and sends 12/], [{ fps_jitter: 0.9 }, /note: The time between/], [{ first_picture_ms: 3000 }, /note: The first picture took 3 s/],
    [{ parameter_sets: 'description' }, /note: Parameter sets/], [{ sender_reports: false }, /note: No clock/], [{ clock_offset_s: -30 }, /note: Its own clock is 30 s behind/],
    [{ clock_drift_ppm: 5000 }, /note: .*0\.5 % fast/], [{ width: 3840, height: 2160 }, /note: 3840x2160 is dear/],
  ] as const) assert.match(texts({ advice: adviceFor({ ...good, ...change }, false) }), wanted);
});
