// The live view by a user's path: the grid and its order, one camera by itself, what the overlay shows.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Box } from '@ruth/protocol';
import type { Page } from 'playwright-core';
import { camera, until } from '../../server/test/stand-ins.ts';
import { accessibilityProblems, browserMissing } from './browser.ts';
import { DETECTOR } from './page-system.ts';
import { pageSuite, picture, WAIT } from './page-suite.ts';

const WALL = 16;
const WATCHED_MS = 5000;

describe('the live view', { skip: browserMissing() }, () => {
  const suite = pageSuite();

  const addCameras = (count: number): void => {
    suite.system.cameras.length = 1;
    for (let index = 2; index <= count; index++) suite.system.cameras.push(camera(`more-${index}`, { name: `More ${index}` }));
  };
  const order = (page: Page) => page.locator('.tile').evaluateAll((tiles) => tiles.map((tile) => (tile as HTMLElement).dataset.cameraId));
  // dnd-kit begins to hear keys a turn after it said that the tile is taken up. A busy browser takes the key first, and who sees nothing move presses again.
  const pressUntilSaid = async (page: Page, key: string, said: string): Promise<void> => {
    const words = page.getByText(said);
    for (const endsAt = Date.now() + WAIT.timeout; Date.now() < endsAt;) {
      await page.keyboard.press(key);
      if (await words.waitFor({ state: 'attached', timeout: 2000 }).then(() => true, () => false)) return;
    }
    assert.fail(`the page never said: ${said}`);
  };
  /** The camera halts until the page has counted more halts than `before`, and goes on. */
  const halted = async (page: Page, before: number, within: { timeout: number }): Promise<void> => {
    suite.system.square.hold();
    try {
      await page.waitForFunction((count) => Number(document.querySelector<HTMLElement>('main .pictures')!.dataset.halts) > count, before, within);
    } finally {
      suite.system.square.release();
    }
  };
  const drawn = (page: Page, boxes: number) => page.locator(`[data-camera-id="square"][data-state="live"] canvas[data-drawn-boxes="${boxes}"]`).waitFor(WAIT);

  it('keeps the order into which cameras were dragged, by keyboard and by pointer, and the columns', async () => {
    addCameras(4);
    await using opened = await suite.open();
    const { page, problems } = opened;
    await drawn(page, 1);
    assert.deepEqual(await order(page), ['square', 'more-2', 'more-3', 'more-4']);
    const handle = page.getByRole('button', { name: 'Move Square <hall>' });
    await handle.focus();
    await page.keyboard.press('Space');
    await page.getByText('is over place 1 of 4').waitFor({ ...WAIT, state: 'attached' });
    await pressUntilSaid(page, 'ArrowRight', 'is over place 2 of 4');
    await page.keyboard.press('Space');
    await page.waitForFunction(() => document.querySelector<HTMLElement>('.tile')!.dataset.cameraId === 'more-2');
    const from = (await page.locator('[data-camera-id="more-4"] .stage').boundingBox())!;
    const to = (await page.locator('[data-camera-id="more-2"] .stage').boundingBox())!;
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 8 });
    await page.mouse.up();
    await page.waitForFunction(() => document.querySelector<HTMLElement>('.tile')!.dataset.cameraId === 'more-4');
    // For 50 ms after a tile is let go, dnd-kit takes what is clicked for the end of the drag.
    const columns = page.getByRole('button', { name: '3 columns' });
    for (let tries = 0; tries < 20 && await columns.getAttribute('aria-pressed') !== 'true'; tries++) await columns.click();
    await page.reload();
    await drawn(page, 1);
    assert.deepEqual(await order(page), ['more-4', 'more-2', 'square', 'more-3']);
    assert.equal(await page.locator('.cameras').getAttribute('data-columns'), '3');
    assert.deepEqual(problems, []);
  });

  it('shows one camera by itself, with why its models look as often as they do, and what happens there', async () => {
    addCameras(2);
    await using opened = await suite.open();
    const { page, problems } = opened;
    await drawn(page, 1);
    await page.getByRole('button', { name: 'Open Square <hall>' }).click();
    await page.locator('main[data-camera-id="square"][data-state="live"]').waitFor(WAIT);
    await page.getByText('As often as it was asked to').first().waitFor(WAIT);
    Object.assign(suite.system.subscriptions, { achieved_fps: 3, shortfall: { cause: 'busy', fps: 22, message: 'its own look took too long' } });
    await page.getByText('its own look took too long').first().waitFor(WAIT);
    const track = { id: 12, class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0, 0, 0.1, 0.1] as Box, first_seen: 1000, last_seen: 1014 };
    for (const cameraId of ['square', 'more-2']) suite.system.tell({ type: 'track.ended', camera_id: cameraId, model_id: DETECTOR, frame_id: 1, captured_at: 1014, track, reason: 'gone' });
    const events = page.getByRole('region', { name: 'Events' });
    await events.getByText('person #12 is gone, after 14 s').waitFor(WAIT);
    assert.equal(await events.getByRole('listitem').count(), 1);
    assert.equal(await events.getByRole('link').getAttribute('href'), '#/recordings/square?at=1011');
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.getByRole('link', { name: 'All cameras' }).click();
    await page.locator('.cameras .tile').nth(1).waitFor(WAIT);
    assert.deepEqual(problems, []);
  });

  it('says beside the picture why a model is away, as the supervisor of its container knows', async () => {
    addCameras(1);
    const { models, processes } = suite.system;
    const [detector, container] = [models[0]!, processes.find(({ name }) => name === `container ${DETECTOR}`)!];
    models[0] = { ...detector, state: 'down', last_error: { code: 'unreachable', message: 'no container answers', at: 1 } };
    Object.assign(container, { state: 'crash_loop', reason: 'finder.onnx is missing: put it there' });
    await using opened = await suite.open('#/live/square');
    await opened.page.locator(`[data-model-id="${DETECTOR}"][data-finding="blind"]`, { hasText: 'finder.onnx is missing: put it there' }).waitFor(WAIT);
    models[0] = detector;
    Object.assign(container, { state: 'ready', reason: null });
  });

  it('draws what was chosen, on every camera, and remembers it', async () => {
    addCameras(1);
    suite.system.seeing.over = { track_id: 7 };
    await using opened = await suite.open();
    const { page, problems } = opened;
    await drawn(page, 1);
    await page.getByRole('button', { name: 'Overlay' }).click();
    await page.getByRole('switch', { name: 'Tails of tracks' }).click();
    await page.locator('canvas:not([data-drawn-tails="0"])').waitFor(WAIT);
    await page.getByRole('slider', { name: 'At least this sure' }).press('End');
    await drawn(page, 0);
    await page.getByRole('slider', { name: 'At least this sure' }).press('Home');
    await drawn(page, 1);
    await page.getByRole('switch', { name: 'person' }).press('Space');
    await drawn(page, 0);
    await page.reload();
    await drawn(page, 0);
    await page.getByRole('button', { name: 'Overlay (2 changed)' }).click();
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.getByRole('button', { name: 'Show all again' }).click();
    await drawn(page, 1);
    assert.deepEqual(problems, []);
    suite.system.seeing.over = {};
  });

  it('draws the zones, lines and masks of a camera, where they are wanted', async () => {
    addCameras(1);
    Object.assign(suite.system.scene, {
      zones: [{ id: 'door', polygon: [[0.1, 0.2], [0.4, 0.2], [0.4, 0.8]] }], lines: [{ id: 'gate', points: [[0.5, 0.6], [0.9, 0.6]] }], masks: [{ polygon: [[0.6, 0.1], [0.9, 0.1], [0.9, 0.3]] }],
    });
    await using opened = await suite.open();
    const { page } = opened;
    await page.locator('canvas[data-drawn-scene="3"]').waitFor(WAIT);
    await page.getByRole('button', { name: 'Overlay' }).click();
    await page.getByRole('switch', { name: 'Zones, lines and masks' }).click();
    await page.locator('canvas[data-drawn-scene="0"]').waitFor(WAIT);
  });

  it('draws nothing of what a mask hides, says so beside it, and shows it to who wants to see it', async () => {
    addCameras(1);
    await using opened = await suite.open();
    const { page } = opened;
    await drawn(page, 1);
    Object.assign(suite.system.scene, { zones: [], lines: [], masks: [{ polygon: [[0, 0], [1, 0], [1, 1], [0, 1]] }] });
    await page.reload();
    await page.locator('canvas[data-drawn-scene="1"][data-drawn-boxes="0"][data-drawn-keypoints="0"]').waitFor(WAIT);
    await page.getByText('Nothing that counts').first().waitFor(WAIT);
    await page.getByRole('button', { name: 'Overlay' }).click();
    await page.getByRole('switch', { name: 'What masks hide' }).click();
    await drawn(page, 1);
    suite.system.scene.masks = [];
  });

  it('takes away a box that is stale, and draws again when there are looks', async () => {
    addCameras(1);
    await using opened = await suite.open();
    const { page } = opened;
    await drawn(page, 1);
    suite.system.seeing.looks = false;
    await drawn(page, 0);
    suite.system.seeing.looks = true;
    await drawn(page, 1);
  });

  it('takes a camera\'s smaller stream where its picture is small, and looks at that lie on it; the main one where it is large, or the smaller does not come', async () => {
    addCameras(4);
    const detect = { state: 'idle' as const, width: null, height: null, fps: null, last_error: null };
    for (const index of [0, 1]) suite.system.cameras[index]!.detect = detect;
    suite.system.watched.length = 0;
    await using opened = await suite.open();
    const { page, problems } = opened;
    await drawn(page, 1);
    // Who comes late would be taken for one that began anew.
    await until(() => suite.system.watched.length === 4, 'all four are watched');
    suite.system.watched.length = 0;
    await page.getByRole('button', { name: '3 columns' }).click();
    await page.locator('.tile .pictures[data-stream="detect"]').nth(1).waitFor({ ...WAIT, state: 'attached' });
    await drawn(page, 1);
    await until(() => suite.system.watched.length >= 2, 'both are watched anew');
    assert.deepEqual(suite.system.watched.toSorted(), ['more-2 detect', 'square detect'], 'cameras with one stream go on as they were');
    assert.match((await page.locator('[data-camera-id="square"] .path').getAttribute('title'))!, /smaller stream/);
    suite.system.cameras[1]!.detect = { ...detect, state: 'down' };
    await page.locator('[data-camera-id="more-2"] .pictures[data-stream="main"]').waitFor({ ...WAIT, state: 'attached' });
    suite.system.cameras[1]!.detect = detect;
    await page.getByRole('button', { name: 'Open Square <hall>' }).click();
    await page.locator('main[data-camera-id="square"] .pictures[data-stream="main"]').waitFor({ ...WAIT, state: 'attached' });
    await until(() => suite.system.watched.length >= 4, 'both are watched by their main stream');
    assert.deepEqual(suite.system.watched.slice(2), ['more-2 main', 'square main']);
    assert.deepEqual(problems, []);
  });

  it('tells of live video in numbers: how late it is and why', async () => {
    addCameras(1);
    await using opened = await suite.open('#/live/square', { width: 1280, height: 1400 });
    const { page, problems } = opened;
    const told = page.locator('main[data-camera-id="square"] [data-live-numbers]');
    const fact = (term: string) => told.locator('div', { hasText: term }).locator('dd').innerText();
    await told.getByText(/\d fps/).waitFor(WAIT);
    assert.match(await fact('Delay'), /^\d+ ms, aims at \d+ ms$/);
    assert.match(await fact('Received'), /Mbit\/s$/);
    const read = () => page.locator('main .pictures').evaluate((each) => ({ ...(each as HTMLElement).dataset }));
    const calm = await read();
    assert.deepEqual([calm.path, calm.stream], ['mse', 'main']);
    // A camera that halts has playback run dry, and that is told.
    await halted(page, Number(calm.halts), WAIT);
    await page.locator('main[data-camera-id="square"][data-state="live"]').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'live-numbers');
    assert.deepEqual(problems, []);
  });

  it('counts a halt that began while the stream did, when what shows as it begins cannot be why any more', async () => {
    addCameras(1);
    await using opened = await suite.open('#/live/square');
    await opened.page.locator('main[data-camera-id="square"][data-state="live"]').waitFor(WAIT);
    await halted(opened.page, 0, { timeout: 40_000 });
    assert.deepEqual(opened.problems, []);
  });

  it('plays sixteen cameras at once', async (context) => {
    addCameras(WALL);
    await using opened = await suite.open('', { width: 1600, height: 1000 });
    const { page } = opened;
    await page.waitForFunction((count) => document.querySelectorAll('.tile[data-state="live"]').length === count, WALL, { timeout: 60_000 });
    // A round of the clip begins, so that none ends while it is watched.
    suite.system.square.restart();
    await drawn(page, 1);
    const fps = (await page.locator('.tile .pictures video:last-child').evaluateAll(async (videos, watchedMs) => {
      const counts = (videos as HTMLVideoElement[]).map((video) => {
        const frames = { first: 0, last: 0 };
        const count = (_now: number, { presentedFrames }: VideoFrameCallbackMetadata): void => {
          frames.first ||= presentedFrames;
          frames.last = presentedFrames;
          video.requestVideoFrameCallback(count);
        };
        video.requestVideoFrameCallback(count);
        return frames;
      });
      await new Promise((resolve) => setTimeout(resolve, watchedMs));
      return counts.map(({ first, last }) => (last - first) / watchedMs * 1000);
    }, WATCHED_MS)).toSorted((a, b) => a - b);
    context.diagnostic(`${WALL} tiles of 25 fps: ${fps[0]!.toFixed(1)} fps at the slowest, ${fps[WALL / 2]!.toFixed(1)} in the middle`);
    assert.ok(fps.length === WALL && fps.every((each) => each > 0), fps.join(', '));
    assert.ok(await page.evaluate(() => document.documentElement.scrollHeight <= innerHeight), 'all sixteen fit on the screen');
  });
});
