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
