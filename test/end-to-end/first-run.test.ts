// The first run as its user has it: nothing but a fresh folder and a camera, and then only what the screen says. From the link that is
// printed to the first thing that was seen; how long that took is told, and no test of how fast this machine is.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EventPage } from '@ruth/protocol';
import { accessibilityProblems, browserMissing, launchBrowser, openPage, WAIT } from '../../packages/web/test/browser.ts';
import { launch, noCamera, RealCamera } from '../../packages/kernel/test/real-camera.ts';
import { prepareDemoClip } from '../../packages/cli/src/demo/clip.ts';
import { cacheDirectory } from '../../packages/cli/src/demo/cache-directory.ts';
import { root, RunningRuth } from './running-ruth.ts';

const pictures = join(root, '.cache/screenshots');

test('a fresh node is set up by what the screen says: password, camera, models, and then it sees', { skip: browserMissing() || noCamera }, async (context) => {
  const clip = await prepareDemoClip({ cacheDirectory: cacheDirectory(process.env), clip: process.env.RUTH_DEMO_CLIP, log: () => undefined, signal: AbortSignal.timeout(200_000) });
  await using camera = await RealCamera.start({ front: launch.h264(clip.path) });
  const beganMs = performance.now();
  await using ruth = await RunningRuth.start(['up'], {});
  const servedMs = performance.now();
  mkdirSync(pictures, { recursive: true });
  const browser = await launchBrowser();
  try {
    await using opened = await openPage(browser, ruth.signInUrl, { width: 1280, height: 1000 });
    const { page, problems } = opened;
    const shot = (name: string) => page.screenshot({ path: join(pictures, `first-run-${name}.png`), fullPage: true });
    await page.getByText('You have no password of your own yet').waitFor(WAIT);
    await page.getByRole('main').getByRole('link', { name: 'Set up this node' }).click(WAIT);
    await page.getByLabel('New password').fill('long enough now');
    await page.getByLabel('The same again').fill('long enough now');
    await shot('password');
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.getByRole('button', { name: 'Save and go on' }).click();
    await page.getByLabel('Address of its stream').fill(camera.url('front'), WAIT);
    await page.getByRole('button', { name: 'Look at the camera' }).click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Front door', WAIT);
    await shot('camera');
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.getByRole('button', { name: 'Add the camera' }).click();
    const addedMs = performance.now();
    await page.getByRole('heading', { name: 'What shall be looked for?' }).waitFor(WAIT);
    await shot('models');
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.locator('.first-sight[data-seen="true"]').waitFor(WAIT);
    const seenMs = performance.now();
    await page.locator('.first-sight .tile[data-state="live"]').waitFor(WAIT);
    await shot('done');
    assert.deepEqual(await accessibilityProblems(page), []);
    const { events } = await ruth.until('an event is stored', async () => {
      const found = await ruth.get<EventPage>('/api/v1/events?camera=front-door&type=track.started');
      return found.events.length > 0 && found;
    });
    assert.equal(events[0]!.camera_id, 'front-door');
    const s = (ms: number): string => (ms / 1000).toFixed(1);
    context.diagnostic(`served after ${s(servedMs - beganMs)} s; from then to the camera added ${s(addedMs - servedMs)} s, the probe's five seconds among them; from added to seen ${s(seenMs - addedMs)} s; from the start to seen ${s(seenMs - beganMs)} s`);
    assert.match(readFileSync(join(ruth.folder, 'ruth.yaml'), 'utf8'), /front-door/, 'it stands in the settings file');
    assert.deepEqual(problems, []);
    // What was chosen is what counts from now on.
    const again = await fetch(new URL('/api/v1/session', ruth.url), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'admin', password: 'long enough now' }) });
    assert.equal(again.status, 200);
  } finally {
    await browser.close();
  }
});
