// The views of cameras by a user's path: one is found, looked at, added, its scene drawn, rules written, changed and removed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeCamera, RuleTest, RuleTestRequest, SiteInfo } from '@ruth/protocol';
import type { Page } from 'playwright-core';
import { accessibilityProblems, browserMissing } from './browser.ts';
import { DETECTOR } from './page-system.ts';
import { pageSuite, picture, WAIT } from './page-suite.ts';
import { ADVICE } from './stand-in-node.ts';

const PHONE = { width: 390, height: 844 };

describe('the view of cameras', { skip: browserMissing() }, () => {
  const suite = pageSuite();
  const fits = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  /** A point of the picture, as a share of it, on the screen. */
  const onPicture = async (page: Page, [x, y]: readonly [number, number]): Promise<[number, number]> => {
    const box = (await page.locator('.shape-layer').boundingBox())!;
    return [box.x + x * box.width, box.y + y * box.height];
  };
  const press = async (page: Page, point: readonly [number, number]): Promise<void> => page.mouse.click(...await onPicture(page, point));

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

  it('lets zones, lines and masks be drawn by pointer and by keyboard, shows what they match now, and saves them', async () => {
    suite.system.seeing.over = { track_id: 7 };
    await using opened = await suite.open('#/cameras/square/scene');
    const { page, problems } = opened;
    await page.locator('.scene-tile[data-state="live"] canvas[data-drawn-boxes="1"]').waitFor(WAIT);
    const tools = page.getByRole('toolbar', { name: 'Draw' });
    await tools.getByRole('button', { name: 'Zone' }).click();
    for (const point of [[0.02, 0.05], [0.98, 0.05], [0.98, 0.98], [0.02, 0.98]] as const) await press(page, point);
    await press(page, [0.02, 0.05]);
    const chosen = page.getByRole('region', { name: /^The chosen shape/ });
    await chosen.getByText('In it: person (of 1 seen now)').waitFor(WAIT);
    await page.locator('.match').waitFor(WAIT);
    await chosen.getByLabel('Name', { exact: true }).fill('The hall');
    await chosen.getByRole('button', { name: 'person' }).click();
    // By keyboard alone: a line from the middle to the right.
    await tools.getByRole('button', { name: 'Line' }).focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement?.classList.contains('shape-layer'));
    for (const key of ['Space', ...Array<string>(10).fill('ArrowRight'), 'Space', 'Enter']) await page.keyboard.press(key);
    await chosen.getByText('Since you look').waitFor(WAIT);
    await page.locator('.shape[data-kind="lines"] .corner').last().focus();
    await page.keyboard.press('ArrowDown');
    await page.locator('.shape[data-kind="lines"] .corner[aria-label*="60 % from the left, 51 % from the top"]').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'camera-scene');
    // What crosses itself has no inside: said at once, and not to be saved.
    await tools.getByRole('button', { name: 'Mask' }).click();
    for (const point of [[0.1, 0.1], [0.3, 0.3], [0.3, 0.1], [0.1, 0.3]] as const) await press(page, point);
    await page.keyboard.press('Enter');
    await chosen.getByText('crosses itself').waitFor(WAIT);
    assert.ok(await tools.getByRole('button', { name: 'Save' }).isDisabled());
    const [from, to] = [await onPicture(page, [0.3, 0.3]), await onPicture(page, [0.05, 0.45])];
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move(...to, { steps: 4 });
    await page.mouse.up();
    await page.getByText('crosses itself').waitFor({ ...WAIT, state: 'hidden' });
    await page.keyboard.press('Control+z');
    await page.getByText('crosses itself').waitFor(WAIT);
    await tools.getByRole('button', { name: 'Redo' }).click();
    await tools.getByRole('button', { name: 'Save' }).click();
    await tools.getByText('As it is now').waitFor(WAIT);
    const { scene } = suite.system.node.of('square');
    assert.deepEqual(scene.zones!.map(({ id, name, classes, polygon }) => [id, name, classes, polygon.length]), [['zone-1', 'The hall', ['person'], 4]]);
    assert.deepEqual(scene.lines, [{ id: 'line-1', points: [[0.5, 0.5], [0.6, 0.51]] }]);
    assert.equal(scene.masks!.length, 1);
    assert.deepEqual(problems, []);
    suite.system.seeing.over = {};
  });

  it('writes rules in a form, as a sentence and as YAML, and says at the right place what is wrong', async () => {
    suite.system.node.settings.set('square', { ...suite.system.node.of('square'), scene: { zones: [{ id: 'door', polygon: [[0.1, 0.1], [0.5, 0.1], [0.5, 0.9]] }] }, rules: [] });
    await using opened = await suite.open('#/cameras/square/rules');
    const { page, problems } = opened;
    const rule = () => suite.system.node.of('square').rules;
    await page.getByText('person is fallen for 5 s').waitFor(WAIT);
    await page.getByRole('button', { name: 'New rule' }).click();
    await page.getByLabel('Id', { exact: true }).fill('by the door');
    await page.getByRole('button', { name: 'Save the rule' }).click();
    await page.locator('.field', { has: page.getByLabel('Id', { exact: true }) }).getByRole('alert').waitFor(WAIT);
    await page.getByLabel('Id', { exact: true }).fill('loitering');
    await page.getByLabel('From').fill('22:00');
    await page.getByLabel('Until').fill('22:00');
    await page.getByRole('button', { name: 'Save the rule' }).click();
    await page.locator('.field', { has: page.getByLabel('From') }).getByText('begins and ends at the same time').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'rule-form');
    await page.getByLabel('Until').fill('06:00');
    await page.getByRole('button', { name: 'Save the rule' }).click();
    await page.locator('.rule[data-rule-id="loitering"]').getByText('person in zone "door" for 10 s between 22:00 and 06:00 severity medium').waitFor(WAIT);
    assert.deepEqual(rule(), [{ id: 'loitering', objects: ['person'], when: [{ in_zone: 'door', for_s: 10 }], during: { between: ['22:00', '06:00'] }, severity: 'medium' }]);
    await page.getByRole('button', { name: 'Edit loitering' }).click();
    await page.getByRole('button', { name: 'Sentence' }).click();
    await page.getByLabel('Sentence').fill('person in zone "gate"');
    await page.getByRole('button', { name: 'Save the rule' }).click();
    await page.getByText('there is no zone "gate" at this camera; its zones: door').waitFor(WAIT);
    await page.getByLabel('Sentence').fill('person dances');
    await page.getByText('after "person" stands "dances"').waitFor(WAIT);
    assert.ok(await page.getByRole('button', { name: 'Save the rule' }).isDisabled());
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('switch', { name: 'Run loitering' }).click();
    await page.locator('.rule[data-active="false"]').waitFor(WAIT);
    assert.equal(rule()[0]!.active, false);
    await page.getByRole('button', { name: 'All as YAML' }).click();
    const text = page.getByRole('textbox', { name: 'Rules as YAML' });
    await text.fill('- {id: a, when: person is lying}\n- {id: b, when: [{in_zone: gate}]}\n');
    await page.getByRole('button', { name: 'Save all rules' }).click();
    await page.getByText(/Line 2, when.0: there is no zone "gate"/).waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await text.fill('- {id: a, when: person is lying}\n');
    await page.getByRole('button', { name: 'Save all rules' }).click();
    await page.locator('.rule[data-rule-id="a"]').waitFor(WAIT);
    await page.getByRole('button', { name: 'Remove a' }).click();
    await page.getByText('No rule yet').waitFor(WAIT);
    assert.deepEqual(problems, []);
  });

  it('tests a rule on the last hour: its alerts, each with the way to the recording, and what is not known of that time', async () => {
    suite.system.node.settings.set('square', { ...suite.system.node.of('square'), scene: { zones: [{ id: 'door', polygon: [[0.1, 0.1], [0.5, 0.1], [0.5, 0.9]] }] }, rules: [] });
    await using opened = await suite.open('#/cameras/square/rules');
    const { page, problems } = opened;
    const end = Math.floor(Date.now() / 1000);
    const alert = { version: 1 as const, at: end - 100, camera_id: 'square', model_id: DETECTOR, frame_id: 5, captured_at: end - 100, recording_at: end - 100, alert_id: 'a', rule: 'loitering', rule_name: 'loitering', event: 'loitering', severity: 'medium' as const, tracks: [], bbox: null };
    const told: RuleTest = {
      camera_id: 'square', start: end - 3600, end, kept_since: end - 1800, models: [{ model_id: DETECTOR, looks: 9000, failed: 2, held: 40 }], unseen: [{ start: end - 900, end: end - 840 }],
      alerts: [{ raised: { ...alert, id: 1, type: 'alert.raised', conditions: [], lasting: true }, cleared: { ...alert, id: 2, type: 'alert.cleared', raised_at: end - 100, lasted_s: 12, reason: 'no_longer' } }], alerts_left_out: 0, events: { 'zone.entered': 7 },
    };
    const asked: RuleTestRequest[] = [];
    await page.route('**/api/v1/cameras/square/rules/test', async (route) => {
      asked.push(route.request().postDataJSON() as RuleTestRequest);
      if (asked.length === 1) await route.fulfill({ status: 400, json: { error: 'rules.0.when: ...', error_code: 'bad_request', problems: [{ pointer: '/rules/0/when', message: 'there is no zone "gate" at this camera' }] } });
      else await route.fulfill({ json: told });
    });
    await page.getByRole('button', { name: 'New rule' }).click(WAIT);
    await page.getByLabel('Id', { exact: true }).fill('loitering');
    const panel = page.getByRole('region', { name: 'Test on the last hour' });
    await panel.getByRole('button', { name: 'Test on the last hour' }).click();
    await page.getByText('there is no zone "gate" at this camera').waitFor(WAIT);
    await panel.getByRole('button', { name: 'Test on the last hour' }).click();
    await panel.getByText(/^One alert from/).waitFor(WAIT);
    assert.deepEqual(asked[1]!.rules[0]!.when, [{ in_zone: 'door', for_s: 10 }]);
    assert.equal(await panel.getByRole('link').getAttribute('href'), `#/recordings/square?at=${end - 103}`);
    await panel.getByText('for 12 s').waitFor(WAIT);
    assert.equal(await panel.getByRole('list', { name: 'What is not known' }).getByRole('listitem').count(), 3);
    await panel.getByText('7 entered a zone').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'rule-test');
    await page.getByLabel('Id', { exact: true }).fill('waiting');
    await panel.getByRole('link').waitFor({ ...WAIT, state: 'detached' });
    assert.deepEqual(problems, []);
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
