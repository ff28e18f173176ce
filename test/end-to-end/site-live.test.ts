// A camera of one node that several people watch at the server of another one: two kernels as processes, two servers, one PostgreSQL, a real camera and real
// browsers. It goes over one pipe from so many viewers on, and when a kernel is killed, or who began it may not see it any more, nothing stays. The fleet processes are stand-ins.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fleetSocketPath, type LiveInit, type SiteView } from '@ruth/protocol';
import { beginsWithKeyframe } from '@ruth/transport';
import { fastify } from 'fastify';
import { WebSocket } from 'ws';
import { Clips, launch, noCamera, RealCamera } from '../../packages/kernel/test/real-camera.ts';
import { until } from '../../packages/kernel/test/test-kernel.ts';
import { noWebRtc } from '../../packages/kernel/test/webrtc-browser.ts';
import { postgresPrograms, startPostgres } from '../../packages/server/test/postgres.ts';
import { browserMissing, buildPage, launchBrowser, WAIT } from '../../packages/web/test/browser.ts';
import { admin, SiteNode } from './site-node.ts';

const programs = postgresPrograms();
const OFFER = [
  'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'm=video 9 UDP/TLS/RTP/SAVPF 109', 'c=IN IP4 0.0.0.0', 'a=ice-ufrag:abcd', 'a=ice-pwd:0123456789abcdef01234567', `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
  'a=setup:actpass', 'a=mid:0', 'a=recvonly', 'a=rtcp-mux', 'a=rtpmap:109 H264/90000', 'a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f', '',
].join('\r\n');

const SENT = 'ruth_kernel_pipes{direction="sent"}';
const RECEIVED = 'ruth_kernel_pipes{direction="received"}';
const MSE = 'ruth_kernel_camera_viewers{camera="front",kind="mse"}';
const WATCH = 'ruth_kernel_camera_viewers{camera="front",kind="webrtc"}';

