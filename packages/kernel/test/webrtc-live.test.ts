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
});
