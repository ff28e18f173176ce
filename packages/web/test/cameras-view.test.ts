// The views of cameras by a user's path: one is found, looked at, added, placed, changed and removed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeCamera, SiteInfo } from '@ruth/protocol';
import type { Page } from 'playwright-core';
import { camera } from '../../server/test/stand-ins.ts';
import { accessibilityProblems, browserMissing } from './browser.ts';
import { pageSuite, picture, WAIT } from './page-suite.ts';
import { ADVICE } from './stand-in-node.ts';

const PHONE = { width: 390, height: 844 };

describe('the view of cameras', { skip: browserMissing() }, () => {
  const suite = pageSuite();
  const fits = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

  it('finds a camera in the network, says what it sends and what to change, and adds it', async () => {
    await using opened = await suite.open('#/cameras');
    const { page, problems } = opened;
    await page.locator('.camera-card[data-camera-id="square"][data-tone="good"]').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.getByRole('link', { name: 'Add a camera' }).click();
    await page.getByLabel('Address of its stream').fill('nobody/stream');
    await page.getByRole('button', { name: 'Look at the camera' }).click();
    await page.getByText('nobody listens at 192.0.2.7:554').waitFor(WAIT);
    await page.getByRole('button', { name: 'Add it nevertheless' }).waitFor(WAIT);
    await page.getByLabel('User').fill('viewer');
    await page.getByLabel('Password').fill('s3cret/?');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('button', { name: /^main: 2560/ }).click(WAIT);
    await page.getByRole('button', { name: 'Look at the camera' }).click();
    await page.getByRole('list', { name: 'Advice' }).getByText(ADVICE).waitFor(WAIT);
    assert.deepEqual(suite.system.node.asked.slice(-2), [{ user: 'viewer', password: 's3cret/?' }, { url: 'rtsp://viewer:s3cret%2F%3F@192.0.2.20/Streaming/Channels/101' }]);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'camera-add');
    await page.getByLabel('Id, in paths, rules and events').fill('square');
    await page.getByRole('button', { name: 'Add the camera' }).click();
    await page.getByText('there is a camera square already').waitFor(WAIT);
    await page.getByLabel('Id, in paths, rules and events').fill('yard');
    await page.getByRole('button', { name: 'Add the camera' }).click();
    await page.waitForURL(/#\/cameras\/yard\/scene$/);
    await page.getByRole('heading', { name: 'Yard cam' }).waitFor(WAIT);
    assert.equal(suite.system.node.of('yard').has_credentials, true);
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Yard');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved. It counts now.').waitFor(WAIT);
    await page.getByRole('heading', { name: 'Yard', exact: true }).waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'camera-settings');
    await page.getByRole('button', { name: 'Remove Yard' }).click();
    await page.getByRole('alertdialog').getByText('What it recorded stays').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.getByRole('alertdialog').waitFor({ state: 'detached', ...WAIT });
    await page.getByRole('button', { name: 'Remove Yard' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Remove Yard' }).click();
    await page.waitForURL(/#\/cameras$/);
    await page.locator('.camera-card').first().waitFor(WAIT);
    // The list is told anew a moment later.
    await page.locator('.camera-card[data-camera-id="yard"]').waitFor({ state: 'detached', ...WAIT });
    assert.deepEqual(problems, []);
  });

  it('lets the site decide where a new camera is, where there are nodes, and changes it in the revision that was told', async () => {
    await using opened = await suite.open('#/cameras');
    const { page, problems } = opened;
    const node = (id: string): SiteInfo['nodes'][number] => ({ node_id: id, state: 'lives', since: null, reachable: true, error: null, cameras: 1, details: { leads: false, labels: { building: id, gpu: 'yes' }, capacity_cores: 1, used_cores: 0.9, measured_cores: 0, draining: null, outbox: null } });
    let porch: NodeCamera = { ...suite.system.node.of('square'), config: { id: 'porch', url: 'rtsp://***@192.0.2.9', name: 'Porch' }, site: { require: { building: 'north' }, revision: 12, node: 'north', refused: 'south: it has no key', unplaced: null, measured_cores: 0.04, credentials: 'sealed' } };
    const sent: unknown[] = [];
    await page.route('**/api/v1/site', (route) => route.fulfill({ json: { node: 'north', nodes: [node('north'), node('south'), { ...node('west'), state: 'away', since: 1_700_000_000, reachable: false, details: null, error: 'the node west cannot be asked' }], problem: null } satisfies SiteInfo }));
    await page.route('**/api/v1/cameras', async (route) => {
      if (route.request().method() !== 'POST') return route.fallback();
      sent.push(route.request().postDataJSON());
      await route.fulfill({ status: 201, json: porch });
    });
    await page.route('**/api/v1/cameras/porch', async (route) => {
      sent.push(route.request().postDataJSON());
      const { site } = route.request().postDataJSON() as { site?: { prefer: Record<string, string> } };
      porch = { ...porch, config: { ...porch.config, name: 'The porch' }, site: { ...porch.site!, revision: 13, ...(site && { require: {}, prefer: site.prefer }) } };
      await route.fulfill({ json: porch });
    });
    const probes: unknown[] = [];
    await page.route('**/api/v1/cameras/probe', (route) => {
      probes.push(route.request().postDataJSON());
      return route.fallback();
    });
    await page.route('**/api/v1/cameras/porch/settings', (route) => route.fulfill({ json: porch }));
    await page.getByRole('link', { name: 'Add a camera' }).click();
    await page.getByLabel('Recorded by').selectOption({ label: 'The site decides' }, WAIT);
    await page.getByText('Another node takes it where the one that has it fails').waitFor(WAIT);
    const where = page.getByRole('region', { name: 'Where it is' });
    await where.getByText('Can be at north, south.').waitFor(WAIT);
    const only = where.getByRole('group', { name: 'Only at nodes with' });
    await only.getByRole('button', { name: 'building=south' }).click();
    await only.getByRole('button', { name: 'building=north' }).click();
    await where.getByText('Only north can have it now').waitFor(WAIT);
    await where.getByText('south lacks building=north; west is away.').waitFor(WAIT);
    await only.getByLabel('another label').fill('roof');
    await only.getByLabel('another label').press('Enter');
    await only.getByText('Write it as key=value').waitFor(WAIT);
    await only.getByLabel('another label').fill('roof=flat');
    await only.getByLabel('another label').press('Enter');
    await where.getByText('No node can have it now').waitFor(WAIT);
    await only.getByRole('button', { name: 'roof=flat' }).click();
    await where.getByLabel('What it costs a node, in cores').fill('0.5');
    await where.getByText('north has 0.10 cores to spare, and it takes 0.5').waitFor(WAIT);
    await where.getByLabel('What it costs a node, in cores').fill('');
    await page.getByLabel('Address of its stream').fill('192.0.2.9/stream');
    await page.getByRole('button', { name: 'Look at the camera' }).click();
    await page.getByRole('region', { name: 'What the camera sends' }).waitFor(WAIT);
    assert.deepEqual(probes, [{ url: 'rtsp://192.0.2.9/stream', site: { require: { building: 'north' } } }]);
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Porch');
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'camera-add-site');
    await page.getByRole('button', { name: 'Add the camera' }).click();
    await page.waitForURL(/#\/cameras\/porch\/scene$/);
    assert.deepEqual(sent, [{ id: 'porch', url: 'rtsp://192.0.2.9/stream', name: 'Porch', site: { require: { building: 'north' } } }]);
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByText('A camera of the site, at the node north now').waitFor(WAIT);
    await page.getByText('Nodes that cannot take it: south: it has no key').waitFor(WAIT);
    await page.getByLabel('Name', { exact: true }).fill('The porch');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved. It counts now.').waitFor(WAIT);
    assert.deepEqual(sent.at(-1), { name: 'The porch', revision: 12 });
    await page.getByRole('group', { name: 'Only at nodes with' }).getByRole('button', { name: 'building=north' }).click();
    await page.getByRole('group', { name: 'Rather at nodes with' }).getByRole('button', { name: 'gpu=yes' }).click();
    await page.getByText('As it is measured where empty: 0.04').waitFor(WAIT);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved. It counts now.').waitFor(WAIT);
    assert.deepEqual(sent.at(-1), { site: { require: null, prefer: { gpu: 'yes' } }, revision: 13 });
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.setViewportSize(PHONE);
    assert.ok(await fits(page), 'a phone shows it all');
    await picture(page, 'camera-settings-site');
    await page.goto(`${suite.system.url}/#/system`);
    const panel = page.getByRole('region', { name: 'Nodes' });
    await panel.locator('[data-node="north"]', { hasText: /north \(this one\).*Lives/s }).waitFor(WAIT);
    await panel.locator('[data-node="west"]', { hasText: /Away, heard of last .*no: the node west cannot be asked/s }).waitFor(WAIT);
    assert.ok(await fits(page), 'a phone shows the nodes');
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'system-nodes');
    assert.deepEqual(problems, []);
  });

  it('lists what sends nothing, together by why, with what helps said once, and pictures of the others', async () => {
    const { cameras } = suite.system;
    const error = (code: string, message: string) => ({ code, message, at: 1_700_000_000 });
    for (let index = 1; index <= 20; index++) cameras.push(camera(`hall-${index}`, { name: `Hall ${index}`, state: index % 5 === 0 ? 'connecting' : 'down', last_error: error('camera_unreachable', `nobody listens at 192.0.2.${index}:554`) }));
    cameras.push(camera('gate', { name: 'Gate', state: 'down', last_error: error('camera_unauthorized', 'the camera refuses user and password') }), camera('porch', { name: 'Porch', state: 'connecting' }));
    await using opened = await suite.open('#/cameras');
    const { page, problems } = opened;
    const unreachable = page.getByRole('region', { name: '20 cameras cannot be reached' });
    await unreachable.getByText('Check address, port and cable of the camera.').waitFor(WAIT);
    assert.equal(await unreachable.getByRole('listitem').count(), 20);
    await unreachable.locator('[data-camera-id="hall-7"]', { hasText: /Hall 7.*Down.*192\.0\.2\.7/s }).waitFor(WAIT);
    await page.getByRole('region', { name: '1 camera refuses user and password' }).waitFor(WAIT);
    assert.deepEqual(await page.locator('.camera-card').evaluateAll((cards) => cards.map((card) => (card as HTMLElement).dataset.cameraId)), ['square', 'porch'], 'one that only just connects is no trouble');
    await picture(page, 'cameras-down');
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.setViewportSize(PHONE);
    assert.ok(await fits(page), 'a phone shows it all');
    await picture(page, 'cameras-down-phone');
    await unreachable.getByRole('link', { name: 'Settings of Hall 7' }).click();
    await page.waitForURL(/#\/cameras\/hall-7\/settings$/);
    assert.deepEqual(problems, []);
    cameras.length = 1;
  });

  it('can be used on a phone, in the dark', async () => {
    suite.system.node.settings.set('square', { ...suite.system.node.of('square'), scene: { zones: [{ id: 'door', polygon: [[0.1, 0.1], [0.5, 0.1], [0.5, 0.9]] }], lines: [{ id: 'gate', points: [[0.5, 0.6], [0.9, 0.6]] }] }, rules: [{ id: 'night', when: 'person in zone "door" for 10 s between 22:00 and 06:00' }] });
    for (const [address, name, ready] of [['#/cameras', 'cameras', '.camera-card'], ['#/cameras/+', 'camera-add', '.add-camera'], ['#/cameras/square/scene', 'camera-scene', '.shape[data-kind="lines"]'], ['#/cameras/square/rules', 'camera-rules', '.rule[data-rule-id="night"]'], ['#/cameras/square/settings', 'camera-settings', '.settings-body']] as const) {
      await using opened = await suite.open(address, PHONE, 'dark');
      const { page, problems } = opened;
      await page.locator(ready).first().waitFor(WAIT);
      assert.deepEqual(await accessibilityProblems(page), [], name);
      assert.ok(await fits(page), `${name}: nothing sticks out at the side`);
      await picture(page, `${name}-phone`);
      assert.deepEqual(problems, []);
    }
  });
});
