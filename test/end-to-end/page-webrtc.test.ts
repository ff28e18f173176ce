// The page's live video by the better of two ways, in a real browser: WebRTC through mediasoup where it works, MSE otherwise.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { Kernel } from '@ruth/kernel';
import { parseSettings } from '@ruth/protocol';
import { startServer } from '@ruth/server';
import { createLogger } from '@ruth/transport';
import { Clips, launch, noCamera, RealCamera } from '../../packages/kernel/test/real-camera.ts';
import { until } from '../../packages/kernel/test/test-kernel.ts';
import { noWebRtc } from '../../packages/kernel/test/webrtc-browser.ts';
import { browserMissing, buildPage, launchBrowser, openPage, WAIT } from '../../packages/web/test/browser.ts';
import { everyone } from '../../packages/server/test/stand-ins.ts';

test('live video goes over to WebRTC by itself, says so, and takes the other way where a person or the codec wants it', { skip: noCamera || browserMissing() || noWebRtc(), timeout: 300_000 }, async () => {
  await using stack = new AsyncDisposableStack();
  const logger = createLogger('test', 'silent');
  const clips = stack.use(await Clips.open());
  const camera = stack.use(await RealCamera.start({
    front: launch.h264(await clips.make('front.mp4')), new: launch.h265(await clips.make('new.mp4', { codec: 'libx265', seconds: 20 })),
  }));
  const folder = await mkdtemp(`${tmpdir()}/ruth-live-`);
  const rings = await mkdtemp('/dev/shm/ruth-test-');
  stack.defer(async () => { for (const path of [folder, rings]) await rm(path, { recursive: true, force: true }); });
  const settings = parseSettings(JSON.stringify({
    paths: { socket_directory: folder, ring_directory: rings }, models: [],
    cameras: ['front', 'new'].map((id) => ({ id, url: camera.url(id) })),
  }), 'test');
  const kernel = await Kernel.start({ settings, logger });
  stack.defer(() => kernel.close());
  const built = await buildPage();
  const server = stack.use(await startServer({ host: '127.0.0.1', port: 0, socketDirectory: folder, models: [], pageDirectory: built.directory, identify: async () => everyone, store: { kind: 'sqlite', file: `${folder}/ruth.sqlite` }, logger }));
  const browser = await launchBrowser();
  stack.defer(() => browser.close());
  const { page, problems } = await openPage(browser, server.url);

  const front = page.locator('[data-camera-id="front"]');
  await front.locator('.path[data-path="webrtc"]').waitFor(WAIT);
  const videos = await front.locator('video').evaluateAll((all) => (all as HTMLVideoElement[]).map(({ srcObject, videoWidth }) => ({ rtc: srcObject !== null, videoWidth })));
  assert.deepEqual(videos, [{ rtc: true, videoWidth: 320 }], 'the way that is not needed has ended');
  await until(() => kernel.camera('front').live, ({ webrtc_viewers, mse_viewers }) => webrtc_viewers === 1 && mse_viewers === 0, 'the kernel counts one viewer over WebRTC');

  await front.getByRole('button', { name: 'Details' }).click();
  await front.getByRole('button', { name: 'MSE', exact: true }).click();
  await front.locator('.path[data-path="mse"]').waitFor(WAIT);
  await until(() => kernel.camera('front').live, ({ webrtc_viewers, mse_viewers }) => webrtc_viewers === 0 && mse_viewers === 1, 'the viewer over WebRTC is let go');
  await front.getByRole('button', { name: 'Automatic' }).click();
  await front.locator('.path[data-path="webrtc"]').waitFor(WAIT);

  // WebRTC carries H.264 alone. Whether MSE can play H.265 is the browser's.
  const other = page.locator('[data-camera-id="new"]');
  await other.locator('.message:has-text("cannot play H.265"), .path[data-path="mse"]').first().waitFor(WAIT);
  assert.deepEqual(problems, []);
});
