// A camera moves from one node of a site to another while several people watch it through the server of a third one, over WebRTC, a pipe and MSE: they see it again by themselves,
// and nothing stays at the node that it left. Real kernels, fleet processes and servers, a real NATS server, one PostgreSQL, a real camera and a real browser.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '@ruth/transport';
import { WebSocket } from 'ws';
import { SiteStore } from '../../packages/fleet/src/index.ts';
import { Nats, natsMissing } from '../../packages/fleet/test/nats.ts';
import { Clips, launch, noCamera, RealCamera } from '../../packages/kernel/test/real-camera.ts';
import { noWebRtc } from '../../packages/kernel/test/webrtc-browser.ts';
import { postgresPrograms, startPostgres } from '../../packages/server/test/postgres.ts';
import { browserMissing, buildPage, launchBrowser, WAIT } from '../../packages/web/test/browser.ts';
import { admin, SiteNode } from './site-node.ts';

const PATIENCE_MS = 120_000;
const programs = postgresPrograms();
const WATCH = 'ruth_kernel_camera_viewers{camera="gate",kind="webrtc"}';
const MSE = 'ruth_kernel_camera_viewers{camera="gate",kind="mse"}';
const SENT = 'ruth_kernel_pipes{direction="sent"}';
const RECEIVED = 'ruth_kernel_pipes{direction="received"}';

/** Comes back when it is told to, as any program does. */
class MseViewer implements Disposable {
  pictures = 0;
  readonly closings: string[] = [];
  readonly #url: string;
  #socket!: WebSocket;
  #again: NodeJS.Timeout | undefined;

  constructor(server: string) {
    this.#url = `${server.replace('http', 'ws')}/api/v1/cameras/gate/live`;
    this.#watch();
  }

  #watch(): void {
    this.#socket = new WebSocket(this.#url, { headers: admin });
    this.#socket.on('message', (_data, isBinary) => { if (isBinary) this.pictures++; });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', (code, reason) => {
      this.closings.push(`${code} ${reason.toString()}`);
      this.#again = setTimeout(() => this.#watch(), 300);
    });
  }

  [Symbol.dispose](): void {
    this.#socket.removeAllListeners('close').terminate();
    clearTimeout(this.#again);
  }
}

test('who watches a camera through a third node sees it again when it has moved, and nothing stays where it was', { skip: natsMissing() || noCamera || browserMissing() || noWebRtc() || (programs === null && 'PostgreSQL is missing: apt-get install postgresql'), timeout: 300_000 }, async () => {
  await using stack = new AsyncDisposableStack();
  const [camera, nats, postgres, { directory: pageDirectory }, browser] = await Promise.all([
    Clips.open().then(async (clips) => stack.use(await RealCamera.start({ gate: launch.h264(await stack.use(clips).make('gate.mp4')) }))),
    Nats.start().then((started) => stack.use(started)), startPostgres(programs!).then((started) => stack.use(started)), buildPage(), launchBrowser(),
  ]);
  stack.defer(() => browser.close());
  const store = stack.use(await SiteStore.open({ servers: [nats.url], credentialsFile: null, caFile: null, name: 'test', replicas: 1 }, createLogger('test', 'silent')));
  const start = async (id: string, role: string): Promise<SiteNode> => stack.use(await SiteNode.start({ id, databaseUrl: postgres.url, pageDirectory, natsUrl: nats.url, labels: { role } }));
  const until = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
    for (const endsAt = Date.now() + PATIENCE_MS; !await condition(); await new Promise((resolve) => { setTimeout(resolve, 200); })) assert.ok(Date.now() < endsAt, what);
  };
  const has = (id: string) => async (): Promise<boolean> => (await store.nodes.get(id))?.value?.cameras['gate'] !== undefined;

  const [north, west] = await Promise.all([start('north', 'cameras'), start('west', 'desk')]);
  await store.cameras.put('gate', { camera: { id: 'gate', url: camera.url('gate') }, cost_cores: 0.1, require: { role: 'cameras' } }, 0);
  await until(has('north'), 'the north has the camera');
  const south = await start('south', 'cameras');
  await until(async () => (await store.nodes.get('south'))?.value?.revoked === false, 'the south is there');

  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
  context.setDefaultTimeout(WAIT.timeout);
  await context.addCookies([(await west.addViewer('anna')).cookie]);
  const watch = async (): Promise<Awaited<ReturnType<typeof context.newPage>>> => {
    const page = await context.newPage();
    await page.goto(west.server.url);
    return page;
  };
  /** Pictures go on over WebRTC: two looks at what is shown. */
  const sees = async (page: Awaited<ReturnType<typeof watch>>): Promise<void> => {
    const tile = page.locator('[data-camera-id="gate"]');
    const at = (): Promise<number> => tile.locator('video').evaluateAll((all) => Math.max(0, ...(all as HTMLVideoElement[]).filter(({ srcObject, videoWidth }) => srcObject !== null && videoWidth === 320).map(({ currentTime }) => currentTime)));
    await until(async () => {
      const before = await at();
      await page.waitForTimeout(300);
      return before > 0 && await at() > before && await tile.locator('.path[data-path="webrtc"]').count() === 1;
    }, 'pictures are shown');
  };

  const anna = await watch();
  await sees(anna);
  const bert = await watch();
  await sees(bert);
  using one = new MseViewer(west.server.url);
  using other = new MseViewer(west.server.url);
  await until(() => one.pictures > 20 && other.pictures > 20, 'both get MSE');
  assert.deepEqual([await north.metric(WATCH), await north.metric(SENT), await north.metric(MSE), await west.metric(RECEIVED)], [1, 1, 1, 1], 'one straight, one over a pipe, two over one relay');

  const beganMs = performance.now();
  const seconds = (): string => `${((performance.now() - beganMs) / 1000).toFixed(1)} s`;
  await store.drains.put('north', { since: 0 }, null);
  await until(async () => await has('south')() && !await has('north')(), 'the south has it');
  const tell = (what: string): void => { if (process.env.RUTH_TEST_LOG) process.stderr.write(`${what} after ${seconds()}\n`); };
  tell('it has moved');
  const pictures = [one.pictures, other.pictures];
  await until(() => one.pictures > pictures[0]! + 20 && other.pictures > pictures[1]! + 20 && one.closings.length > 0, 'both get MSE again');
  tell(`MSE goes on (${one.closings.join(', ')})`);
  for (const page of [anna, bert]) await sees(page);
  tell('both pages show it');
  await until(async () => await north.metric(WATCH) + await north.metric(MSE) + await north.metric(SENT) === 0, 'nothing stays at the node that it left');
  await until(async () => await south.metric(MSE) === 1 && await west.metric('ruth_server_site_mse_viewers') === 2, 'two over one relay');
  await until(async () => await south.metric(SENT) === await west.metric(RECEIVED), 'pipes have two ends');
  tell(`south: ${await south.metric(WATCH)} straight, ${await south.metric(SENT)} pipes, west: ${await west.metric(RECEIVED)} pipes`);
});
