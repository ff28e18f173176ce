// Signing in, in a real browser over a real server: from the page that asks for it back to where one wanted to go.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startKernel, startPlace } from '../../server/test/stand-ins.ts';
import { browserMissing, buildPage, launchBrowser, openPage, accessibilityProblems } from './browser.ts';

const pictures = join(import.meta.dirname, '../../../.cache/screenshots');

test('a person signs in with the first password, chooses another, lands where they wanted to go; a link signs in once', { skip: browserMissing() }, async () => {
  const built = await buildPage();
  await using place = await startPlace({
    identify: null, pageDirectory: built.directory, oidc: { issuer: 'http://127.0.0.1:9', client_id: 'ruth', title: 'Our house', roles: [{ group: '*', role: 'viewer' }] },
  });
  await using _kernel = await startKernel(place.directory, () => []);
  const { password } = (await place.server.access.makeFirstAdmin())!;
  mkdirSync(pictures, { recursive: true });
  const browser = await launchBrowser();
  try {
    {
      await using opened = await openPage(browser, `${place.url}/#/recordings`);
      const { page } = opened;
      await page.getByRole('heading', { name: 'Sign in to Ruth' }).waitFor();
      await page.waitForFunction(() => document.activeElement?.getAttribute('name') === 'name');
      await page.getByLabel('Name').fill('admin');
      await page.getByLabel('Password').fill('wrong');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').filter({ hasText: 'Name or password is wrong' }).waitFor();
      assert.equal(await page.getByRole('link', { name: 'Sign in with Our house' }).getAttribute('href'), '/api/v1/session/oidc');
      await page.screenshot({ path: join(pictures, 'sign-in.png') });
      assert.deepEqual(await accessibilityProblems(page), []);
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
      // Whoever leaves that out is led back to it.
      await page.goto(`${place.url}/#/recordings`);
      await page.waitForURL(/\/sign-in\?to=/);
      await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
      await page.getByLabel('New password').fill('long enough now');
      await page.getByLabel('The same again').fill('long enough then');
      await page.getByRole('button', { name: 'Save and go on' }).click();
      await page.getByRole('alert').filter({ hasText: 'not the same' }).waitFor();
      await page.screenshot({ path: join(pictures, 'new-password.png') });
      assert.deepEqual(await accessibilityProblems(page), []);
      await page.getByLabel('The same again').fill('long enough now');
      await page.getByRole('button', { name: 'Save and go on' }).click();
      await page.waitForURL(`${place.url}/#/recordings`);
      await page.locator('header').first().waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'Sign in to Ruth' }).waitFor();
      await page.goto(place.url);
      await page.waitForURL(/\/sign-in\?to=/);
      // Nothing but the answers that asked for it.
      assert.deepEqual(opened.problems.filter((text) => !/401|403/.test(text)), []);
    }
    const link = `${place.url}/sign-in#${place.server.access.makeLink()}`;
    for (const [expected, viewport, theme] of [['page', { width: 390, height: 780 }, 'dark'], ['refused', { width: 390, height: 780 }, 'dark']] as const) {
      await using opened = await openPage(browser, link, viewport, theme);
      const { page } = opened;
      if (expected === 'page') await page.waitForURL(`${place.url}/`);
      else await page.getByRole('alert').filter({ hasText: 'does not work any more' }).waitFor();
      if (expected === 'refused') await page.screenshot({ path: join(pictures, 'sign-in-phone.png') });
      assert.doesNotMatch(page.url(), /#./);
    }
  } finally {
    await browser.close();
  }
});
