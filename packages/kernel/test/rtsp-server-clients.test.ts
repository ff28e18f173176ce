// Foreign clients play what our RTSP server serves: ffprobe, ffmpeg, GStreamer, and FFmpeg inside node-av.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Demuxer } from 'node-av/api';
import { ClipSource, readClip, RtspServer } from '../src/live/rtsp/index.ts';

const PICTURES = 50;
const CODECS = ['h264', 'hevc'] as const;
const present = (program: string, argument: string): boolean => {
  try {
    execFileSync(program, [argument], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const skip = present('ffmpeg', '-version') && present('ffprobe', '-version') ? false : 'needs the foreign client ffmpeg: apt-get install ffmpeg';
const skipGStreamer = skip || (present('gst-launch-1.0', '--version') ? false : 'needs the foreign client GStreamer: apt-get install gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad');

const run = promisify(execFile);
const LIMIT = { timeout: 60_000, killSignal: 'SIGKILL' } as const;
/** Plays until the pipeline has what it asked for. Its farewell (PAUSE, then at once TEARDOWN) may overtake itself: then all had come. */
async function gstreamer(pipeline: readonly string[]): Promise<void> {
  await run('gst-launch-1.0', ['-q', ...pipeline], LIMIT).catch((error: Error) => { if (!error.message.includes('gst_rtspsrc_pause')) throw error; });
}
const ffprobe = (url: string, transport = 'tcp') => run('ffprobe', ['-v', 'error', '-rtsp_transport', transport, '-show_entries', 'stream=codec_name,width,height,r_frame_rate', '-of', 'json', url], LIMIT);

/** Digest of each decoded picture, with its time in ticks. */
async function pictures(input: string[]): Promise<{ time: number; md5: string }[]> {
  const { stdout } = await run('ffmpeg', ['-v', 'error', ...input, '-fps_mode', 'passthrough', '-f', 'framemd5', '-'], LIMIT);
  return stdout.split('\n').filter((line) => /^\d/.test(line)).map((line) => line.split(',')).map((fields) => ({ time: Number(fields[2]), md5: fields[5]!.trim() }));
}

describe('a looped clip over RTSP', { skip }, () => {
  let folder: string;
  let server: RtspServer;
  const sources = new Map<string, ClipSource>();
  const clipPath = (codec: string): string => join(folder, `${codec}.mp4`);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ruth-test-rtsp-'));
    for (const codec of CODECS) {
      execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25', '-frames:v', String(PICTURES), '-pix_fmt', 'yuv420p',
        '-c:v', codec === 'h264' ? 'libx264' : 'libx265', '-preset', 'ultrafast', '-bf', '0', '-g', '25', ...(codec === 'hevc' ? ['-x265-params', 'log-level=error'] : []), clipPath(codec)]);
      sources.set(codec, new ClipSource(await readClip(clipPath(codec))));
    }
    server = await RtspServer.listen({ source: (mount) => sources.get(mount) ?? null });
  });
  after(async () => {
    await server?.close();
    for (const source of sources.values()) source[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const codec of CODECS) {
    test(`ffmpeg over TCP gets every ${codec} picture bit by bit, on past the clip's end`, async () => {
      const original = (await pictures(['-i', clipPath(codec)])).map((picture) => picture.md5);
      assert.equal(new Set(original).size, PICTURES);
      const received = await pictures(['-rtsp_transport', 'tcp', '-i', server.url(codec), '-frames:v', '120']);
      assert.equal(received.length, 120);
      const start = original.indexOf(received[0]!.md5);
      assert.equal(start % 25, 0, 'the first picture is a keyframe');
      assert.deepEqual(received.map((picture) => picture.md5), received.map((_, index) => original[(start + index) % PICTURES]));
      const steps = received.slice(1).map((picture, index) => picture.time - received[index]!.time);
      // FFmpeg's parser gives the first picture of any RTSP stream no time of its own.
      assert.ok(steps.slice(1).every((step) => step > 0), 'times only grow');
    });

    test(`ffmpeg over UDP plays ${codec}`, async () => {
      const original = new Set((await pictures(['-i', clipPath(codec)])).map((picture) => picture.md5));
      const received = await pictures(['-rtsp_transport', 'udp', '-i', server.url(codec), '-frames:v', '60']);
      const whole = received.filter((picture) => original.has(picture.md5)).length;
      // UDP may lose packets on a busy machine.
      assert.ok(whole >= 30, `${whole} of ${received.length} pictures were whole`);
    });

    for (const protocol of ['tcp', 'udp']) {
      test(`GStreamer over ${protocol.toUpperCase()} plays ${codec}`, { skip: skipGStreamer }, async () => {
        const element = codec === 'hevc' ? 'h265' : codec;
        await gstreamer(['rtspsrc', `location=${server.url(codec)}`, `protocols=${protocol}`, '!', `rtp${element}depay`, '!', `${element}parse`, '!', 'fakesink', 'num-buffers=40']);
      });
    }

    test(`node-av demuxes ${codec}, with times that only grow`, async () => {
      await using demuxer = await Demuxer.open(server.url(codec), { options: { rtsp_transport: 'tcp' } });
      let last = -1n;
      let count = 0;
      for await (using packet of demuxer.packets()) {
        if (!packet) break;
        if (count === 0) assert.ok(packet.isKeyframe);
        else assert.ok(packet.pts > last);
        if (count > 0) last = packet.pts;
        if (++count === 60) break;
      }
      assert.equal(count, 60);
    });
  }

  test('ffprobe reads codec, size and rate', async () => {
    const { stdout } = await ffprobe(server.url('h264'));
    assert.deepEqual((JSON.parse(stdout) as { streams: unknown[] }).streams, [{ codec_name: 'h264', width: 640, height: 360, r_frame_rate: '25/1' }]);
  });

  test('a mount that is not there is a 404 to ffprobe', async () => {
    await assert.rejects(ffprobe(server.url('nothing')), /404 Not Found/);
  });

  test('a client killed in mid-stream leaves nothing behind and disturbs no other', async () => {
    const watched = pictures(['-rtsp_transport', 'tcp', '-i', server.url('h264'), '-frames:v', '75']);
    const victim = spawn('ffmpeg', ['-v', 'error', '-rtsp_transport', 'tcp', '-i', server.url('h264'), '-f', 'framemd5', '-'], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(victim.stdout, 'data');
    victim.kill('SIGKILL');
    const received = await watched;
    assert.equal(received.length, 75);
    while (server.connectionCount > 0) await delay(10);
  });

  test('foreign clients pass digest authentication with the right password only', async () => {
    await using locked = await RtspServer.listen({ source: (mount) => sources.get(mount) ?? null, credentials: { user: 'viewer', password: 'p@ss' } });
    const url = (password: string): string => locked.url('h264').replace('rtsp://', `rtsp://viewer:${password}@`);
    await ffprobe(url('p%40ss'));
    await assert.rejects(ffprobe(url('wrong')), /401 Unauthorized/);
    await assert.rejects(ffprobe(locked.url('h264')), /401 Unauthorized/);
    if (skipGStreamer) return;
    const play = (password: string) => gstreamer(['rtspsrc', `location=${locked.url('h264')}`, 'protocols=tcp', 'user-id=viewer', `user-pw=${password}`, '!', 'rtph264depay', '!', 'h264parse', '!', 'fakesink', 'num-buffers=40']);
    await play('p@ss');
    await assert.rejects(play('wrong'), /[Uu]nauthorized/);
  });

  const main = join(import.meta.dirname, '../src/live/rtsp-main.ts');

  test('as a process of its own it says its address, serves, and ends cleanly on SIGTERM', async () => {
    const child = spawn(process.execPath, [main, clipPath('h264'), 'front'], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, RUTH_RTSP_USER: 'u', RUTH_RTSP_PASSWORD: 'secret' } });
    const exited = once(child, 'exit');
    const lines: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      lines.push(line);
      const { url, msg } = JSON.parse(line) as { url?: string; msg: string };
      if (msg !== 'ready') continue;
      assert.match(url!, /^rtsp:\/\/127\.0\.0\.1:\d+\/front$/);
      await ffprobe(url!.replace('rtsp://', 'rtsp://u:secret@'));
      child.kill('SIGTERM');
    }
    assert.deepEqual(await exited, [0, null]);
    assert.doesNotMatch(lines.join('\n'), /secret/);
  });

  test('as a process it refuses what is no clip, and says why', async () => {
    for (const [file, code] of [[main, 'not_found'], [join(folder, 'missing.mp4'), 'not_found']] as const) {
      await assert.rejects(run(process.execPath, [main, file], LIMIT), (error: { code: number; stdout: string }) => {
        assert.equal(error.code, 1);
        assert.equal((JSON.parse(error.stdout.trim().split('\n').at(-1)!) as { code: string }).code, code);
        return true;
      });
    }
  });
});
