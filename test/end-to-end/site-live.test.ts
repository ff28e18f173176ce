// A camera of one node that several people watch at the server of another one: two kernels as processes, two servers, one PostgreSQL, a real camera and real
// browsers. It goes over one pipe from so many viewers on, and when a kernel is killed, or who began it may not see it any more, nothing stays. The fleet processes are stand-ins.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fleetSocketPath, kernelSocketPath, type LiveInit, type SiteView } from '@ruth/protocol';
import { startServer, type RunningServer } from '@ruth/server';
import { beginsWithKeyframe, createLogger } from '@ruth/transport';
import { fastify } from 'fastify';
import { WebSocket } from 'ws';
import { Clips, launch, noCamera, RealCamera } from '../../packages/kernel/test/real-camera.ts';
import { ask as askSocket, until } from '../../packages/kernel/test/test-kernel.ts';
import { noWebRtc } from '../../packages/kernel/test/webrtc-browser.ts';
import { postgresPrograms, startPostgres } from '../../packages/server/test/postgres.ts';
import { browserMissing, buildPage, launchBrowser } from '../../packages/web/test/browser.ts';
import { root } from './running-ruth.ts';

const WAIT = { timeout: 90_000 };
const ADMIN_TOKEN = 'a-fixed-token-for-the-test-of-pipes';
const admin = { authorization: `Bearer ${ADMIN_TOKEN}` };
const PASSWORD = 'correct horse battery';
const programs = postgresPrograms();
const OFFER = [
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'm=video 9 UDP/TLS/RTP/SAVPF 109', 'c=IN IP4 0.0.0.0', 'a=ice-ufrag:abcd', 'a=ice-pwd:0123456789abcdef01234567', `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
  'a=setup:actpass', 'a=mid:0', 'a=recvonly', 'a=rtcp-mux', 'a=rtpmap:109 H264/90000', 'a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f', '',
].join('\r\n');

/** A node without core and fleet. */
class Node implements AsyncDisposable {
  readonly id: string;
  readonly folder: string;
  readonly #rings: string;
  readonly #cameras: readonly object[];
  server!: RunningServer;
  #kernel!: ChildProcess;

  private constructor(id: string, folder: string, rings: string, cameras: readonly object[]) {
    this.id = id;
    this.folder = folder;
    this.#rings = rings;
    this.#cameras = cameras;
  }

  static async start(id: string, cameras: readonly object[], databaseUrl: string, pageDirectory: string): Promise<Node> {
    const node = new Node(id, await mkdtemp(`${tmpdir()}/ruth-pipe-`), await mkdtemp('/dev/shm/ruth-test-'), cameras);
    await node.startKernel();
    node.server = await startServer({
      host: '127.0.0.1', port: 0, socketDirectory: node.folder, models: [], pageDirectory, adminToken: ADMIN_TOKEN, site: { node: id, caFile: null, pipesFromViewers: 2 }, store: { kind: 'postgres', url: databaseUrl, node: id }, logger: createLogger('server', process.env.RUTH_TEST_LOG ?? 'silent'),
    });
    return node;
  }

  async startKernel(): Promise<void> {
    const child = this.#kernel = spawn(process.execPath, [join(root, 'packages/kernel/src/main.ts'), '-c', '-'], { stdio: ['pipe', process.env.RUTH_TEST_LOG ? 'inherit' : 'ignore', 'inherit'] });
    child.stdin.end(JSON.stringify({ paths: { socket_directory: this.folder, ring_directory: this.#rings }, log_level: process.env.RUTH_TEST_LOG ?? 'error', models: [], cameras: this.#cameras, site: { nats: ['nats://127.0.0.1:9'], node: this.id } }));
    await until(() => askSocket(kernelSocketPath(this.folder), 'GET', '/v1/health').then(({ status }) => status, () => 0), (status) => status === 200, 'the kernel is there');
  }

  async killKernel(): Promise<void> {
    const gone = once(this.#kernel, 'exit');
    this.#kernel.kill('SIGKILL');
    await gone;
  }

  ask(method: string, path: string, headers: Record<string, string> = admin, body?: string): Promise<Response> {
    return fetch(new URL(path, this.server.url), { method, headers: { ...headers, ...(body === undefined ? {} : { 'content-type': path.endsWith('/whep') ? 'application/sdp' : 'application/json' }) }, ...(body === undefined ? {} : { body }) });
  }

  /** 0 where it is not told. */
  async metric(name: string): Promise<number> {
    const text = await (await this.ask('GET', '/metrics')).text();
    return Number(text.split('\n').find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server?.[Symbol.asyncDispose]();
    if (this.#kernel.exitCode === null && this.#kernel.signalCode === null) await this.killKernel();
    for (const path of [this.folder, this.#rings]) await rm(path, { recursive: true, force: true });
  }
}

const SENT = 'ruth_kernel_pipes{direction="sent"}';
const RECEIVED = 'ruth_kernel_pipes{direction="received"}';
const MSE = 'ruth_kernel_camera_viewers{camera="front",kind="mse"}';
const WATCH = 'ruth_kernel_camera_viewers{camera="front",kind="webrtc"}';

test('a camera that many watch at another server comes there once, over a pipe', { skip: noCamera || browserMissing() || noWebRtc() || (programs === null && 'PostgreSQL is missing: apt-get install postgresql'), timeout: 300_000 }, async () => {
  await using stack = new AsyncDisposableStack();
  const clips = stack.use(await Clips.open());
  const camera = stack.use(await RealCamera.start({ front: launch.h264(await clips.make('front.mp4')) }));
  const postgres = stack.use(await startPostgres(programs!));
  const { directory } = await buildPage();
  const north = stack.use(await Node.start('north', [{ id: 'front', url: camera.url('front') }], postgres.url, directory));
  const south = stack.use(await Node.start('south', [], postgres.url, directory));
  const known = { state: 'lives' as const, since: null, recorded: [] as string[] };
  const nodes: SiteView['nodes'] = { north: { ...known, own: ['front'], server_url: north.server.url }, south: { ...known, own: [], server_url: south.server.url } };
  for (const { id, folder } of [north, south]) {
    const fleet = fastify({ forceCloseConnections: true });
    fleet.get('/v1/site', () => ({ revision: 1, node: id, nodes, cameras: {} } satisfies SiteView));
    stack.defer(() => fleet.close());
    await fleet.listen({ path: fleetSocketPath(folder) });
  }
  const browser = await launchBrowser();
  stack.defer(() => browser.close());
  const cookieOf = (response: Response): [string, string] => response.headers.getSetCookie()[0]!.split(';')[0]!.split('=') as [string, string];
  /** Somebody new, who looks at the page of the south. */
  const watch = async (name: string): Promise<{ page: Awaited<ReturnType<typeof browser.newPage>>; headers: Record<string, string> }> => {
    assert.equal((await south.ask('POST', '/api/v1/users', admin, JSON.stringify({ name, role: 'viewer', password: 'for one time only' }))).status, 201);
    const first = await south.ask('POST', '/api/v1/session', {}, JSON.stringify({ name, password: 'for one time only' }));
    const [cookie, value] = cookieOf(first);
    const headers = { cookie: `${cookie}=${value}`, origin: south.server.url };
    assert.equal((await south.ask('PUT', '/api/v1/session/password', headers, JSON.stringify({ next: PASSWORD }))).status, 204);
    const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
    await context.addCookies([{ name: cookie, value, url: south.server.url }]);
    const page = await context.newPage();
    await page.goto(south.server.url);
    return { page, headers };
  };
  const sees = async ({ page }: Awaited<ReturnType<typeof watch>>): Promise<void> => {
    const front = page.locator('[data-camera-id="front"]');
    await front.locator('.path[data-path="webrtc"]').waitFor(WAIT);
    await until(() => front.locator('video').evaluateAll((all) => (all as HTMLVideoElement[]).some(({ srcObject, videoWidth, currentTime }) => srcObject !== null && videoWidth === 320 && currentTime > 0)), Boolean, 'pictures are shown');
  };
  const has = async (node: Node, name: string, wanted: number, what: string): Promise<void> => void await until(() => node.metric(name), (value) => value === wanted, `${what}: ${name}`);

  const anna = await watch('anna');
  await sees(anna);
  await has(north, WATCH, 1, 'who is alone gets it straight from its node');
  assert.equal(await south.metric(RECEIVED), 0);

  const bert = await watch('bert');
  await sees(bert);
  await has(south, 'ruth_kernel_pipe_viewers', 1, 'the second one gets it over a pipe');
  assert.deepEqual([await north.metric(SENT), await south.metric(RECEIVED), await north.metric(WATCH)], [1, 1, 1]);
  if (process.env.RUTH_TEST_PICTURES) await bert.page.screenshot({ path: join(process.env.RUTH_TEST_PICTURES, 'piped.png') });

  // MSE, which is all that H.265 has, goes from node to node once, too.
  const viewers = Array.from({ length: 5 }, () => new WebSocket(`${south.server.url.replace('http', 'ws')}/api/v1/cameras/front/live`, { headers: admin }));
  const firsts = await Promise.all(viewers.map(async (viewer): Promise<[mime: string, begins: boolean]> => {
    const got: (string | Buffer)[] = [];
    viewer.on('message', (data: Buffer, isBinary) => got.push(isBinary ? data : data.toString()));
    await until(() => got.length, (count) => count > 30, 'pictures come');
    return [(JSON.parse(got[0] as string) as LiveInit).mime.slice(0, 23), beginsWithKeyframe(got[2] as Buffer)];
  }));
  assert.deepEqual(firsts, viewers.map(() => ['video/mp4; codecs="avc1', true]));
  assert.deepEqual([await north.metric(MSE), await south.metric('ruth_server_site_mse_viewers')], [1, 5]);
  for (const viewer of viewers) viewer.close();
  await has(north, MSE, 0, 'and goes with the last viewer');

  const whep = await south.ask('POST', '/api/v1/cameras/front/whep', admin, OFFER);
  const session = whep.headers.get('location')!;
  assert.deepEqual([whep.status, session.slice(0, 27)], [201, '/api/v1/cameras/front/whep/']);
  await has(south, 'ruth_kernel_pipe_viewers', 2, 'a player of any make, too');
  assert.equal((await south.ask('DELETE', session)).status, 200);
  await has(south, 'ruth_kernel_pipe_viewers', 1, 'and it goes when it says so');
  assert.equal((await south.ask('DELETE', session)).status, 404);
  assert.ok(await south.metric('ruth_kernel_pipe_bytes_total{direction="received"}') > 10_000);

  // Nobody says where the camera is sent to, but the server of a node of the site.
  for (const receiver of ['south', 'nowhere', 'north']) {
    const socket = new WebSocket(`${north.server.url.replace('http', 'ws')}/api/v1/cameras/front/pipe?receiver=${receiver}&pipe=${randomUUID()}`, { headers: { cookie: bert.headers.cookie! } });
    const [code] = await once(socket, 'close') as [number];
    assert.equal(code, receiver === 'north' ? 4400 : 4404, receiver);
  }
  assert.equal(await north.metric(SENT), 1);

  assert.equal((await north.ask('PATCH', '/api/v1/users/bert', admin, JSON.stringify({ cameras: [] }))).status, 200);
  await has(north, SENT, 0, 'it ends with the permission of who began it');
  await has(south, RECEIVED, 0, 'at both ends');
  await sees(anna);

  const carl = await watch('carl');
  await sees(carl);
  await has(south, 'ruth_kernel_pipe_viewers', 1, 'another one begins another');
  await north.killKernel();
  await has(south, RECEIVED, 0, 'the node that has the camera died');
  await north.startKernel();
  for (const one of [anna, carl]) await sees(one);
  await until(async () => {
    assert.equal((await south.ask('POST', '/api/v1/cameras/front/whep', admin, OFFER)).status, 201);
    return south.metric(RECEIVED);
  }, (pipes) => pipes === 1, 'the next one begins a pipe again');

  await south.killKernel();
  await has(north, SENT, 0, 'nothing stays where who took it died');
});
