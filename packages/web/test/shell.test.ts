// The page as a whole: the way to its views, themes and sizes, what it says while parts are away, and how much a first visit loads.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { SystemHealth } from '@ruth/protocol';
import { camera, model } from '../../server/test/stand-ins.ts';
import { accessibilityProblems, browserMissing, openPage } from './browser.ts';
import { DETECTOR } from './page-system.ts';
import { pageSuite, picture, WAIT } from './page-suite.ts';

const FIRST_LOAD_LIMIT_BYTES = 300_000;

describe('the shell of the page', { skip: browserMissing() }, () => {
  const suite = pageSuite();

  it('leads to every view by pointer, keyboard and address, and names the one that is shown', async () => {
    await using opened = await suite.open();
    const { page, problems } = opened;
    await page.locator('.tile').waitFor(WAIT);
    const titles = await page.getByRole('navigation').getByRole('link').allInnerTexts();
    assert.ok(titles.length >= 2);
    for (const title of titles) {
      const link = page.getByRole('navigation').getByRole('link', { name: title });
      await link.press('Enter');
      await page.waitForFunction((name) => document.title.startsWith(name), title);
      assert.equal(await link.getAttribute('aria-current'), 'page');
      await page.locator('main').waitFor(WAIT);
      assert.equal(await page.locator('main').count(), 1);
    }
    await page.goBack();
    await page.waitForFunction((name) => document.title.startsWith(name!), titles.at(-2));
    await page.keyboard.press('Tab');
    assert.deepEqual(problems, []);
  });

  it('is accessible in both themes, on a phone and on a wall, however long the name of a camera is', async () => {
    suite.system.cameras.push(camera('aisle', { name: 'Aisle 3: drinks, frozen food, household goods, and the way to the cellar', state: 'down' }));
    for (const [viewport, scheme] of [[{ width: 1280, height: 860 }, 'light'], [{ width: 390, height: 844 }, 'dark'], [{ width: 2560, height: 1440 }, 'dark']] as const) {
      await using opened = await suite.open('', viewport, scheme);
      const { page, problems } = opened;
      await page.locator('.tile[data-state="live"]').waitFor(WAIT);
      for (const link of await page.getByRole('navigation').getByRole('link').all()) {
        await link.click();
        await page.locator('main:not(.state-view)').waitFor(WAIT);
        // What is on its way from one state to the next is neither.
        await page.locator('.waiting').waitFor({ ...WAIT, state: 'hidden' });
        assert.deepEqual(await accessibilityProblems(page), [], `${await link.innerText()} in ${scheme}, ${viewport.width} px wide`);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out at the side');
      }
      await page.getByRole('button', { name: /^Health/ }).click();
      await page.getByRole('dialog').getByText('Kernel').waitFor(WAIT);
      assert.deepEqual(await accessibilityProblems(page), []);
      assert.deepEqual(problems, []);
    }
    suite.system.cameras.pop();
  });

  it('names in the header what is not well, and every part on demand', async () => {
    await using opened = await suite.open();
    const { page } = opened;
    await page.getByRole('button', { name: 'Health: All well' }).waitFor(WAIT);
    suite.system.models[0] = model(DETECTOR, { state: 'down', last_error: { code: 'unreachable', message: 'container is gone', at: 1 } });
    await page.locator(`.health [data-part="${DETECTOR}"][data-tone="bad"]`).waitFor(WAIT);
    await page.getByRole('button', { name: 'Health: All parts' }).press('Enter');
    assert.equal(await page.getByRole('list', { name: 'Every part' }).getByRole('listitem').count(), 8);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ ...WAIT, state: 'hidden' });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole('button', { name: /^Health: .*down$/ }).waitFor(WAIT);
    Object.assign(suite.system.cameras[0]!, { state: 'down' });
    await page.getByRole('button', { name: 'Health: 2 not well' }).waitFor(WAIT);
    assert.ok(await page.locator('.words-narrow').evaluate((words) => words.scrollWidth <= words.clientWidth), 'nothing of it is cut');
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'shell-not-well-phone');
    await page.setViewportSize({ width: 1280, height: 860 });
    await page.locator('.health [data-part="Cameras"][data-tone="bad"]').getByText('1 of 1 sends nothing').waitFor(WAIT);
    suite.system.models[0] = model(DETECTOR);
    Object.assign(suite.system.cameras[0]!, { state: 'streaming' });
    await page.getByRole('button', { name: 'Health: All well' }).waitFor(WAIT);
  });

  it('says in the header that the disk is full, since when, and leads to what can be done', async () => {
    await using opened = await suite.open();
    const { page } = opened;
    const { storage } = suite.system.kernel;
    Object.assign(storage, { state: 'full', message: 'the disk of /recordings is full: recording pauses until there is room', free_bytes: 0 });
    const part = page.locator('.health [data-part="Recording"][data-tone="bad"]');
    await part.getByText(/^disk full since \d/).waitFor(WAIT);
    await part.getByRole('link').press('Enter');
    const disk = page.getByRole('region', { name: 'Disk' });
    await disk.getByText('The disk of /recordings is full: recording pauses until there is room.').waitFor(WAIT);
    await disk.getByText('Recording goes on by itself as soon as there is room').waitFor(WAIT);
    await picture(page, 'system-disk-full');
    Object.assign(storage, { state: 'nearly_full', message: 'the disk of /recordings is nearly full: the oldest recordings are deleted early' });
    await page.getByRole('button', { name: 'Health: All well' }).waitFor(WAIT);
    Object.assign(storage, { state: 'ok', message: null, free_bytes: 6e10 });
  });

  it('says in the header that the store does not answer, since when, and under System what that means', async () => {
    await using opened = await suite.open();
    const { page } = opened;
    await page.getByRole('button', { name: 'Health: All well' }).waitFor(WAIT);
    await page.route('**/api/v1/health', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...await response.json() as SystemHealth, status: 'degraded', store: { state: 'failing', message: 'the database postgres://db/ruth does not answer: ECONNREFUSED', since: Date.now() / 1000 } } satisfies SystemHealth });
    });
    const part = page.locator('.health [data-part="Store"][data-tone="bad"]');
    await part.getByText(/^no answer since \d/).waitFor(WAIT);
    await part.getByRole('link').press('Enter');
    await page.getByText('Events, people and sessions cannot be read or kept: the database postgres://db/ruth does not answer: ECONNREFUSED.').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'system-store-away');
    await page.unroute('**/api/v1/health');
    await page.getByRole('button', { name: 'Health: All well' }).waitFor(WAIT);
  });

  it('says so where a view cannot be loaded, and goes on', async () => {
    await using opened = await suite.open();
    const { page } = opened;
    await page.route('**/assets/recordings-view-*.js', (route) => route.abort());
    await page.getByRole('link', { name: 'Recordings' }).first().click();
    await page.getByRole('heading', { name: 'This view does not work' }).waitFor(WAIT);
    await page.getByRole('navigation').getByRole('link', { name: 'Live' }).click();
    await page.locator('.tile').waitFor(WAIT);
  });

  it('offers nothing that may not be done, and never takes what is not known for nothing', async () => {
    await using opened = await openPage(suite.browser, 'about:blank');
    const { page, problems } = opened;
    await page.route('**/api/v1/session', async (route) => { const answer = await route.fetch(); await route.fulfill({ response: answer, json: { ...await answer.json() as object, permissions: ['view'], cameras: [] } }); });
    await page.goto(`${suite.system.url}/#/welcome`);
    await page.getByRole('heading', { name: 'You may not set up this node' }).waitFor(WAIT);
    await page.goto(`${suite.system.url}/#/cameras/+`);
    await page.getByRole('heading', { name: 'You may not add cameras' }).waitFor(WAIT);
    await page.route('**/api/v1/cameras', (route) => route.fulfill({ json: [] }));
    await page.goto(`${suite.system.url}/#/`);
    await page.getByRole('heading', { name: 'No camera that you may see' }).waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.route('**/api/v1/events?*', (route) => route.fulfill({ json: { events: [], next_cursor: null } }));
    await page.goto(`${suite.system.url}/#/events`);
    await page.getByRole('heading', { name: 'No events' }).waitFor(WAIT);
    await page.getByRole('link', { name: 'Show all that came and went' }).waitFor(WAIT);
    await page.route(/api\/v1\/(events|processes)/, (route) => route.fulfill({ status: 503, json: { error: 'it cannot be reached', error_code: 'unreachable' } }));
    await page.getByText('The events cannot be read').waitFor(WAIT);
    assert.equal(await page.getByRole('heading', { name: 'No events' }).count(), 0);
    await page.goto(`${suite.system.url}/#/system`);
    await page.getByRole('region', { name: 'Ends of processes' }).getByText('It is not known').waitFor(WAIT);
    assert.deepEqual(problems, []);
  });

  it('loads less than 300 kB of compressed script at a first visit that shows live video', async (context) => {
    await using opened = await openPage(suite.browser, 'about:blank');
    const { page } = opened;
    const scripts = new Set<string>();
    page.on('response', (response) => { if (response.url().endsWith('.js')) scripts.add(new URL(response.url()).pathname); });
    await page.goto(suite.system.url);
    await page.locator('.tile[data-state="live"]').waitFor(WAIT);
    const bytes = [...scripts].map((path) => gzipSync(readFileSync(join(suite.directory, path)), { level: 9 }).length).reduce((sum, size) => sum + size, 0);
    context.diagnostic(`${scripts.size} scripts, ${(bytes / 1000).toFixed(1)} kB compressed`);
    assert.ok(scripts.size > 0 && bytes < FIRST_LOAD_LIMIT_BYTES, `${bytes} bytes`);
  });
});
