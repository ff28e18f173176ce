// Live events, MSE and WHEP of cameras that another node of the site has.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import type { CoreEvent, DetectionEvent, LiveInit, Look } from '@ruth/protocol';
import { WebSocket } from 'ws';
import { admin, type AccessPlace } from './access-place.ts';
import { postgresPrograms } from './postgres.ts';
import { addPeople } from './route-people.ts';
import { SitePlace } from './site-place.ts';
import { look, until } from './stand-ins.ts';

const programs = postgresPrograms();

/** What comes on the WebSocket of events, as far as it is looked at here. */
interface Told { readonly type: string; readonly id?: number; readonly node?: string; readonly error?: string; readonly camera_id?: string; readonly look?: Look }

describe('live of a site', { skip: programs === null && 'PostgreSQL is missing: apt-get install postgresql' }, () => {
  let site: SitePlace;
  let front: AccessPlace;
  let south: AccessPlace;
  let people: Awaited<ReturnType<typeof addPeople>>;

  before(async () => {
    site = await SitePlace.start(programs!);
    ({ front, south } = site);
    people = await addPeople(front);
  });
  after(() => site?.[Symbol.asyncDispose]());

  const seen = (events: readonly Told[]): unknown[] => events.map(({ type, node, look: seenLook, camera_id: cameraId }) => [type, node, seenLook?.camera_id ?? cameraId]);
  const live = async (headers: Record<string, string>, query = ''): Promise<{ socket: WebSocket; told: Told[] }> => {
    const { answer, socket } = await front.upgrade(`/api/v1/live${query}`, headers);
    assert.equal(answer, 'open');
    const told: Told[] = [];
    socket.on('message', (data: Buffer) => told.push(JSON.parse(data.toString()) as Told));
    return { socket, told };
  };
  const isThere = (told: readonly Told[]): boolean => told.some(({ type, node }) => type === 'node.there' && node === 'south');
  const detection = (id: number, cameraId: string): CoreEvent => ({ id, version: 1, at: Date.now() / 1000, type: 'detection', look: look(cameraId, 'detector', id) });
  const cameraUp = (id: number, cameraId: string): CoreEvent => ({ id, version: 1, at: 1, type: 'camera.up', camera_id: cameraId, reason: null });

  it('tells live what other nodes see, to each what they may see, and which node is away', async () => {
    const { headers: yard } = people.get('viewer of the yard')!;
    const [all, some, one] = await Promise.all([live(admin), live(yard), live(admin, '?camera=vault')]);
    await until(() => [all, some, one].every(({ told }) => isThere(told)), 'the south is there');
    await until(() => all.told.some(({ type, node }) => type === 'node.away' && node === 'west'), 'the west is away');
    assert.match(all.told.find(({ node }) => node === 'west')!.error!, /^the node west cannot be asked \(not heard of since 2023-11-14T22:13:20Z\): its server cannot be reached \(ECONNREFUSED\)/);
    assert.ok(!some.told.some(({ node }) => node === 'west'), 'a node of whose cameras they may see none is not asked');
    await until(() => south.core.connections.length > 0 && south.place.server.hub.clientCount === 3, 'the south follows its core, and is followed');
    for (const event of [detection(1, 'yard'), detection(2, 'vault'), cameraUp(3, 'yard'), cameraUp(4, 'vault')]) south.core.publish(event);
    const events = ({ told }: { told: readonly Told[] }): readonly Told[] => told.filter(({ type }) => !type.startsWith('node.'));
    await until(() => events(all).length === 4 && events(some).length === 2 && events(one).length === 2, 'all is told');
    assert.deepEqual(seen(events(all)), [['detection', 'south', 'yard'], ['detection', 'south', 'vault'], ['camera.up', 'south', 'yard'], ['camera.up', 'south', 'vault']]);
    assert.deepEqual(seen(events(some)), [['detection', 'south', 'yard'], ['camera.up', 'south', 'yard']]);
    assert.deepEqual(seen(events(one)), [['detection', 'south', 'vault'], ['camera.up', 'south', 'vault']]);
    // Who comes back gets what came since from there, too.
    for (const { socket } of [all, some, one]) socket.terminate();
    await until(() => south.place.server.hub.clientCount === 0, 'nobody follows any more');
    south.core.publish(cameraUp(5, 'yard'));
    await until(async () => (await front.ask('GET', '/api/v1/events?camera=yard', admin)).text.includes('"id":5'), 'it is stored');
    const back = await live(admin, '?node_after=south:3');
    await until(() => events(back).length === 2, 'it has what came since');
    assert.deepEqual(events(back).map(({ id }) => id), [4, 5]);
    back.socket.terminate();
  });

  it('gives a client that lags fewer looks of another node, the newest, and holds up neither that node nor others', async () => {
    const [slow, quick] = [await live(admin), await live(admin)];
    await until(() => isThere(slow.told) && isThere(quick.told), 'the south is there');
    await until(() => south.place.server.hub.clientCount === 2, 'both are followed');
    slow.socket.pause();
    const superseded = south.place.server.hub.counters.superseded;
    const padding = 'x'.repeat(20_000);
    const last = 1400;
    for (let id = 1000; id <= last; id++) {
      const heard = once(quick.socket, 'message');
      const event = detection(id, 'yard') as DetectionEvent;
      south.core.publish({ ...event, look: { ...event.look, detections: [{ class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0, 0, 1, 1], attributes: { padding } }] } });
      await heard;
    }
    slow.socket.resume();
    const ids = (told: readonly Told[]): number[] => told.flatMap(({ type, id }) => (type === 'detection' && id! >= 1000 ? [id!] : []));
    await until(() => ids(slow.told).at(-1) === last, 'the slow one has the newest', 30_000);
    assert.equal(ids(quick.told).length, last - 999);
    assert.ok(ids(slow.told).length < 200, `${ids(slow.told).length} looks`);
    assert.deepEqual(ids(slow.told), ids(slow.told).toSorted((a, b) => a - b));
    assert.equal(south.place.server.hub.counters.superseded, superseded, 'the node itself is read as fast as it tells');
    slow.socket.terminate();
    quick.socket.terminate();
  });

  it('has MSE of a camera of another node come once, however many watch it, each by their own permission', async () => {
    const south0 = south.mse.length;
    const ofKernel = (): WebSocket[] => south.mse.slice(south0);
    const open = (): number => ofKernel().filter(({ readyState }) => readyState === 1).length;
    const say = (name: string, keyframe: boolean, bytes = 100): void => ofKernel().at(-1)!.send(fragmentNamed(name, keyframe, bytes));
    const metric = async (name: string): Promise<number> => Number(new RegExp(`^ruth_server_site_mse_${name} (.*)$`, 'm').exec((await front.ask('GET', '/metrics', admin)).text)![1]);

    const anna = await watch(await front.add({ name: 'anna', role: 'viewer', cameras: ['yard'] }));
    await until(() => anna.got.length === 2, 'the stream begins');
    const [bert, carl] = [await watch(admin), await watch(people.get('viewer')!.headers)];
    say('k1', true);
    say('p2', false);
    for (const { got } of [anna, bert, carl]) await until(() => got.join(' ') === 'init 1 segment k1 p2', 'everybody gets it');
    const late = await watch(admin);
    await until(() => late.got.join(' ') === 'init 1 segment k1 p2', 'a late one begins at the last keyframe');
    assert.deepEqual([open(), ofKernel().length, await metric('cameras'), await metric('viewers')], [1, 1, 1, 4]);
    assert.equal((await front.upgrade('/api/v1/cameras/yard/live', people.get('viewer of nothing')!.headers)).answer, 403);

    // Who does not read loses pictures up to a keyframe; nobody else does.
    carl.socket.pause();
    for (let picture = 0; picture < 40; picture++) {
      const heard = once(bert.socket, 'message');
      say('p', false, 1 << 20);
      await heard;
    }
    carl.socket.resume();
    await until(() => carl.got.length > 4, 'it reads again');
    await until(async () => {
      // In case that its socket is still full.
      say('k3', true);
      return carl.got.includes('k3');
    }, 'it goes on at a keyframe');
    assert.ok(carl.got.indexOf('k3') < 44, 'it has lost some');
    for (const { got } of [anna, bert, late]) assert.deepEqual(got.slice(4, 45), [...Array<string>(40).fill('p'), 'k3']);
    assert.ok(await metric('pictures_dropped_total') > 0);

    // In whose name it was asked for may not see it any more: others go on, in the name of the next.
    assert.equal((await south.ask('PATCH', '/api/v1/users/anna', admin, { cameras: [] })).status, 200);
    await until(() => anna.closed === 4401, 'she is told, and has to sign in again');
    for (const { got } of [bert, carl, late]) await until(() => got.includes('init 2'), 'the stream begins anew');
    assert.deepEqual([open(), ofKernel().length], [1, 2]);
    say('k4', true);
    for (const { got } of [bert, carl, late]) await until(() => got.at(-1) === 'k4', 'and goes on');

    // What ends it there ends it here, for all.
    ofKernel().at(-1)!.close(1001, 'shutting down');
    for (const one of [bert, carl, late]) await until(() => one.closed === 1001, 'they are told to come back');
    const next = await watch(admin);
    await until(() => next.got.length === 2, 'and have it anew');
    ofKernel().at(-1)!.send(Buffer.from('no fragment'));
    await until(() => next.closed === 4502, 'what is none is not handed on');
    const last = await watch(admin);
    await until(() => last.got.length === 2 && open() === 1, 'another one');
    last.socket.close();
    await until(() => open() === 0, 'nothing stays when nobody watches');
    assert.deepEqual([await metric('cameras'), await metric('viewers'), await metric('failures_total')], [0, 0, 2]);
    const away = await watch(admin, 'shed');
    await until(() => away.closed === 4503, 'a node that is away is told as such');
  });

  it('has the smaller stream of a camera of another node apart from the other one, each once', async () => {
    const before = south.mse.length;
    const begun = async (query: string): Promise<Watching> => {
      const watching = await watch(admin, 'vault', query);
      await until(() => watching.got.length === 2, 'the stream begins');
      return watching;
    };
    const [large, small, second] = [await begun(''), await begun('?stream=detect'), await begun('?stream=detect')];
    assert.deepEqual([large, small, second].map(({ width }) => width), [320, 160, 160]);
    const [ofLarge, ofSmall, ...more] = south.mse.slice(before);
    assert.equal(more.length, 0, 'one for all that watch the same');
    ofLarge!.send(fragmentNamed('L', true, 100));
    ofSmall!.send(fragmentNamed('S', true, 100));
    for (const [{ got }, name] of [[large, 'L'], [small, 'S'], [second, 'S']] as const) await until(() => got.length === 3 && got[2] === name, `it gets ${name} alone`);
    large.socket.close();
    await until(() => ofLarge!.readyState === 3, 'it ends with who watches it');
    ofSmall!.send(fragmentNamed('S2', true, 100));
    for (const { got } of [small, second]) await until(() => got.at(-1) === 'S2', 'the other one goes on');
    for (const { socket } of [small, second]) socket.close();
    await until(() => ofSmall!.readyState === 3, 'nothing stays when nobody watches');
    assert.equal((await front.upgrade('/api/v1/cameras/vault/live?stream=huge', admin)).answer, 400);
  });

  it('takes a camera over a pipe for a WHEP player whom its node is too full for; where there is none, it hands on what that says', async () => {
    const offer = async (camera: string, sdp: string): Promise<[number, string]> => {
      const response = await fetch(`${front.url}/api/v1/cameras/${camera}/whep`, { method: 'POST', headers: { ...admin, 'content-type': 'application/sdp' }, body: sdp });
      return [response.status, await response.text()];
    };
    assert.deepEqual(await offer('yard', 'v=0'), [201, 'v=0']);
    const [status, refusal] = await offer('vault', 'v=0 too late');
    assert.deepEqual([status, JSON.parse(refusal)], [503, { error: '256 watch this camera already', error_code: 'overloaded' }]);
    assert.deepEqual(await offer('yard', 'v=0 too late'), [200, 'something of /v1/piped/yard/whep at nobody']);
    assert.deepEqual(await offer('yard', 'v=0'), [200, 'something of /v1/piped/yard/whep at nobody'], 'and the next ones over the same');
    assert.match((await front.ask('GET', '/metrics', admin)).text, /^ruth_server_site_pipes_opened_total 1$/m);
  });

  interface Watching { readonly socket: WebSocket; readonly got: string[]; closed: number | null; width: number | null }
  const watch = async (headers: Record<string, string>, camera = 'yard', query = ''): Promise<Watching> => {
    // What comes with the answer is seen too.
    const socket = new WebSocket(`${front.url.replace('http', 'ws')}/api/v1/cameras/${camera}/live${query}`, { headers });
    const watching: Watching = { socket, got: [], closed: null, width: null };
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) watching.width = (JSON.parse(data.toString()) as LiveInit).width;
      const named = /moof.*mdat(\w+)\./.exec(data.toString('latin1', 0, 120).replaceAll(/[^ -~]/g, ''))?.[1];
      watching.got.push(isBinary ? named ?? 'segment' : `init ${(JSON.parse(data.toString()) as LiveInit).epoch - (south0Epoch ??= (JSON.parse(data.toString()) as LiveInit).epoch) + 1}`);
    });
    socket.on('close', (code) => { watching.closed = code; });
    await once(socket, 'open');
    return watching;
  };
  let south0Epoch: number | null = null;
  const box = (type: string, ...parts: readonly (string | readonly number[] | Buffer)[]): Buffer => {
    const contents = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part instanceof Buffer ? part : Buffer.from(Uint32Array.from(part).buffer).swap32())));
    return Buffer.concat([Buffer.from(Uint32Array.of(8 + contents.length).buffer).swap32(), Buffer.from(type, 'latin1'), contents]);
  };
  /** Of one picture; its flags stand where the kernel writes them. */
  const fragmentNamed = (name: string, keyframe: boolean, bytes: number): Buffer => Buffer.concat([
    box('moof', box('mfhd', [0, 1]), box('traf', box('tfhd', [0x020000, 1]), box('trun', [0x000f01, 1, 0, 3600, bytes, keyframe ? 0x02000000 : 0x01010000, 0]))), box('mdat', `${name}.`, Buffer.alloc(bytes)),
  ]);
});
