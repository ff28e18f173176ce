// The views of models and of the node, by a user's path.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { CAPACITY_UNITS, LOOK_STAGES, type CapacityKind, type CapacityResource, type LookStagesMs, type SiteInfo, type SiteNodeDetails, type SiteNodeStatus, type SystemStatus } from '@ruth/protocol';
import { camera, model, until } from '../../server/test/stand-ins.ts';
import { accessibilityProblems, browserMissing } from './browser.ts';
import { DETECTOR, POSE } from './page-system.ts';
import { pageSuite, picture, WAIT } from './page-suite.ts';
import { UPLOAD_ID } from './stand-in-node.ts';


describe('the views of models and system', { skip: browserMissing() }, () => {
  const suite = pageSuite(() => {
    suite.system.cameras.push(camera('back', { name: 'Back door', drops: { decoder_busy: 12 }, state: 'down', last_error: { code: 'camera_unreachable', message: 'nobody listens at 192.0.2.7', at: 1 } }));
  });

  it('shows which model looks at which camera, how often of what was asked for, why, and where the time goes', async () => {
    const stages = Object.fromEntries(LOOK_STAGES.map((stage, index) => [stage, { p50: index + 0.5, p95: 2 * index + 1 }])) as LookStagesMs;
    Object.assign(suite.system.subscriptions, { achieved_fps: 11, stages_ms: stages, shortfall: { cause: 'busy', fps: 14, message: 'its own look took too long' } });
    await using opened = await suite.open('#/models');
    const { page, problems } = opened;
    await page.locator(`.card[data-model-id="${DETECTOR}"][data-tone="good"]`).waitFor(WAIT);
    const matrix = page.getByRole('table');
    await matrix.getByRole('row', { name: 'Back door' }).getByText('does not look').first().waitFor(WAIT);
    await matrix.getByRole('row', { name: /Square/ }).getByRole('button').first().click();
    const panel = page.getByRole('region', { name: `${DETECTOR} at Square <hall>` });
    await panel.getByText('its own look took too long').waitFor(WAIT);
    await panel.getByRole('row', { name: /^Infer/ }).getByText('5.5', { exact: true }).waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    suite.system.models[1] = model(POSE, { state: 'down', last_error: { code: 'unreachable', message: 'container is gone', at: 1 } });
    await page.locator(`.card[data-model-id="${POSE}"][data-tone="bad"]`).getByText('container is gone').waitFor(WAIT);
    assert.deepEqual(problems, []);
  });

  it('lets a model look elsewhere, at another rate, for what is wanted alone, be switched off, and be fetched, licence first, with progress that can be cancelled', async () => {
    suite.system.models[0] = model(DETECTOR, { classes: ['person', 'car'] });
    await using opened = await suite.open('#/models');
    const { page, problems } = opened;
    await page.getByRole('row', { name: 'Back door' }).getByRole('button', { name: 'does not look' }).first().click(WAIT);
    const form = page.getByRole('form', { name: 'How often it shall look' });
    await form.getByLabel('Looks a second').fill('2');
    await form.getByLabel('Priority, 0 to 100').fill('200');
    await form.getByText('A number from 0 to 100').waitFor(WAIT);
    await form.getByLabel('Priority, 0 to 100').fill('70');
    await form.getByRole('button', { name: 'person', exact: true }).click();
    await form.getByLabel('Confidence at least').fill('0.6');
    await form.getByRole('button', { name: 'Let it look' }).click();
    await form.getByRole('button', { name: 'Look no more' }).waitFor(WAIT);
    assert.deepEqual(suite.system.node.of('back').subscriptions, [{ model: DETECTOR, desired_fps: 2, priority: 70, config: { classes: ['person'], confidence_threshold: 0.6 } }]);
    await form.getByRole('button', { name: 'person', exact: true }).click();
    await form.getByLabel('Confidence at least').fill('');
    await form.getByRole('button', { name: 'Save' }).click();
    await until(() => suite.system.node.of('back').subscriptions[0]?.config === undefined, 'all that it knows, as sure as it suggests');
    assert.deepEqual(suite.system.node.of('back').subscriptions, [{ model: DETECTOR, desired_fps: 2, priority: 70 }]);
    await page.getByRole('button', { name: `Switch off ${DETECTOR}` }).click();
    await page.getByRole('button', { name: `Switch on ${DETECTOR}` }).waitFor(WAIT);
    const add = page.getByRole('form', { name: 'Add a model' });
    await add.getByLabel('Model', { exact: true }).selectOption('yolox-nano');
    await add.getByText('About .26 mAP50-95 on COCO.').waitFor(WAIT);
    await add.getByRole('button', { name: 'Fetch and try it' }).click();
    const accept = page.getByRole('button', { name: 'I have read the licence and accept it' });
    await accept.waitFor(WAIT);
    const asked = suite.system.node.asked.at(-1);
    await accept.click();
    await page.locator('[data-job-state="running"]').getByText('half of 3.6 MB').waitFor(WAIT);
    assert.deepEqual(suite.system.node.asked.at(-1), { ...asked as object, accept_license: true });
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'models');
    await page.locator('[data-job-state="running"]').getByRole('button', { name: 'Cancel' }).click();
    await page.locator('[data-job-state="cancelled"]').waitFor(WAIT);
    assert.deepEqual(problems, []);
  });

  it('sends an ONNX file that was chosen or dropped, tells how far it is, can cancel it, and says what is wrong with one', async () => {
    await using opened = await suite.open('#/models', { width: 390, height: 844 }, 'dark');
    const { page, problems } = opened;
    const { node } = suite.system;
    const held = Promise.withResolvers<void>();
    const folder = mkdtempSync(join(tmpdir(), 'ruth-upload-'));
    after(() => rmSync(folder, { recursive: true }));
    const file = (name: string, size: number): string => {
      writeFileSync(join(folder, name), '');
      truncateSync(join(folder, name), size);
      return join(folder, name);
    };
    const add = page.getByRole('form', { name: 'Add a model' });
    const chooser = add.getByLabel('ONNX file');
    const send = add.getByRole('button', { name: 'Send and try it' });
    await chooser.setInputFiles(file('weights.bin', 10), WAIT);
    await add.getByText('Weights.bin is no .onnx file').waitFor(WAIT);
    assert.ok(await send.isDisabled());
    await chooser.setInputFiles(file('empty.onnx', 0));
    await add.getByText('Empty.onnx is empty').waitFor(WAIT);
    await chooser.setInputFiles(file('no-room.onnx', 8_000_000));
    await send.click();
    await add.getByText('has 1.0 MB to spare').waitFor(WAIT);
    // More than sockets hold on the way.
    node.uploadsHeld = held.promise;
    await chooser.setInputFiles(file('large.onnx', 40_000_000));
    await send.click();
    const progress = add.getByRole('progressbar', { name: 'How much of large.onnx is sent' });
    await progress.waitFor(WAIT);
    await add.getByText(/of 40 MB, \d+ %/).waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await add.scrollIntoViewIfNeeded();
    await picture(page, 'models-sending-phone');
    // It goes on behind another view.
    await page.getByRole('navigation').getByRole('link', { name: 'System' }).click();
    await page.getByRole('region', { name: 'Processes', exact: true }).waitFor(WAIT);
    await page.goBack();
    await add.getByRole('button', { name: 'Cancel' }).click(WAIT);
    await progress.waitFor({ state: 'detached', ...WAIT });
    held.resolve();
    await add.getByText('large.onnx').waitFor(WAIT);
    assert.deepEqual(node.uploads.map(({ isWhole }) => isWhole), [false]);
    const dropped = await page.evaluateHandle(() => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(2_000_000)], 'Dropped.onnx'));
      return data;
    });
    await add.dispatchEvent('drop', { dataTransfer: dropped });
    await add.getByText('Dropped.onnx').waitFor(WAIT);
    await add.getByLabel('Its id').fill('dropped-here');
    await add.getByLabel('How its outputs are read').selectOption('yolox');
    await add.getByLabel('Names of its classes, one a line').fill('crate\n\n pallet jack \n');
    await add.getByText('2 names').waitFor(WAIT);
    await picture(page, 'models-names-phone');
    await send.click();
    await page.getByRole('list', { name: 'Models that are tried' }).getByText('add: dropped-here').waitFor(WAIT);
    assert.deepEqual(node.uploads.at(-1), { name: 'Dropped.onnx', bytes: 2_000_000, isWhole: true });
    assert.deepEqual(node.asked.at(-1), { kind: 'add', model_id: 'dropped-here', format: 'yolox', names: ['crate', 'pallet jack'], source: `upload:${UPLOAD_ID}` });
    assert.deepEqual(problems, []);
  });

  it('shows every process as the tree that it is, why some ended, the disk, and what was dropped', async () => {
    await using opened = await suite.open('#/system');
    const { page, problems } = opened;
    await page.locator('[data-process="kernel"] [data-tone="good"]').waitFor(WAIT);
    assert.equal(await page.locator('[data-process="kernel"] + [data-depth="1"]').getAttribute('data-process'), 'camera square');
    await page.locator('[data-process="camera back"] [data-tone="bad"]').getByText('nobody listens').waitFor(WAIT);
    Object.assign(suite.system.processes[2]!, { state: 'crash_loop', reason: 'killed by SIGSEGV', restarts: 5, pid: null, ends: [{ at: Date.now() / 1000, reason: 'killed by SIGSEGV' }] });
    await page.locator('[data-process="core"] [data-tone="bad"]', { hasText: 'crash loop' }).waitFor(WAIT);
    await page.getByRole('region', { name: 'Ends of processes' }).getByText('killed by SIGSEGV').waitFor(WAIT);
    await page.getByRole('region', { name: 'Disk' }).getByText('40 GB of 100 GB taken').waitFor(WAIT);
    assert.equal(await page.locator('meter.disk').evaluate((meter) => getComputedStyle(meter).appearance), 'none', 'meters are drawn by the page: each browser has its own otherwise');
    await page.getByRole('region', { name: 'Drops' }).getByRole('row', { name: /decoder busy 12 Back door/ }).waitFor(WAIT);
    const looks = page.getByRole('region', { name: 'Where the time of looks goes' });
    await looks.getByRole('group', { name: `Stages of ${DETECTOR}` }).getByRole('row', { name: /^Infer / }).getByText('20', { exact: true }).waitFor(WAIT);
    await looks.getByRole('button', { name: 'Last minute' }).click();
    await looks.getByText(`${DETECTOR}: no look in this time`).waitFor(WAIT);
    await looks.getByRole('button', { name: 'Since the start' }).click();
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'system');
    assert.deepEqual(problems, []);
  });

  it('says how many more cameras there is room for, and what ends first; or that it cannot be told', async () => {
    await using opened = await suite.open('', { width: 390, height: 844 }, 'dark');
    const { page, problems } = opened;
    const resource = (kind: CapacityKind, over: Partial<CapacityResource>): CapacityResource => ({ kind, name: null, unit: CAPACITY_UNITS[kind], used: null, usable: null, per_camera: null, more_cameras: null, message: 'not measured yet', ...over });
    const status: SystemStatus = {
      version: '0.3.0', node_version: '24.21.0', platform: 'linux x64', cores: 2, memory_bytes: 8e9, capacity_error: null,
      capacity: {
        measured_at: 1, over_s: 300, cameras: 2, more_cameras: 3, limited_by: 0, message: 'the CPU ends first',
        resources: [resource('cpu', { used: 0.7, usable: 1.7, per_camera: 0.31, more_cameras: 3, message: '' }), resource('model', { name: DETECTOR, used: 10, usable: 38, per_camera: 5, more_cameras: 5, message: '' }), resource('disk_space', { message: 'nothing is recorded' })],
      },
    };
    let told = status;
    await page.route('**/api/v1/system', (route) => route.fulfill({ json: told }));
    await page.goto(`${suite.system.url}/#/system`);
    const room = page.getByRole('region', { name: 'Capacity' });
    await room.getByText('Room for about 3 more cameras').waitFor(WAIT);
    await room.getByRole('row', { name: /^CPU .*3 more, ends first/ }).waitFor(WAIT);
    await room.getByRole('row', { name: /^Room on the disk .*nothing is recorded/ }).waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out at the side');
    await page.getByRole('region', { name: 'Where the time of looks goes' }).getByRole('table').first().waitFor(WAIT);
    await picture(page, 'system-phone');
    told = { ...status, capacity: { ...status.capacity!, more_cameras: null, limited_by: null, message: 'no camera streams yet', resources: [] } };
    await page.reload();
    await room.getByText('It cannot be told yet').waitFor(WAIT);
    assert.deepEqual(problems, []);
  });

  it('shows the nodes of a site, what each gives and what waits there, and drains one after it was said what that means', async () => {
    await using opened = await suite.open('', { width: 390, height: 844 }, 'dark');
    const { page, problems } = opened;
    const details: SiteNodeDetails = { leads: false, labels: { building: 'north' }, capacity_cores: 1.5, used_cores: 0.6, measured_cores: 0.6, draining: null, outbox: { waiting: 0, oldest_age_s: 0, dropped: 0, told_at: Date.now() / 1000 } };
    const node = (id: string, over: Partial<SiteNodeStatus>): SiteNodeStatus => ({ node_id: id, state: 'lives', since: null, reachable: true, error: null, cameras: 12, own_cameras: 0, details, ...over });
    const south = node('south', { cameras: 13, own_cameras: 1, details: { ...details, leads: true, labels: { building: 'south' }, unclaimed: { cameras: 2, files: 9, bytes: 12_000_000, since: 1_700_000_000 }, clock: { ahead_s: -4.21, within_s: 0.02 }, outbox: { waiting: 41, oldest_age_s: 130, dropped: 5, told_at: Date.now() / 1000 - 600 } } });
    let told: SiteInfo = { node: 'north', problem: null, nodes: [node('north', {}), south, node('west', { state: 'away', since: 1_700_000_000, reachable: false, error: 'its server cannot be reached (ECONNREFUSED)', cameras: 0, details: null })] };
    const asked: unknown[] = [];
    let answer = { status: 503, json: { error: 'NATS is away: nodes of the site cannot be changed at the moment, and nothing was', error_code: 'unreachable', advice: 'Look there.' } as object | undefined };
    await page.route('**/api/v1/site', (route) => route.fulfill({ json: told }));
    await page.route('**/api/v1/site/nodes/*', async (route) => {
      asked.push([route.request().method(), new URL(route.request().url()).pathname, route.request().postDataJSON()]);
      await route.fulfill(answer.json === undefined ? { status: answer.status } : { status: answer.status, json: answer.json });
    });
    await page.goto(`${suite.system.url}/#/system`);
    const row = page.getByRole('region', { name: 'Nodes' }).locator('[data-node="south"]');
    await row.getByText('41 wait, the oldest for 2 min 10 s').waitFor(WAIT);
    await row.getByText('5 lost: too many waited for too long').waitFor(WAIT);
    await row.getByText('9 files (12 MB) recorded aside').waitFor(WAIT);
    await row.getByText('Its clock is 4.2 s behind that of NATS').waitFor(WAIT);
    await row.getByText(', places the cameras').waitFor(WAIT);
    await page.locator('[data-node="west"]').getByText('its server cannot be reached').waitFor(WAIT);
    await row.getByRole('button', { name: 'Drain south' }).click();
    const dialog = page.getByRole('alertdialog');
    await dialog.getByText('Its 12 cameras of the site go to other nodes').waitFor(WAIT);
    await dialog.getByText('Its cameras take 0.60 cores, and north has 0.90 to spare.').waitFor(WAIT);
    await dialog.getByText('One camera is its own').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'nodes-drain-phone');
    await dialog.getByRole('button', { name: 'Drain south' }).click();
    await dialog.getByRole('alert').getByText('NATS is away').waitFor(WAIT);
    answer = { status: 204, json: undefined };
    told = { ...told, nodes: told.nodes.map((one) => (one === south ? { ...south, state: 'draining', details: { ...south.details!, draining: { since: 1, cameras: 12, left: 9, staying: 'north has no room for 0.05 cores' } } } : one)) };
    await dialog.getByRole('button', { name: 'Drain south' }).click();
    await row.getByText('3 of 12 cameras moved').waitFor(WAIT);
    await row.getByText('No other node can take some of them: north has no room for 0.05 cores').waitFor(WAIT);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out at the side');
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'nodes-phone');
    await page.setViewportSize({ width: 1280, height: 800 });
    await picture(page, 'nodes');
    await row.getByRole('button', { name: 'End draining south' }).click();
    await until(() => asked.length === 3, 'it is asked for');
    assert.deepEqual(asked, [true, true, false].map((draining) => ['PATCH', '/api/v1/site/nodes/south', { draining }]));
    told = { node: null, nodes: [], problem: 'fleet cannot be reached' };
    await page.reload();
    await page.getByRole('region', { name: 'Nodes' }).getByText('What the site is cannot be told: fleet cannot be reached').waitFor(WAIT);
    assert.deepEqual(problems.filter((problem) => !problem.includes('503')), []);
  });
});
