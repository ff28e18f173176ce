// People, tokens, what was done, and one's own password, over a real server: by the path of whoever administers, and of who may not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startKernel, startPlace, camera } from '../../server/test/stand-ins.ts';
import { accessibilityProblems, browserMissing, buildPage, launchBrowser, openPage } from './browser.ts';
import { picture, WAIT } from './page-suite.ts';

test('an admin adds people and tokens and sees what was done; who may only see finds their own account', { skip: browserMissing() }, async () => {
  const built = await buildPage();
  await using place = await startPlace({ identify: null, pageDirectory: built.directory });
  await using _kernel = await startKernel(place.directory, () => [camera('yard'), camera('vault')]);
  await place.server.access.makeFirstAdmin();
  const browser = await launchBrowser();
  try {
    await using opened = await openPage(browser, `${place.url}/sign-in?to=${encodeURIComponent('/#/people/people')}#${place.server.access.makeLink()}`);
    const { page, problems } = opened;
    await page.locator('[data-user="admin"]').waitFor(WAIT);
    const person = page.getByRole('form', { name: 'New person' });
    await person.getByLabel('Name', { exact: true }).fill('vera');
    await person.getByLabel('Password, works once').fill('short');
    await person.getByRole('button', { name: 'Add' }).click();
    await person.getByRole('alert').waitFor(WAIT);
    await person.getByLabel('Password, works once').fill('works once only');
    await person.getByLabel('All cameras').uncheck();
    await person.getByRole('button', { name: 'yard' }).click();
    await person.getByRole('button', { name: 'Add' }).click();
    const vera = page.locator('[data-user="vera"]');
    await vera.waitFor(WAIT);
    await vera.getByLabel('Role').selectOption('operator');
    await page.waitForFunction(() => document.querySelector<HTMLSelectElement>('[data-user="vera"] select')?.value === 'operator');
    await page.locator('[data-user="admin"]').getByLabel('Role').selectOption('viewer');
    await page.getByText('nobody would be left who may administer').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'people');
    await page.getByRole('link', { name: 'API tokens' }).click();
    await page.getByRole('form', { name: 'New token' }).getByLabel('Name', { exact: true }).fill('grafana');
    await page.getByRole('button', { name: 'Make the token' }).click();
    const secret = await page.locator('code.token').innerText();
    assert.match(secret, /^ruth_/);
    assert.equal((await fetch(`${place.url}/api/v1/cameras`, { headers: { authorization: `Bearer ${secret}` } })).status, 200);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'tokens');
    await page.getByRole('button', { name: 'Remove grafana' }).click();
    await page.getByRole('button', { name: 'Remove grafana: sure?' }).click();
    await page.getByText('No token yet').waitFor(WAIT);
    assert.equal((await fetch(`${place.url}/api/v1/cameras`, { headers: { authorization: `Bearer ${secret}` } })).status, 401);
    await page.getByRole('link', { name: 'Audit log' }).click();
    await page.getByRole('row', { name: /admin added a person vera, viewer/ }).waitFor(WAIT);
    await page.getByLabel('By').fill('nobody at all');
    await page.getByText('Nothing of this kind was noted').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    assert.deepEqual(problems, []);

    await using other = await openPage(browser, `${place.url}/#/people/people`, { width: 390, height: 844 }, 'dark');
    await other.page.getByLabel('Name').fill('vera');
    await other.page.getByLabel('Password').fill('works once only');
    await other.page.keyboard.press('Enter');
    await other.page.getByLabel('New password').fill('vera chose this');
    await other.page.getByLabel('The same again').fill('vera chose this');
    await other.page.keyboard.press('Enter');
    await other.page.getByRole('region', { name: 'Account' }).getByText('yard').waitFor(WAIT);
    assert.equal(await other.page.getByRole('link', { name: 'Audit log' }).count(), 0);
    await other.page.getByLabel('Present password').fill('not this one');
    await other.page.getByLabel('New password').fill('and now another');
    await other.page.getByLabel('The same again').fill('and now another');
    await other.page.getByRole('button', { name: 'Change the password' }).click();
    await other.page.getByText('The present password is wrong').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(other.page), []);
    await picture(other.page, 'account-phone');
    await other.page.getByLabel('Present password').fill('vera chose this');
    await other.page.getByRole('button', { name: 'Change the password' }).click();
    await other.page.getByText('The password is changed.').waitFor(WAIT);
  } finally {
    await browser.close();
  }
});
