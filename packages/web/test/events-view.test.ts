// The review queue by a user's path, over a real server and its store.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Box, EventPage } from '@ruth/protocol';
import { until } from '../../server/test/stand-ins.ts';
import { accessibilityProblems, browserMissing, openPage } from './browser.ts';
import { DETECTOR } from './page-system.ts';
import { pageSuite, picture, WAIT } from './page-suite.ts';


describe('the view of events', { skip: browserMissing() }, () => {
  const suite = pageSuite(async () => {
    await until(() => suite.system.core.connections.length > 0, 'the server follows core');
    for (let index = 1; index <= 3; index++) enter(index, index === 2 ? 'car' : 'person');
    await stored(3);
  });
  // In the quarter of an hour before this one: a timeline that shows a day shows the five minutes before it too, whatever the time of day.
  const atS = (Math.floor(Date.now() / 1000 / 900) - 1) * 900 + 600;
  const enter = (index: number, className = 'person'): void => suite.system.tell({
    type: 'zone.entered', camera_id: 'square', model_id: DETECTOR, frame_id: index, captured_at: atS + index, recording_at: atS + index, zone: 'door',
    track: { id: index, class_id: 0, class_name: className, confidence: 0.9, bbox: [0.1, 0.1, 0.3, 0.5] as Box, first_seen: atS, last_seen: atS + index },
  });
  const stored = async (count: number): Promise<void> => until(async () => {
    const { events } = await (await fetch(`${suite.system.url}/api/v1/events?type=zone.entered`)).json() as EventPage;
    return events.length === count;
  }, `${count} events are stored`);

  it('is gone through by keyboard, each event marked as seen, which the server remembers for whoever it was', async () => {
    await using opened = await suite.open('#/events');
    const { page, problems } = opened;
    await page.getByRole('button', { name: /person #3 entered door/ }).waitFor(WAIT);
    assert.equal(await page.locator('.queue-event').count(), 3);
    await page.keyboard.press('j');
    await page.locator('.event-detail h2', { hasText: 'person #3 entered door' }).waitFor(WAIT);
    await page.getByText('The picture of this moment cannot be had just now').waitFor(WAIT);
    await page.keyboard.press('s');
    await page.locator('.event-detail h2', { hasText: 'car #2 entered door' }).waitFor(WAIT);
    await page.keyboard.press('k');
    await page.locator('.event-detail h2', { hasText: 'person #3 entered door' }).waitFor(WAIT);
    await page.keyboard.press('p');
    await page.getByLabel('Clip: person #3 entered door').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.reload();
    await page.locator('.queue-event[data-seen="true"]').waitFor(WAIT);
    assert.equal(await page.locator('.queue-event[data-seen="false"]').count(), 2);
    assert.deepEqual(problems, []);
  });

  it('keeps filters and the chosen event in the address, which can be given to others', async () => {
    await using opened = await suite.open('#/events');
    const { page } = opened;
    await page.locator('.queue-event').first().waitFor(WAIT);
    await page.getByRole('combobox', { name: 'Class' }).selectOption('car');
    await page.waitForFunction(() => document.querySelectorAll('.queue-event').length === 1);
    await page.locator('.queue-event').click();
    await page.waitForFunction(() => /^#\/events\/\d+\?class=car$/.test(location.hash));
    await using other = await openPage(suite.browser, page.url(), { width: 390, height: 844 }, 'dark');
    await other.page.locator('.event-detail h2', { hasText: 'car #2 entered door' }).waitFor(WAIT);
    assert.equal(await other.page.locator('.queue-event').count(), 1);
    assert.deepEqual(await accessibilityProblems(other.page), []);
    assert.ok(await other.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out at the side');
    await other.page.getByRole('combobox', { name: 'Kind' }).selectOption('alerts');
    await other.page.getByRole('heading', { name: 'No events' }).waitFor(WAIT);
    await other.page.goBack();
    await other.page.locator('.queue-event').waitFor(WAIT);
  });

  it('draws them on the timeline of the recordings, and jumps from one to the next', async () => {
    suite.system.recorded.timeline = { camera_id: 'square', start: atS - 600, end: atS + 60, spans: [{ start: atS - 600, end: atS + 60, kept: false, bytes: 1e6 }], gaps: [], oldest: atS - 600, newest: atS + 60 };
    await using opened = await suite.open(`#/recordings/square?at=${atS - 300}`);
    const { page, problems } = opened;
    await page.locator('.event-mark').nth(2).waitFor(WAIT);
    await page.waitForFunction((from) => Number(/at=([\d.]+)/.exec(location.hash)?.[1]) === from, atS - 300);
    const next = page.getByRole('button', { name: 'To the next event (N)' });
    // Without a picture there is no instant that is shown, and nothing to jump from.
    assert.ok(await next.isDisabled());
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'timeline-events');
    assert.deepEqual(problems, []);
    suite.system.recorded.timeline = null;
  });

  it('says that newer events have come, and moves nothing by itself', async () => {
    await using opened = await suite.open('#/events');
    const { page } = opened;
    await page.waitForFunction(() => document.querySelectorAll('.queue-event').length === 3);
    enter(4);
    await page.getByRole('button', { name: 'Newer events have come' }).click(WAIT);
    await page.getByRole('button', { name: /person #4 entered door/ }).waitFor(WAIT);
  });

  it('says since when and why an event is not recorded, with no dead player; asks again where that is not known yet', async () => {
    const { recorded } = suite.system;
    recorded.timeline = { camera_id: 'square', start: atS, end: atS + 4, spans: [], gaps: [], oldest: atS + 3, newest: atS + 60 };
    recorded.at = (at) => (at === atS + 1 ? false : 'unknown');
    await using opened = await suite.open('#/events', { width: 390, height: 844 }, 'dark');
    const { page, problems } = opened;
    await page.getByRole('button', { name: /person #1 entered door .*not recorded/ }).click(WAIT);
    await page.getByText('What was recorded then was deleted to make room, or because of its age').waitFor(WAIT);
    assert.equal(await page.getByRole('button', { name: /^Play the clip/ }).count(), 0);
    await page.keyboard.press('p');
    assert.deepEqual([await page.getByLabel(/^Clip/).count(), await page.getByRole('link', { name: 'Show in the recordings' }).count()], [0, 0]);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'event-not-recorded-phone');
    await page.getByRole('button', { name: /car #2 entered door/ }).click();
    await page.getByText('Whether this moment is recorded is not known yet').waitFor(WAIT);
    recorded.at = () => false;
    recorded.timeline = { ...recorded.timeline, oldest: atS - 60, gaps: [{ start: atS - 10, end: null, cause: 'disk_full', message: null }] };
    await page.getByText('nothing was recorded: disk full. Free space on the disk').waitFor(WAIT);
    Object.assign(recorded, { timeline: null, at: () => true });
    assert.deepEqual(problems, []);
  });

  it('says so where an event is too old to be kept, and where the events cannot be read', async () => {
    await using opened = await suite.open('#/events/999999');
    const { page } = opened;
    await page.getByRole('alert').getByText('there is no event 999999').waitFor(WAIT);
    await page.route('**/api/v1/events?*', (route) => route.abort());
    await page.getByText('The events cannot be read').waitFor(WAIT);
    assert.ok(await page.locator('.queue-event').count() > 0, 'what was read stays');
  });

  it('shows cameras that fell at once as one row, which can be opened, and gone through and marked as one', async () => {
    const { system } = suite;
    for (let index = 1; index <= 20; index++) system.tell({ type: 'camera.down', camera_id: `aisle-${index}`, reason: 'stalled' });
    await until(async () => {
      const { events } = await (await fetch(`${system.url}/api/v1/events?type=camera.down`)).json() as EventPage;
      return events.length === 20;
    }, 'they are stored');
    await using opened = await suite.open('#/events');
    const { page } = opened;
    const row = page.getByRole('button', { name: /20 cameras send nothing/ }).first();
    await row.getByText('aisle-20, aisle-19, aisle-18 and 17 more').waitFor(WAIT);
    assert.equal(await page.locator('.queue-event').count(), 5, 'what else happened stands beside it');
    await page.keyboard.press('j');
    await page.locator('.event-detail').waitFor(WAIT);
    await page.keyboard.press('j');
    await page.locator('.event-detail h2', { hasText: 'person #4 entered door' }).waitFor(WAIT);
    await page.keyboard.press('k');
    await page.locator('.queue-event[aria-current] >> text=20 cameras').waitFor(WAIT);
    await page.keyboard.press('s');
    await page.locator('.queue-group .queue-event[data-seen="true"]').waitFor(WAIT);
    await page.getByRole('button', { name: 'Show each: 20 cameras send nothing' }).press('Enter');
    await page.waitForFunction(() => document.querySelectorAll('.queue-group .queue-event[data-seen="true"]').length === 20);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'events-folded-open');
    await page.getByRole('button', { name: 'Fold: 20 cameras send nothing' }).press('Enter');
    await page.waitForFunction(() => document.querySelectorAll('.queue-event').length === 5);
    await picture(page, 'events-folded');
  });

  it('says of a model that fell why, in a line of its own, and leads to how it is now', async () => {
    suite.system.tell({ type: 'model.down', model_id: 'finder', reason: 'no container answers at /tmp/vas_model_finder.sock' });
    await using opened = await suite.open('#/events?kind=system');
    const { page, problems } = opened;
    await page.getByRole('button', { name: /Model finder is down/ }).click(WAIT);
    const detail = page.locator('.event-detail', { hasText: 'Model finder is down' });
    await detail.locator('.event-reason', { hasText: 'no container answers at /tmp/vas_model_finder.sock' }).waitFor(WAIT);
    await page.keyboard.press('s');
    assert.equal(await page.locator('.queue-event[data-seen="true"]', { hasText: 'Model finder is down' }).locator('.queue-camera').textContent(WAIT), 'seen');
    await picture(page, 'event-model-down');
    assert.deepEqual(await accessibilityProblems(page), []);
    await page.locator('.queue-event', { hasText: 'Model finder is down' }).click();
    await detail.getByRole('link', { name: 'How the models are now, and why' }).click();
    await page.waitForURL(/#\/models$/);
    assert.deepEqual(problems, []);
  });
});
