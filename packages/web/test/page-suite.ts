// What every test of a view needs: one browser, the page as it is built from its sources, and a system behind it, for a whole `describe`.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { buildPage, launchBrowser, openPage, WAIT, type OpenedPage } from './browser.ts';
import { startSystem } from './page-system.ts';

export { WAIT };

const pictures = join(import.meta.dirname, '../../../.cache/screenshots');

export interface PageSuite {
  readonly browser: Browser;
  readonly system: Awaited<ReturnType<typeof startSystem>>;
  /** Where the page lies as it was built. */
  readonly directory: string;
  /** `address`: what follows the server's, such as `#/events`. */
  open(address?: string, viewport?: { width: number; height: number }, scheme?: 'light' | 'dark'): Promise<OpenedPage>;
}

/** To be called inside `describe`; what it returns may be used from its tests. */
export function pageSuite(prepare: (system: PageSuite['system']) => void | Promise<void> = () => undefined): PageSuite {
  const parts: Partial<{ browser: Browser; directory: string; system: PageSuite['system'] }> = {};
  before(async () => {
    const [browser, { directory }] = await Promise.all([launchBrowser(), buildPage()]);
    Object.assign(parts, { browser, directory });
    parts.system = await startSystem(directory);
    await prepare(parts.system);
  });
  after(async () => {
    await parts.browser?.close();
    await parts.system?.[Symbol.asyncDispose]();
  });
  return {
    get browser() { return parts.browser!; },
    get system() { return parts.system!; },
    get directory() { return parts.directory!; },
    open: (address = '', viewport, scheme) => openPage(parts.browser!, `${parts.system!.url}/${address}`, viewport, scheme),
  };
}

/** For whoever wants to look: `.cache/screenshots/<name>.png`. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  // What sticks to the window is where it belongs.
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}
