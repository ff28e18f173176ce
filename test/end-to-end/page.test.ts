// The demo as its user sees it: a real browser, the real page, moving video with boxes and skeletons.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { browserMissing, launchBrowser } from '../../packages/web/test/browser.ts';
import { root, RunningRuth } from './running-ruth.ts';

test('the page shows moving video with boxes and skeletons, and says which clip it is', { skip: browserMissing() }, async () => {
  await using ruth = await RunningRuth.start(['demo']);
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(ruth.signInUrl);
    const seen = await ruth.until('boxes and skeletons on moving video', () => page.evaluate(() => {
      const video = [...document.querySelectorAll('video')].find(({ currentTime, paused }) => currentTime > 1 && !paused);
      const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-drawn-boxes]');
      if (!video || !canvas) return null;
      const { drawnBoxes, drawnKeypoints } = canvas.dataset;
      return Number(drawnBoxes) > 0 && Number(drawnKeypoints) > 0 ? { width: video.videoWidth } : null;
    }));
    assert.ok(seen.width > 0);
    // WebRTC may take over from MSE meanwhile, with a video of its own.
    await ruth.until('eight frames', () => page.evaluate(() => new Promise<boolean>((resolve) => {
      let frames = 0;
      const video = [...document.querySelectorAll('video')].find(({ paused, videoWidth }) => !paused && videoWidth > 0);
      const count = (): void => { if (++frames > 8) resolve(true); else video?.requestVideoFrameCallback(count); };
      setTimeout(() => resolve(false), 5000);
      count();
    })));
    assert.match(await page.locator('[data-camera-id="demo"] .path').innerText(), /^(WebRTC|MSE)$/);
    assert.match(await page.locator('[data-camera-id="demo"]').innerText(), /endless loop/);
    const pictures = join(root, '.cache', 'screenshots');
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, 'page.png') });
    assert.deepEqual(complaints, []);
  } finally {
    await browser.close();
  }
});
