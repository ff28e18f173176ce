// Models from the page, as an administrator has them: a whole Ruth, a real npm registry of its own, and a small real model that is fetched,
// licence first, tried, run, swapped for another that is sent as a file while it runs, and put back.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { SupervisedModel } from '@ruth/protocol';
import { create } from 'tar';
import { onnxFile } from '../../packages/container/test/onnx-writer.ts';
import { accessibilityProblems, browserMissing, launchBrowser, openPage, WAIT } from '../../packages/web/test/browser.ts';
import { picture } from '../../packages/web/test/page-suite.ts';
import { RunningRuth } from './running-ruth.ts';

const folder = mkdtempSync(join(tmpdir(), 'ruth-registry-'));
mkdirSync(join(folder, 'models'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A box in the middle, whatever it sees; versions differ in how sure they are. */
const middleBox = (score: number): Uint8Array => onnxFile({
  nodes: [
    { op: 'ReduceMean', inputs: ['image'], output: 'brightness', attributes: { keepdims: 0 } }, { op: 'Mul', inputs: ['brightness', 'zero'], output: 'nothing' }, { op: 'Add', inputs: ['rows', 'nothing'], output: 'output0' },
  ],
  inputs: [{ name: 'image', type: 'float32', dims: [1, 3, 64, 64] }], outputs: [{ name: 'output0', type: 'float32', dims: [1, 2, 6] }],
  constants: { rows: Float32Array.of(16, 16, 48, 48, score, 0, 0, 0, 0, 0, 0, 0), zero: Float32Array.of(0) }, constantDims: { rows: [1, 2, 6] },
});

/** A registry as npm asks it, with one package. */
async function startRegistry(): Promise<{ url: string } & AsyncDisposable> {
  const version = '1.0.0';
  const content = join(folder, version, 'package');
  mkdirSync(content, { recursive: true });
  writeFileSync(join(content, 'package.json'), JSON.stringify({ name: 'ruth-test-box', version, license: 'MIT' }));
  writeFileSync(join(content, 'box.onnx'), middleBox(0.9));
  const file = join(folder, `${version}.tgz`);
  await create({ gzip: true, file, cwd: join(folder, version) }, ['package']);
  const archive = readFileSync(file);
  const server = createServer(({ url = '', headers: { host } }, response) => {
    if (url.endsWith('.tgz')) return void response.end(archive);
    if (!url.startsWith('/ruth-test-box')) return void response.writeHead(404).end('{}');
    const dist = { tarball: `http://${host}/ruth-test-box/-/ruth-test-box-${version}.tgz`, integrity: `sha512-${createHash('sha512').update(archive).digest('base64')}`, unpackedSize: 5000 };
    const versions = { [version]: { name: 'ruth-test-box', version, license: 'MIT', dist } };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ name: 'ruth-test-box', 'dist-tags': { latest: version }, versions }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, [Symbol.asyncDispose]: async () => { server.closeAllConnections(); server.close(); } };
}

test('a model is fetched, tried, run, swapped and put back from the page, each step told, its licence first', { skip: browserMissing() }, async (context) => {
  await using registry = await startRegistry();
  // Read by npm, which the node runs.
  Object.assign(process.env, { npm_config_registry: registry.url, npm_config_cache: join(folder, 'npm') });
  const beganMs = performance.now();
  await using ruth = await RunningRuth.start(['up'], { paths: { models_directory: join(folder, 'models') }, cameras: [], models: [] });
  const browser = await launchBrowser();
  try {
    await using opened = await openPage(browser, ruth.signInUrl, { width: 1280, height: 1000 });
    const { page, problems } = opened;
    await page.getByRole('navigation').getByRole('link', { name: 'Models' }).click(WAIT);
    const form = page.getByRole('form', { name: 'Add a model' });
    const jobs = page.getByRole('list', { name: 'Models that are tried' });
    const row = page.locator('[data-installed="box"]');
    await form.getByLabel('Model', { exact: true }).selectOption('By address', WAIT);
    await form.getByLabel(/^Address of an ONNX file/).fill('npm:ruth-test-box', WAIT);
    await form.getByRole('button', { name: 'Fetch and try it' }).click();
    await jobs.getByText('Licence of ruth-test-box@1.0.0: MIT').first().waitFor(WAIT);
    await jobs.getByRole('button', { name: 'I have read the licence and accept it' }).click(WAIT);
    await jobs.locator('[data-job-state="done"]', { hasText: 'add' }).waitFor(WAIT);
    await jobs.getByRole('img', { name: 'What box saw in trial pictures' }).waitFor(WAIT);
    await row.getByText('running').waitFor(WAIT);
    await page.locator('.card[data-model-id="box"][data-tone="good"]').waitFor(WAIT);
    assert.deepEqual(await accessibilityProblems(page), []);
    await picture(page, 'models-real');
    const addedMs = performance.now();
    await form.getByLabel('Model', { exact: true }).selectOption('A file of yours');
    await form.getByLabel('What for').selectOption('swap');
    await form.getByLabel('ONNX file').setInputFiles({ name: 'better box.onnx', mimeType: 'application/octet-stream', buffer: Buffer.from(middleBox(0.8)) });
    await form.getByRole('button', { name: 'Send and try it' }).click();
    await jobs.locator('[data-job-state="done"]', { hasText: 'swap' }).waitFor(WAIT);
    const before = (await ruth.get<SupervisedModel[]>('/api/v1/models/installed'))[0]!;
    await row.getByRole('button', { name: 'Roll back box' }).click();
    await ruth.until('the version before runs again', async () => {
      const [now] = await ruth.get<SupervisedModel[]>('/api/v1/models/installed');
      return now?.state === 'running' && now.pid !== before.pid;
    });
    await row.getByText('running').waitFor(WAIT);
    await row.getByRole('button', { name: 'Switch off box' }).click();
    await row.getByText('disabled').waitFor(WAIT);
    context.diagnostic(`${((addedMs - beganMs) / 1000).toFixed(1)} s from the start of the node to the model that runs, ${((performance.now() - addedMs) / 1000).toFixed(1)} s for the swap and back`);
    assert.deepEqual(problems, []);
  } finally {
    await browser.close();
  }
});
