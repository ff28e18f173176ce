// What a camera's views say of what it sees: its scene is drawn, its rules written, and tried on the last hour.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RuleTest, RuleTestRequest } from '@ruth/protocol';
import type { Page } from 'playwright-core';
import { accessibilityProblems, browserMissing } from './browser.ts';
import { DETECTOR } from './page-system.ts';
import { pageSuite, picture, WAIT } from './page-suite.ts';

describe('the scene and the rules of a camera', { skip: browserMissing() }, () => {
  const suite = pageSuite();
  /** A point of the picture, as a share of it, on the screen. */
  const onPicture = async (page: Page, [x, y]: readonly [number, number]): Promise<[number, number]> => {
    const box = (await page.locator('.shape-layer').boundingBox())!;
    return [box.x + x * box.width, box.y + y * box.height];
  };
  const press = async (page: Page, point: readonly [number, number]): Promise<void> => page.mouse.click(...await onPicture(page, point));

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
    // A point is added and taken away where the focus is, which goes on to the one that is chosen then.
    const focused = (label: string) => page.waitForFunction((start) => document.activeElement?.getAttribute('aria-label')?.startsWith(start), label, WAIT);
    await page.keyboard.press('+');
    await focused('Point 2 of 3: 55');
    await page.locator('.shape[data-kind="lines"] .corner').last().focus();
    await page.keyboard.press('Delete');
    await focused('Point 2 of 2: 55');
    await page.keyboard.press('Control+z');
    await page.keyboard.press('Control+z');
    await page.locator('.shape[data-kind="lines"] .corner[aria-label*="of 2: 60 % from the left, 51 % from the top"]').waitFor(WAIT);
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
});
