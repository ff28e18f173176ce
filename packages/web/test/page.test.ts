// The page in a real browser over a real server; kernel and core are stand-ins whose truth is known.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { CameraStatus, Look } from '@ruth/protocol';
import { classColour } from '@ruth/web';
import type { Browser, Page } from 'playwright-core';
import { camera, look, model, startCore, startKernel, startPlace, subscription } from '../../server/test/stand-ins.ts';
import { browserMissing, buildPage, launchBrowser, lookAtStage } from './browser.ts';
import { FPS, HEIGHT, SquareCamera, WIDTH, ptsOf, squareAt } from './square-camera.ts';

const DETECTOR = 'square-finder';
const POSE = 'square-poser';
const LOOK_LATENCY_MS = 120;

const lookAt = (frame: number, epoch: number, modelId: string, over: Partial<Look> = {}): Look => {
  const bbox = squareAt(frame);
  const [left, top, right, bottom] = bbox;
  const found = { class_id: 0, class_name: 'person', confidence: 0.87, bbox };
  return look('square', modelId, frame, {
    pts_us: ptsOf(frame), epoch, width: WIDTH, height: HEIGHT,
    detections: [modelId === POSE ? { ...found, keypoints: [[left, top, 0.9], [right, top, 0.9], [right, bottom, 0.9], [left, bottom, 0.1]] } : found], ...over,
  });
};

/** A whole system on one place; `cameras` and `models` may be changed while it runs. */
async function startSystem(pageDirectory: string) {
  const stack = new AsyncDisposableStack();
  const cameras: CameraStatus[] = [camera('square', { name: 'Square <hall>', note: 'Made by the test', width: WIDTH, height: HEIGHT, fps: FPS })];
  const models = [model(DETECTOR), model(POSE, { keypoint_names: ['left_a', 'right_a', 'right_b', 'left_b'], skeleton: [[0, 1], [1, 2], [2, 3]] })];
  const place = stack.use(await startPlace({ pageDirectory, models: [DETECTOR, POSE] }));
  const core = stack.use(await startCore(place.directory, {
    models: () => models, latest: () => [], subscriptions: () => models.map(({ model_id }) => subscription('square', model_id, { desired_fps: FPS, achieved_fps: FPS })),
  }));
  let id = 0;
  const failing = new Set<string>();
  const square = stack.use(new SquareCamera((frame, epoch) => setTimeout(() => {
    for (const modelId of [DETECTOR, POSE]) {
      const failure = failing.has(modelId) ? { detections: [], error: 'the session is on fire', error_code: 'inference_failed' } : {};
      core.publish({ id: ++id, version: 1, at: 1, type: 'detection', look: lookAt(frame, epoch, modelId, failure) });
    }
  }, LOOK_LATENCY_MS)));
  const kernel = stack.use(await startKernel(place.directory, () => cameras, (socket) => square.view(socket)));
  return { url: place.url, cameras, models, failing, core, kernel, square, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe('the page', { skip: browserMissing() }, () => {
  let browser: Browser;
  let built: Awaited<ReturnType<typeof buildPage>>;
  before(async () => {
    [browser, built] = await Promise.all([launchBrowser(), buildPage()]);
  });
  after(async () => {
    await browser?.close();
    built?.[Symbol.dispose]();
  });

  const open = async (url: string, viewport = { width: 1280, height: 860 }): Promise<{ page: Page; problems: string[] } & AsyncDisposable> => {
    const context = await browser.newContext({ viewport });
    const page = await context.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => { if (/Content.Security.Policy/i.test(message.text())) problems.push(message.text()); });
    await page.goto(url);
    return { page, problems, [Symbol.asyncDispose]: () => context.close() };
  };
  const drawn = (page: Page, boxes: number) => page.locator(`.tile[data-state="live"] canvas[data-drawn-boxes="${boxes}"]`).waitFor({ timeout: 20_000 });

  it('plays live video and draws each box and skeleton on what it belongs to, whatever the window\'s shape', async () => {
    await using system = await startSystem(built.directory);
    await using opened = await open(system.url);
    const { page, problems } = opened;
    for (const viewport of [{ width: 1280, height: 860 }, { width: 1500, height: 500 }, { width: 420, height: 900 }]) {
      await page.setViewportSize(viewport);
      await drawn(page, 1);
      const offsets: number[] = [];
      for (let shot = 0; shot < 7; shot++) {
        // A screenshot of moving video may hold one frame's picture and the next one's overlay: it is held for the shot.
        // On a busy machine the browser tells of the last frame some time after it has shown it; no event says that it has.
        await page.evaluate(() => { document.querySelector('video')!.pause(); });
        await page.waitForTimeout(400);
        const { white, coloured } = await lookAtStage(page, classColour('person'));
        await page.evaluate(() => document.querySelector('video')!.play());
        assert.ok(white && coloured, 'the square and its box are in the picture');
        offsets.push(Math.max(Math.abs(white.left - coloured.left), Math.abs(white.bottom - coloured.bottom)));
      }
      const median = offsets.toSorted((a, b) => a - b)[3]!;
      assert.ok(median <= 5, `in ${viewport.width}x${viewport.height} boxes lie ${offsets.join(', ')} pixels from the edges of the square`);
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
    }, undefined, { timeout: 15_000 });
  });

  it('goes on by itself when the stream begins anew, with looks of the new epoch', async () => {
    await using system = await startSystem(built.directory);
    await using opened = await open(system.url);
    await drawn(opened.page, 1);
    const playsAt = (from: number, to: number) => opened.page.waitForFunction(([low, high]) => {
      const { currentTime } = document.querySelector('video')!;
      return currentTime > low! && currentTime < high! && document.querySelector('canvas')!.dataset.drawnBoxes === '1';
    }, [from, to], { timeout: 20_000 });
    await playsAt(4, Infinity);
    system.square.restart();
    await playsAt(0.2, 3);
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
    await page.locator('canvas[data-drawn-keypoints="3"]').waitFor({ timeout: 20_000 });
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
    for (let index = 0; index < 9; index++) system.cameras.push(camera(`more-${index}`));
    await using opened = await open(system.url, { width: 500, height: 600 });
    await drawn(opened.page, 1);
    assert.ok(system.square.viewerCount < 5, `${system.square.viewerCount} streams are open`);
  });

  it('explains how to add a camera where there is none', async () => {
    await using system = await startSystem(built.directory);
    system.cameras.length = 0;
    await using opened = await open(system.url);
    await opened.page.getByText('npx ruth up --camera').waitFor();
  });
});
