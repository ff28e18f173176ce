// How far boxes lie from what they are about, measured in what a real browser composes: in pixels where the picture stands still, in
// frames where it moves. The camera is synthetic, so that the truth is known.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { browserMissing } from './browser.ts';
import { pageSuite, WAIT } from './page-suite.ts';
import { HEIGHT, ROUND_FRAMES, STEP_PX, WIDTH } from './square-camera.ts';

/** The box is drawn so far around the square, in pixels of the picture, that its line covers none of its edges. */
const MARGIN_PX = 12;
const LIMIT_PX = 2;
const HOLDS = 3;
const SETTLING_SHOTS = 15;
const SHOTS = 40;

describe('the overlay', { skip: browserMissing() }, () => {
  const suite = pageSuite(() => {
    suite.system.seeing.marginPx = MARGIN_PX;
  });

  const drawn = (page: Page) => page.locator('.tile[data-state="live"] canvas[data-drawn-boxes="1"]').waitFor(WAIT);
  /** Pixels of the screen from where the box ought to be to where it is, to the right and down; and how large a pixel of the picture is there. */
  const errorOf = async (page: Page): Promise<{ right: number; down: number; scale: number }> => {
    const { line, edge, width, height } = await edgesIn(await page.locator('.stage').first().screenshot({ type: 'png' }), page);
    const scale = Math.min(width / WIDTH, height / HEIGHT);
    return { right: line.left + MARGIN_PX * scale - edge.left, down: line.bottom - MARGIN_PX * scale - edge.bottom, scale };
  };
  /** When nothing new has been shown for a while. */
  const still = (page: Page) => page.waitForFunction(() => new Promise<boolean>((resolve) => {
    const video = document.querySelector('video')!;
    const handle = video.requestVideoFrameCallback(() => resolve(false));
    setTimeout(() => { video.cancelVideoFrameCallback(handle); resolve(true); }, 600);
  }), undefined, { ...WAIT, polling: 50 });

  it('lies within two pixels of what it is about, whatever the window\'s shape', async (context) => {
    await using opened = await suite.open();
    const { page } = opened;
    const errors: number[] = [];
    for (const viewport of [{ width: 1280, height: 860 }, { width: 1500, height: 500 }, { width: 420, height: 900 }]) {
      await page.setViewportSize(viewport);
      for (let held = 0; held < HOLDS; held++) {
        await drawn(page);
        suite.system.square.hold();
        await still(page);
        // What is late settles while the picture stands; what is left is of the position.
        let error = Infinity;
        for (let attempt = 0; attempt < SETTLING_SHOTS && error > LIMIT_PX; attempt++) {
          const { right, down } = await errorOf(page);
          error = Math.max(Math.abs(right), Math.abs(down));
        }
        suite.system.square.release();
        errors.push(error);
      }
    }
    context.diagnostic(`position, pixels: ${errors.map((error) => error.toFixed(1)).join(' ')}`);
    assert.ok(Math.max(...errors) <= LIMIT_PX, `${errors.join(', ')} pixels`);
  });

  it('is that of the frame on the screen, while it moves', async (context) => {
    await using opened = await suite.open();
    const { page } = opened;
    await drawn(page);
    const frames: number[] = [];
    for (let shot = 0; shot < SHOTS; shot++) {
      const { right, scale } = await errorOf(page);
      // Pictures and looks are whole frames; what is left is of the position. The square comes back every so many.
      const late = Math.round(right / (STEP_PX * scale));
      frames.push((((late + ROUND_FRAMES / 2) % ROUND_FRAMES) + ROUND_FRAMES) % ROUND_FRAMES - ROUND_FRAMES / 2);
    }
    const sorted = frames.map(Math.abs).toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(SHOTS - 1, Math.floor(share * SHOTS))]!;
    context.diagnostic(`time, frames of 40 ms in ${SHOTS} pictures: p50 ${at(0.5)}, p95 ${at(0.95)}, most ${at(1)}`);
    assert.ok(at(0.5) <= 1, `half of the pictures have their boxes ${at(0.5)} frames away or more`);
  });
});

interface Edges { readonly left: number; readonly bottom: number }

/** Where the white square's edges are, and the middle of the line around it, to parts of a pixel. */
async function edgesIn(png: Buffer, page: Page): Promise<{ edge: Edges; line: Edges; width: number; height: number }> {
  return page.evaluate(async (base64) => {
    const image = new Image();
    image.src = `data:image/png;base64,${base64}`;
    await image.decode();
    const { width, height } = image;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d')!;
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const red = (x: number, y: number): number => data[(y * width + x) * 4]!;
    const green = (x: number, y: number): number => data[(y * width + x) * 4 + 1]!;
    let [sumX, sumY, count] = [0, 0, 0];
    // Under the badges.
    for (let y = Math.round(height / 8); y < height; y++) {
      for (let x = 0; x < width; x++) if (red(x, y) > 230) [sumX, sumY, count] = [sumX + x, sumY + y, count + 1];
    }
    const [middleX, middleY] = [Math.round(sumX / count), Math.round(sumY / count)];
    /** From inside the square outwards: where red falls through its half, then the middle of what is green beyond. */
    const outwards = (at: (step: number) => readonly [number, number], sign: number, origin: number): { edge: number; line: number } => {
      let step = 0;
      while (red(...at(step)) > 140) step++;
      const [inner, outer] = [red(...at(step - 1)), red(...at(step))];
      const edge = origin + sign * (step - 1 + (inner - 140) / (inner - outer));
      let [weights, sum] = [0, 0];
      for (step += 2; step < width; step++) {
        const [x, y] = at(step);
        if (x < 0 || y < 0 || x >= width || y >= height) break;
        const weight = Math.max(0, green(x, y) - 70);
        if (weight === 0 && weights > 0) break;
        [weights, sum] = [weights + weight, sum + weight * step];
      }
      return { edge: edge + 0.5, line: origin + sign * sum / weights + 0.5 };
    };
    const left = outwards((step) => [middleX - step, middleY], -1, middleX);
    const bottom = outwards((step) => [middleX, middleY + step], 1, middleY);
    return { edge: { left: left.edge, bottom: bottom.edge }, line: { left: left.line, bottom: bottom.line }, width, height };
  }, png.toString('base64'));
}
