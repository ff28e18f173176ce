// The page in a real browser over a real server; kernel and core are stand-ins whose truth is known.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { camera, model } from '../../server/test/stand-ins.ts';
import { browserMissing, buildPage, launchBrowser, openPage, WAIT } from './browser.ts';
import { DETECTOR, POSE, startSystem } from './page-system.ts';

describe('the page', { skip: browserMissing() }, () => {
  let browser: Browser;
  let built: Awaited<ReturnType<typeof buildPage>>;
  before(async () => {
    [browser, built] = await Promise.all([launchBrowser(), buildPage()]);
  });
  after(async () => {
    await browser?.close();
  });

  const open = (url: string, viewport?: { width: number; height: number }) => openPage(browser, url, viewport);
  const drawn = (page: Page, boxes: number) => page.locator(`.tile[data-state="live"] canvas[data-drawn-boxes="${boxes}"]`).waitFor(WAIT);

  it('plays live video and draws boxes and skeletons on it, whatever the window\'s shape', async () => {
    await using system = await startSystem(built.directory);
    await using opened = await open(system.url);
    const { page, problems } = opened;
    for (const viewport of [{ width: 1280, height: 860 }, { width: 1500, height: 500 }, { width: 420, height: 900 }]) {
      await page.setViewportSize(viewport);
      await drawn(page, 1);
    }
    assert.equal(await page.locator('canvas').getAttribute('data-drawn-keypoints'), '3', 'a keypoint of low score is not drawn');
    assert.equal(await page.locator('h2').textContent(), 'Square <hall>');
    assert.deepEqual(problems, []);
  });

  it('stays close to the live edge', async () => {
    await using system = await startSystem(built.directory);
    await using opened = await open(system.url);
    await drawn(opened.page, 1);
    await opened.page.waitForFunction(() => {
      const video = document.querySelector('video')!;
      const delayS = video.buffered.end(video.buffered.length - 1) - video.currentTime;
      return delayS > 0.1 && delayS < 0.8;
    }, undefined, WAIT);
  });

  it('draws boxes, frame after frame, also where the browser does not tell which frame it shows', async () => {
    await using system = await startSystem(built.directory);
    for (const browserHas of ['a callback that is never called', 'none']) {
      await using opened = await open(system.url);
      const { page, problems } = opened;
      await page.addInitScript((mute) => {
        const prototype = HTMLVideoElement.prototype as Partial<HTMLVideoElement>;
        if (mute) prototype.requestVideoFrameCallback = () => 1;
        else delete prototype.requestVideoFrameCallback;
      }, browserHas !== 'none');
      await page.reload();
      await drawn(page, 1);
      for (let changes = 0; changes < 5; changes++) {
        const before = await page.locator('canvas').evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
        await page.waitForFunction((old) => document.querySelector('canvas')!.toDataURL() !== old, before, WAIT);
        await drawn(page, 1);
      }
      assert.deepEqual(problems, [], browserHas);
    }
  });

  it('goes on by itself when the stream begins anew, with looks of the new epoch', async () => {
    await using system = await startSystem(built.directory);
    await using opened = await open(system.url);
    await drawn(opened.page, 1);
    const playsAt = (from: number, to: number) => opened.page.waitForFunction(([low, high]) => {
      const { currentTime } = document.querySelector('video')!;
      return currentTime > low! && currentTime < high! && document.querySelector('canvas')!.dataset.drawnBoxes === '1';
    }, [from, to], WAIT);
    await playsAt(4, Infinity);
    system.square.restart();
    await playsAt(0.2, 3);
  });

  it('begins anew where the browser takes no buffer, or gives up on what it decodes', async () => {
    await using system = await startSystem(built.directory);
    await using opened = await open(system.url);
    const { page, problems } = opened;
    await page.addInitScript(() => {
      const opened: MediaSource[] = [];
      const MediaSource = class extends globalThis.MediaSource {
        override addSourceBuffer(mime: string): SourceBuffer {
          if (opened.push(this) === 1) throw new DOMException('no decoder is free', 'QuotaExceededError');
          return super.addSourceBuffer(mime);
        }
      };
      Object.assign(globalThis, { opened, MediaSource });
    });
    await page.reload();
    await drawn(page, 1);
    // As a browser does with a picture that it cannot decode; not while something is appended.
    const played = await page.waitForFunction(() => {
      const { opened } = globalThis as unknown as { opened: MediaSource[] };
      try {
        opened.at(-1)!.endOfStream('decode');
        return opened.length;
      } catch {
        return null;
      }
    }, undefined, WAIT);
    await page.waitForFunction((count) => (globalThis as unknown as { opened: MediaSource[] }).opened.length > count, Number(await played.jsonValue()), WAIT);
    await drawn(page, 1);
    assert.deepEqual(problems, []);
  });

  it('hides and shows what a model draws, and remembers it', async () => {
    await using system = await startSystem(built.directory);
    await using opened = await open(system.url);
    const { page } = opened;
    await drawn(page, 1);
    await page.getByRole('button', { name: POSE, pressed: true }).click();
    await page.locator('canvas[data-drawn-keypoints="0"]').waitFor();
    await page.getByRole('button', { name: DETECTOR, pressed: true }).press('Space');
    await drawn(page, 0);
    await page.reload();
    await page.getByRole('button', { name: POSE, pressed: false }).click();
    await page.locator('canvas[data-drawn-keypoints="3"]').waitFor(WAIT);
  });

  it('says "could not look" where a model failed, which is not "nothing seen"', async () => {
    await using system = await startSystem(built.directory);
    await using opened = await open(system.url);
    const { page } = opened;
    await drawn(page, 1);
    system.failing.add(DETECTOR);
    const row = page.locator(`[data-model-id="${DETECTOR}"]`);
    await row.locator('text=Could not look').waitFor();
    assert.equal(await row.locator('.finding').getAttribute('title'), 'the session is on fire');
    system.models[0] = model(DETECTOR, { state: 'down', last_error: { code: 'unreachable', message: 'container is gone', at: 1 } });
    await row.locator('text=Model down').waitFor();
    await page.locator(`.health [data-part="${DETECTOR}"][data-tone="bad"]`).waitFor();
  });

  it('shows why a camera is down and what helps, and plays it when it is back', async () => {
    await using system = await startSystem(built.directory);
    await using opened = await open(system.url);
    const { page } = opened;
    await drawn(page, 1);
    const up = system.cameras[0]!;
    system.cameras[0] = { ...up, state: 'down', last_error: { code: 'camera_unauthorized', message: 'the camera answered 401', at: 1 } };
    await page.locator('.tile[data-state="down"]').waitFor();
    assert.match(await page.locator('.message').innerText(), /Camera is down\s+the camera answered 401\s+Correct user and password/);
    system.cameras[0] = up;
    await drawn(page, 1);
  });

  it('keeps its tiles while kernel or core are away, and says which', async () => {
    await using system = await startSystem(built.directory);
    await using opened = await open(system.url);
    const { page } = opened;
    await drawn(page, 1);
    await system.core.close();
    await page.getByText('The AI core does not answer').waitFor();
    assert.equal(await page.locator('.finding').first().innerText(), 'AI is away');
    assert.equal(await page.locator('.tile').getAttribute('data-state'), 'live');
    await system.kernel.close();
    await page.locator('.tile[data-state="offline"]').waitFor();
    await page.getByText('The kernel does not answer', { exact: false }).first().waitFor();
  });

  it('opens no stream for a tile that is out of sight', async () => {
    await using system = await startSystem(built.directory);
    for (let index = 0; index < 39; index++) system.cameras.push(camera(`more-${index}`));
    await using opened = await open(system.url, { width: 500, height: 600 });
    await drawn(opened.page, 1);
    assert.ok(system.square.viewerCount < 20, `${system.square.viewerCount} streams are open`);
  });

  it('explains how to add a camera where there is none', async () => {
    await using system = await startSystem(built.directory);
    system.cameras.length = 0;
    await using opened = await open(system.url);
    await opened.page.getByRole('link', { name: 'Set up this node' }).waitFor();
  });
});
