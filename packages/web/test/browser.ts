// The page, built from its sources, served by a real server, in a real browser.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build } from 'vite';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const axeSource = axe.source;

/** Why browser tests cannot run here; false where they can. */
export function browserMissing(): string | false {
  if (!existsSync(CHROMIUM)) return 'needs Debian\'s chromium: apt-get install chromium';
  try {
    execFileSync('ffmpeg', ['-version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'needs a foreign ffmpeg to make a clip: apt-get install ffmpeg';
  }
}

export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}

export async function buildPage(): Promise<{ directory: string } & Disposable> {
  const directory = mkdtempSync(join(tmpdir(), 'ruth-page-'));
  await build({ root: new URL('..', import.meta.url).pathname, configFile: new URL('../vite.config.js', import.meta.url).pathname, logLevel: 'error', build: { outDir: directory, emptyOutDir: true } });
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

export interface OpenedPage extends AsyncDisposable { readonly page: Page; /** Errors of scripts, and what the Content-Security-Policy refused. */ readonly problems: string[] }

export async function openPage(browser: Browser, url: string, viewport = { width: 1280, height: 860 }, colorScheme: 'light' | 'dark' = 'light'): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport, colorScheme });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => { if (/Content.Security.Policy/i.test(message.text())) problems.push(message.text()); });
  await page.goto(url);
  return { page, problems, [Symbol.asyncDispose]: () => context.close() };
}

/** What axe-core finds against WCAG 2.2 AA and good practice, one line each. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // Colours on their way from one to the other are no colours yet.
  await page.evaluate(() => Promise.all(document.getAnimations().filter(({ effect }) => effect?.getComputedTiming().iterations !== Infinity).map((animation) => animation.finished.catch(() => undefined))));
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run(document);
    return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 160)} ${node.any.map(({ message }) => message).join('; ').slice(0, 200)}`));
  });
}

export interface Bounds { left: number; right: number; top: number; bottom: number }

/** Takes a picture of the stage and says where in it white lies, and where the colour `#rrggbb` does. */
export async function lookAtStage(page: Page, colour: string): Promise<{ white: Bounds | null; coloured: Bounds | null }> {
  const png = await page.locator('.stage').first().screenshot({ type: 'png' });
  return page.evaluate(async ([base64, wanted]) => {
    const image = new Image();
    image.src = `data:image/png;base64,${base64}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext('2d')!;
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(wanted.slice(at, at + 2), 16)) as [number, number, number];
    const boundsOf = (matches: (offset: number) => boolean, minimumRun: number): Bounds | null => {
      let bounds: Bounds | null = null;
      for (let y = 0; y < image.height; y++) {
        let run = 0;
        for (let x = 0; x < image.width; x++) {
          run = matches((y * image.width + x) * 4) ? run + 1 : 0;
          if (run < minimumRun) continue;
          bounds ??= { left: x, right: x, top: y, bottom: y };
          bounds = { left: Math.min(bounds.left, x - run + 1), right: Math.max(bounds.right, x), top: Math.min(bounds.top, y), bottom: Math.max(bounds.bottom, y) };
        }
      }
      return bounds;
    };
    return {
      // Runs: the text on badge and label is white or coloured too, but thin.
      white: boundsOf((at) => data[at]! > 235 && data[at + 1]! > 235 && data[at + 2]! > 235, 30),
      coloured: boundsOf((at) => Math.abs(data[at]! - r) < 12 && Math.abs(data[at + 1]! - g) < 12 && Math.abs(data[at + 2]! - b) < 12, 1),
    };
  }, [png.toString('base64'), colour] as const);
}
