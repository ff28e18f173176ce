// The demo as its user sees it: a real browser, the real page, moving video with boxes and skeletons, and what core has to say of it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Capacity, LookLatencies, SystemStatus } from '@ruth/protocol';
import type { Browser } from 'playwright-core';
import { accessibilityProblems, browserMissing, launchBrowser, openPage, WAIT } from '../../packages/web/test/browser.ts';
import { picture } from '../../packages/web/test/page-suite.ts';
import { RunningRuth } from './running-ruth.ts';

const DESK = { width: 1280, height: 1000 };

describe('the page of the demo', { skip: browserMissing() }, () => {
  let ruth: RunningRuth;
  let browser: Browser;
  before(async () => {
    ruth = await RunningRuth.start(['demo']);
    browser = await launchBrowser();
  }, { timeout: 180_000 });
  after(async () => {
    await browser?.close();
    await ruth?.[Symbol.asyncDispose]();
  });
  /** The link signs in once: whoever comes later has the cookie. */
  const open = async (address: string) => {
    const opened = await openPage(browser, 'about:blank', DESK);
    await opened.page.context().addCookies([await ruth.cookie()]);
    await opened.page.goto(`${ruth.url}${address}`);
    return opened;
  };

  it('shows moving video with boxes and skeletons, and says which clip it is', async () => {
    await using opened = await open('');
    const { page, problems } = opened;
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
    await picture(page, 'page');
    assert.deepEqual(problems, []);
  });

  it('tries a rule on what was seen, tells at the right place what is wrong with it, and what is not known of the hour', async () => {
    await using opened = await open('#/cameras/demo/rules');
    const { page, problems } = opened;
    await page.getByRole('button', { name: 'New rule' }).click(WAIT);
    await page.getByLabel('Id', { exact: true }).fill('somebody');
    await page.getByRole('button', { name: 'Sentence' }).click();
    const panel = page.getByRole('region', { name: 'Test on the last hour' });
    const test = panel.getByRole('button', { name: /^Test/ });
    await page.getByLabel('Sentence').fill('person in zone "gate"');
    await test.click();
    await page.getByText('there is no zone "gate" at this camera').waitFor(WAIT);
    await page.getByLabel('Sentence').fill('at least 1 person for 1 s severity high');
    const alert = panel.getByRole('list', { name: 'Alerts that it would have raised' }).getByRole('link');
    // The clip shows people now and then: tried again until core has seen some.
    await ruth.until('an alert', async () => {
      await test.click(WAIT);
      await panel.getByRole('status').getByText(/^(No alert|One alert|\d+ alerts) from/).waitFor(WAIT);
      return await alert.count() > 0;
    });
    assert.match(await alert.first().getAttribute('href') ?? '', /^#\/recordings\/demo\?at=\d+/);
    // Core has not looked for an hour yet, and says so.
    await panel.getByRole('list', { name: 'What is not known' }).getByText(/^What was before .* is not known/).waitFor(WAIT);
    await panel.getByText(/\d+ looks by centernet-coco/).waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'rule-test-real');
    assert.deepEqual(problems, []);
  });

  it('tells where the time of looks goes and what room there is, as the node measures it', async () => {
    await using opened = await open('#/system');
    const { page, problems } = opened;
    const latencies = await ruth.get<LookLatencies>('/api/v1/latencies');
    const looks = page.getByRole('region', { name: 'Where the time of looks goes' });
    await looks.locator('caption').nth(latencies.models.length - 1).waitFor(WAIT);
    assert.equal(await looks.locator('caption').count(), latencies.models.length);
    const infer = looks.getByRole('row', { name: /^Infer / }).first();
    await infer.getByRole('cell', { name: /^[\d.]+$/ }).first().waitFor(WAIT);
    assert.ok(await infer.locator('.bars rect:not([data-empty="true"])').count() > 0, 'some looks took some time');
    await looks.getByRole('button', { name: 'Last minute' }).click();
    await looks.getByText('Counted while this page is open').waitFor(WAIT);
    const room = page.getByRole('region', { name: 'Capacity' });
    const capacity = await ruth.until<Capacity>('the capacity is measured', async () => {
      const { capacity: measured } = await ruth.get<SystemStatus>('/api/v1/system');
      return measured !== null && measured.resources.length > 0 && measured;
    });
    for (const { kind } of capacity.resources.filter(({ used }) => used !== null)) if (kind === 'cpu' || kind === 'memory') await room.getByRole('row', { name: kind === 'cpu' ? /^CPU [\d.]+ of / : /^Memory [\d.]+ .B of / }).waitFor(WAIT);
    await room.getByText(/^(It cannot be told yet|No room for another camera|Room for about \d+ more)/).first().waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'system-real');
    assert.deepEqual(problems, []);
  });
});
