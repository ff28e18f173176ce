// The page, built from its sources, served by a real server, in a real browser.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build } from 'vite';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Of whatever a page shows, loads or lets be clicked; generous, for machines that are busy. */
export const WAIT = { timeout: 90_000 };

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
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS, ...WAIT });
}

const packages = new URL('../..', import.meta.url).pathname;
const kept = new URL('../../../.cache/test-page', import.meta.url).pathname;
const MOST_KEPT = 3;

/** Built once for all tests that look at the same sources: where it lies is named by what went into it. */
export async function buildPage(): Promise<{ directory: string }> {
  const sources = globSync(['web/{src,public}/**/*.*', 'web/*.{html,js,json}', 'protocol/src/*.ts'], { cwd: packages }).toSorted();
  const hash = createHash('sha256');
  for (const path of sources) hash.update(path).update('\0').update(readFileSync(join(packages, path)));
  const directory = join(kept, hash.digest('hex').slice(0, 32));
  if (existsSync(directory)) return { directory };
  mkdirSync(kept, { recursive: true });
  const unfinished = mkdtempSync(join(kept, 'unfinished-'));
  await build({ root: join(packages, 'web'), configFile: join(packages, 'web/vite.config.js'), logLevel: 'error', build: { outDir: unfinished, emptyOutDir: true } });
  try {
    renameSync(unfinished, directory);
  } catch {
    // Another test was quicker.
    rmSync(unfinished, { recursive: true });
  }
  const newestFirst = readdirSync(kept).map((name) => join(kept, name)).toSorted((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const old of newestFirst.slice(MOST_KEPT)) if (Date.now() - statSync(old).mtimeMs > 3600_000) rmSync(old, { recursive: true, force: true });
  return { directory };
}

export interface OpenedPage extends AsyncDisposable { readonly page: Page; /** Errors of scripts, and what the Content-Security-Policy refused. */ readonly problems: string[] }

export async function openPage(browser: Browser, url: string, viewport = { width: 1280, height: 860 }, colorScheme: 'light' | 'dark' = 'light'): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport, colorScheme });
  context.setDefaultTimeout(WAIT.timeout);
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
