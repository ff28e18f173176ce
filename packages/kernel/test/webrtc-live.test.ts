// Live view over WebRTC through the whole kernel: a real camera, mediasoup, and a real browser.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WebRtcFromKernel, validator } from '@ruth/protocol';
import { Clips, launch, noCamera, RealCamera } from './real-camera.ts';
import { TestKernel } from './test-kernel.ts';
import { noWebRtc, WebRtcBrowser } from './webrtc-browser.ts';
import type { ruth as Ruth } from './webrtc-page.ts';

declare const ruth: typeof Ruth;

describe('live view over WebRTC', { skip: noCamera || noWebRtc() }, () => {
  test('a browser sees the camera over UDP and over TCP, by signalling and by WHEP, from one producer', async () => {
    await using clips = await Clips.open();
    await using camera = await RealCamera.start({ front: launch.h264(await clips.make('clip.mp4')) });
    await using kernel = await TestKernel.start([{ id: 'front', url: camera.url('front') }]);
    await kernel.streaming('front');
    await using browser = await WebRtcBrowser.start(kernel.kernel.socketPath);
    const page = await browser.page();
    const udp = await page.watch('front', 'udp');
    assert.deepEqual(({ ...await page.sees(udp), frames: 0 }), { width: 320, height: 240, frames: 0, protocol: 'udp' });
    const tcp = await page.watch('front', 'tcp');
    assert.deepEqual(({ ...await page.sees(tcp), frames: 0 }), { width: 320, height: 240, frames: 0, protocol: 'tcp' });
    const player = await page.whep('front', { audioFirst: true });
    assert.equal(player.status, 201);
    assert.deepEqual(({ ...await page.sees(player.index), frames: 0 }), { width: 320, height: 240, frames: 0, protocol: 'udp' });
    assert.equal(kernel.kernel.camera('front').live.webrtc_viewers, 3);

    const messages = await page.page.evaluate((index) => ruth.viewers[index]!.messages, udp);
    for (const message of messages) assert.deepEqual(validator(WebRtcFromKernel).violations(message), []);
  });

  test('one who joins in the midst of a long group of pictures sees at once, and knows the time of each picture', async () => {
    await using clips = await Clips.open();
    await using camera = await RealCamera.start({ front: launch.h264(await clips.make('long.mp4', { gop: 1500, source: 'testsrc=', size: '320x240' })) });
    await using kernel = await TestKernel.start([{ id: 'front', url: camera.url('front') }]);
    await kernel.until('front', ({ counters }) => counters.packets > 25, 'is in the midst of its first group');
    await using browser = await WebRtcBrowser.start(kernel.kernel.socketPath);
    const page = await browser.page();
    const first = await page.watch('front');
    await page.sees(first);
    const { index: second } = await page.whep('front');
    await page.sees(second);
    await page.sees(first);
    // It would have waited for the next one, a minute after the first, were it not for the pictures that are kept.
    assert.equal(kernel.kernel.camera('front').counters.keyframes, 1, 'the camera has sent one keyframe in all this time');

    const stream = await page.until(() => page.page.evaluate((index) => ruth.viewers[index]!.messages.findLast((message) => message.type === 'stream')?.stream ?? null, first), (value) => value?.rtp_offset != null, 'the page knows the clock');
    assert.deepEqual([stream!.width, stream!.height], [320, 240]);
    // As many seconds as the clip has played, and not any number.
    const seconds = await page.page.evaluate(([index, offset]) => ((ruth.viewers[index]!.shown.at(-1)!.rtpTimestamp - offset) >>> 0) / 90_000, [first, stream!.rtp_offset!] as const);
    assert.ok(seconds >= 0 && seconds < 120, `${seconds} s`);
  });

  test('viewers stay while the camera connects anew, and are told to come back when its process dies', async () => {
    await using clips = await Clips.open();
    const clip = launch.h264(await clips.make('clip.mp4'));
    let camera = await RealCamera.start({ front: clip });
    try {
      await using kernel = await TestKernel.start([{ id: 'front', url: camera.url('front'), stall_timeout_ms: 1000 }]);
      await kernel.streaming('front');
      await using browser = await WebRtcBrowser.start(kernel.kernel.socketPath);
      const page = await browser.page();
      const viewer = await page.watch('front');
      await page.sees(viewer);
      const { port } = camera;
      await camera[Symbol.asyncDispose]();
      await kernel.until('front', ({ state }) => state !== 'streaming', 'is away');
      camera = await RealCamera.start({ front: clip }, { port });
      await kernel.streaming('front');
      await page.sees(viewer);
      assert.equal(await page.closed(viewer), null);

      process.kill(kernel.kernel.camera('front').pid!, 'SIGKILL');
      assert.equal((await page.until(() => page.closed(viewer), (value) => value !== null, 'the page is told'))!.code, 4503);
      await kernel.streaming('front');
      await page.sees(await page.watch('front'));
    } finally {
      await camera[Symbol.asyncDispose]();
    }
  });

  test('a camera with H.265 is refused by name, and goes on for those who can watch it another way', async () => {
    await using clips = await Clips.open();
    await using camera = await RealCamera.start({ front: launch.h265(await clips.make('clip.mp4', { codec: 'libx265' })) });
    await using kernel = await TestKernel.start([{ id: 'front', url: camera.url('front') }]);
    await kernel.streaming('front');
    await assert.rejects(kernel.kernel.webrtc('front').join(), { code: 'unsupported_codec', message: /hevc/ });
    assert.equal(kernel.kernel.camera('front').state, 'streaming');
  });
});