test('a camera that many watch at another server comes there once, over a pipe', { skip: noCamera || browserMissing() || noWebRtc() || (programs === null && 'PostgreSQL is missing: apt-get install postgresql'), timeout: 300_000 }, async () => {
  await using stack = new AsyncDisposableStack();
  const [camera, postgres, { directory: pageDirectory }, browser] = await Promise.all([
    Clips.open().then(async (opened) => {
      const clips = stack.use(opened);
      return stack.use(await RealCamera.start({ front: launch.h264(await clips.make('front.mp4')), small: launch.h264(await clips.make('small.mp4', { size: '160x120' })) }));
    }),
    startPostgres(programs!).then((started) => stack.use(started)), buildPage(), launchBrowser(),
  ]);
  stack.defer(() => browser.close());
  const start = async (id: string, cameras: readonly object[]): Promise<SiteNode> => stack.use(await SiteNode.start({ id, cameras, databaseUrl: postgres.url, pageDirectory }));
  const [north, south] = await Promise.all([start('north', [{ id: 'front', url: camera.url('front'), detect_url: camera.url('small') }]), start('south', [])]);
  const known = { state: 'lives' as const, since: null, recorded: [] as string[] };
  const door = stack.use(await Door.before(Number(new URL(north.server.url).port)));
  const nodes: SiteView['nodes'] = { north: { ...known, own: ['front'], server_url: door.url }, south: { ...known, own: [], server_url: south.server.url } };
  for (const { id, folder } of [north, south]) {
    const fleet = fastify({ forceCloseConnections: true });
    fleet.get('/v1/site', () => ({ revision: 1, node: id, nodes, cameras: {} } satisfies SiteView));
    stack.defer(() => fleet.close());
    await fleet.listen({ path: fleetSocketPath(folder) });
  }
  /** Somebody new, who looks at the page of the south. */
  const watch = async (name: string): Promise<{ page: Awaited<ReturnType<typeof browser.newPage>>; headers: Record<string, string> }> => {
    const { cookie, headers } = await south.addViewer(name);
    const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
    context.setDefaultTimeout(WAIT.timeout);
    await context.addCookies([cookie]);
    const page = await context.newPage();
    await page.goto(south.server.url);
    return { page, headers };
  };
  const sees = async ({ page }: Awaited<ReturnType<typeof watch>>): Promise<void> => {
    const front = page.locator('[data-camera-id="front"]');
    await front.locator('.path[data-path="webrtc"]').waitFor(WAIT);
    await until(() => front.locator('video').evaluateAll((all) => (all as HTMLVideoElement[]).some(({ srcObject, videoWidth, currentTime }) => srcObject !== null && videoWidth === 320 && currentTime > 0)), Boolean, 'pictures are shown');
  };
  const has = async (node: SiteNode, name: string, wanted: number, what: string): Promise<void> => void await until(() => node.metric(name), (value) => value === wanted, `${what}: ${name}`);

  // The camera's node takes no more viewers: a player is given it over a pipe, and pictures come through.
  door.isFull = true;
  const player = await (await browser.newContext()).newPage();
  await player.goto(`${south.server.url}/api/v1/health`);
  const played = await player.evaluate(play, admin);
  assert.deepEqual([played.status, door.refused], [201, 1], played.body);
  await until(() => player.evaluate(() => window.ruthPlayed()), (frames) => frames > 20, 'the player shows pictures');
  assert.deepEqual([await north.metric(SENT), await north.metric(WATCH), await south.metric('ruth_kernel_pipe_viewers')], [1, 0, 1]);
  assert.equal((await south.ask('DELETE', played.location)).status, 200);
  await player.context().close();
  await has(south, RECEIVED, 0, 'the pipe ends with the player');
  door.isFull = false;

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
  const small = new WebSocket(`${south.server.url.replace('http', 'ws')}/api/v1/cameras/front/live?stream=detect`, { headers: admin });
  const ofSmall: (string | Buffer)[] = [];
  small.on('message', (data: Buffer, isBinary) => ofSmall.push(isBinary ? data : data.toString()));
  await until(() => ofSmall.length, (count) => count > 30, 'pictures of the smaller stream come');
  assert.deepEqual([(JSON.parse(ofSmall[0] as string) as LiveInit).width, beginsWithKeyframe(ofSmall[2] as Buffer)], [160, true]);
  small.close();
  await has(north, MSE, 0, 'and it goes with who watches it');

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

declare global {
  interface Window { /** Pictures that were decoded. */ ruthPlayed: () => Promise<number> }
}

/** Runs in the page: a WHEP player. */
async function play(headers: Record<string, string>): Promise<{ status: number; location: string; body: string }> {
  const connection = new RTCPeerConnection();
  connection.addTransceiver('video', { direction: 'recvonly' });
  await connection.setLocalDescription(await connection.createOffer());
  const answer = await fetch('/api/v1/cameras/front/whep', { method: 'POST', headers: { ...headers, 'content-type': 'application/sdp' }, body: connection.localDescription!.sdp });
  const sdp = await answer.text();
  if (answer.ok) await connection.setRemoteDescription({ type: 'answer', sdp });
  window.ruthPlayed = async () => {
    const report = [...(await connection.getStats()).values() as Iterable<RTCInboundRtpStreamStats>];
    return Math.max(0, ...report.filter(({ type }) => type === 'inbound-rtp').map(({ framesDecoded = 0 }) => framesDecoded));
  };
  return { status: answer.status, location: answer.headers.get('location') ?? '', body: sdp };
}

/** Before a server: lets everything through, but answers players as one does that is full. */
class Door implements Disposable {
  isFull = false;
  refused = 0;
  readonly #server;

  private constructor(toPort: number) {
    this.#server = createServer((from) => {
      const to = connect(toPort, '127.0.0.1');
      from.on('data', (data) => {
        if (!this.isFull || !data.toString('latin1').startsWith('POST /api/v1/cameras/front/whep ')) return to.write(data);
        this.refused++;
        const body = JSON.stringify({ error: '256 watch this camera already', error_code: 'overloaded' });
        from.end(`HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`);
      });
      to.pipe(from);
      for (const [one, other] of [[from, to], [to, from]] as const) one.on('error', () => undefined).on('close', () => other.destroy());
    });
  }

  static async before(toPort: number): Promise<Door> {
    const door = new Door(toPort);
    door.#server.listen(0, '127.0.0.1');
    await once(door.#server, 'listening');
    return door;
  }

  get url(): string { return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; }

  [Symbol.dispose](): void { this.#server.close(); }
}
