// The two WebSockets: events fan out without one client slowing another, and the kernel's live view passes byte for byte.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import type { CoreEvent, DetectionEvent, ModelEvent, TrackEvent } from '@ruth/protocol';
import { WebSocket } from 'ws';
import { camera, look, startCore, startKernel, startPlace, until } from './stand-ins.ts';

const quiet = { models: () => [], subscriptions: () => [], latest: () => [] };
const detection = (id: number, modelId = 'detector', padding = ''): DetectionEvent => ({
  id, version: 1, at: Date.now() / 1000, type: 'detection',
  look: look('front', modelId, id, { detections: [{ class_id: 0, class_name: 'person', confidence: 0.9, bbox: [0, 0, 1, 1], attributes: { padding } }] }),
});
const modelUp = (id: number): ModelEvent => ({ id, version: 1, at: 1, type: 'model.up', model_id: 'detector', reason: null });
const trackEvent = (type: TrackEvent['type'], id: number, track: number, className = 'person'): TrackEvent => ({
  id, version: 1, at: 1, type, camera_id: 'front', model_id: 'detector', frame_id: id, captured_at: 1,
  track: { id: track, class_id: 0, class_name: className, confidence: 0.9, bbox: [0, 0, 1, 1], first_seen: 0, last_seen: 1 },
});

const address = (url: string, path: string): string => `${url.replace('http', 'ws')}${path}`;
const opened = async (url: string, path: string, options = {}): Promise<{ socket: WebSocket; events: CoreEvent[] }> => {
  const socket = new WebSocket(address(url, path), options);
  const events: CoreEvent[] = [];
  socket.on('message', (data: Buffer) => events.push(JSON.parse(data.toString()) as CoreEvent));
  await once(socket, 'open');
  return { socket, events };
};

describe('the event WebSocket', () => {
  it('delivers every event to every client, in order', async () => {
    await using place = await startPlace();
    await using core = await startCore(place.directory, quiet);
    const clients = [await opened(place.url, '/api/v1/live'), await opened(place.url, '/api/v1/live')];
    await until(() => core.connections.length === 1 && place.server.hub.clientCount === 2, 'core is followed');
    for (let id = 1; id <= 50; id++) core.publish(id % 10 === 0 ? modelUp(id) : detection(id, `model-${id}`));
    for (const { events } of clients) {
      await until(() => events.length === 50, 'all events are there');
      assert.deepEqual(events.map((event) => event.id), Array.from({ length: 50 }, (_, index) => index + 1));
    }
    for (const { socket } of clients) socket.terminate();
  });

  it('comes back to a core that was away with the last id it saw', async () => {
    await using place = await startPlace();
    const first = await startCore(place.directory, quiet);
    const { socket, events } = await opened(place.url, '/api/v1/live');
    await until(() => first.connections.length === 1 && place.server.hub.clientCount === 1, 'core is followed');
    first.publish(modelUp(41));
    await until(() => events.length === 1, 'the first event is there');
    await first.close();
    await using second = await startCore(place.directory, quiet);
    await until(() => second.connections.length === 1, 'core is followed again');
    assert.deepEqual([first.connections, second.connections], [['0'], ['41']]);
    second.publish(modelUp(42));
    await until(() => events.length === 2, 'the second event is there');
    socket.terminate();
  });

  it('delivers what the kernel tells of recordings beside what core tells, also where both gave an event the same id', async () => {
    await using place = await startPlace();
    await using core = await startCore(place.directory, quiet);
    await using kernel = await startKernel(place.directory, () => []);
    const { socket, events } = await opened(place.url, '/api/v1/live');
    await until(() => core.connections.length === 1 && kernel.connections.length === 1 && place.server.hub.clientCount === 1, 'both are followed');
    core.publish(modelUp(7));
    kernel.publish({ id: 7, version: 1, at: 1, type: 'recording.gap', camera_id: 'front', gap: { start: 1, end: null, cause: 'camera_down', message: 'no answer' } });
    await until(() => events.length === 2, 'both events are there');
    assert.deepEqual(events.map(({ type }) => String(type)).sort(), ['model.up', 'recording.gap']);
    socket.terminate();
  });

  it('gives a client that lags only the newest look of each model, and another client everything', async () => {
    await using place = await startPlace();
    const slow = await opened(place.url, '/api/v1/live');
    const quick = await opened(place.url, '/api/v1/live');
    await until(() => place.server.hub.clientCount === 2, 'both are there');
    slow.socket.pause();
    const padding = 'x'.repeat(20_000);
    const publish = async (event: CoreEvent): Promise<void> => {
      const heard = once(quick.socket, 'message');
      place.server.hub.publish(event, JSON.stringify(event));
      await heard;
    };
    for (let id = 1; id <= 400; id++) await publish(detection(id, id % 2 ? 'odd' : 'even', padding));
    await publish(modelUp(401));
    assert.equal(quick.events.length, 401);
    const { superseded } = place.server.hub.counters;
    assert.ok(superseded > 300, `${superseded} looks gave way to newer ones`);
    slow.socket.resume();
    await until(() => slow.events.at(-1)?.id === 401, 'the slow client caught up');
    const ids = slow.events.map((event) => event.id);
    assert.deepEqual(ids.slice(-3), [399, 400, 401]);
    assert.deepEqual(ids, ids.toSorted((a, b) => a - b));
    assert.equal(ids.length + superseded, 401);
    slow.socket.terminate();
    quick.socket.terminate();
  });

  it('gives a client that lags the newest update of each track, and every start and end', async () => {
    await using place = await startPlace();
    const slow = await opened(place.url, '/api/v1/live');
    const quick = await opened(place.url, '/api/v1/live');
    await until(() => place.server.hub.clientCount === 2, 'both are there');
    slow.socket.pause();
    const publish = async (event: TrackEvent): Promise<void> => {
      const heard = once(quick.socket, 'message');
      place.server.hub.publish(event, JSON.stringify(event));
      await heard;
    };
    for (const track of [1, 2]) await publish(trackEvent('track.started', track, track));
    for (let id = 3; id <= 400; id++) await publish(trackEvent('track.updated', id, 1 + id % 2, 'x'.repeat(20_000)));
    for (const track of [1, 2]) await publish(trackEvent('track.ended', 400 + track, track));
    slow.socket.resume();
    await until(() => slow.events.at(-1)?.id === 402, 'the slow client caught up');
    const ids = slow.events.map((event) => event.id);
    assert.deepEqual([ids.slice(0, 2), ids.slice(-4)], [[1, 2], [399, 400, 401, 402]]);
    assert.equal(ids.length + place.server.hub.counters.superseded, 402);
    slow.socket.terminate();
    quick.socket.terminate();
  });

  it('sends a client that comes back what it missed, each event once, and then what comes', async () => {
    await using place = await startPlace();
    const { hub } = place.server;
    const publish = (event: CoreEvent): void => hub.publish(event, JSON.stringify(event));
    const gap = (id: number) => ({ id, version: 1, at: 1, type: 'recording.gap', camera_id: 'front', gap: { start: 1, end: null, cause: 'camera_down', message: 'no answer' } }) as const;
    for (let id = 1; id <= 5; id++) publish(modelUp(id));
    publish(detection(6));
    publish(trackEvent('track.updated', 7, 1));
    for (const id of [3, 4]) hub.publish(gap(id), JSON.stringify(gap(id)), 'kernel');
    const back = await opened(place.url, '/api/v1/live?core_after=3&kernel_after=3');
    const fresh = await opened(place.url, '/api/v1/live');
    await until(() => hub.clientCount === 2 && back.events.length === 3, 'what was missed is there');
    // The server was away: its source tells some again.
    for (const id of [4, 5, 8]) publish(modelUp(id));
    await until(() => [back, fresh].every(({ events }) => events.at(-1)?.id === 8), 'what is new is there');
    assert.deepEqual(back.events.map(({ type, id }) => `${String(type)} ${id}`), ['model.up 4', 'model.up 5', 'recording.gap 4', 'model.up 8']);
    assert.equal(fresh.events[0]?.id, 4, 'who says nothing of what it had gets what comes');
    for (const { socket } of [back, fresh]) socket.terminate();
    const refused = new WebSocket(address(place.url, '/api/v1/live?core_after=yesterday'));
    const [, response] = await once(refused, 'unexpected-response') as [unknown, { statusCode: number }];
    assert.equal(response.statusCode, 400);
    refused.on('error', () => undefined).terminate();
  });

  it('disconnects a client that lets other events pile up, with a reason', async () => {
    await using place = await startPlace();
    const { socket } = await opened(place.url, '/api/v1/live');
    await until(() => place.server.hub.clientCount === 1, 'the client is there');
    const closed = once(socket, 'close');
    const bulky = { ...modelUp(0), reason: 'x'.repeat(20_000) };
    for (let id = 1; id <= 1400; id++) place.server.hub.publish({ ...bulky, id }, JSON.stringify({ ...bulky, id }));
    const [code, reason] = await closed as [number, Buffer];
    assert.equal(code, 1013);
    assert.match(reason.toString(), /too slowly/);
    assert.equal(place.server.hub.counters.disconnectedSlow, 1);
  });

  it('is for the server\'s own page only', async () => {
    await using place = await startPlace();
    for (const origin of ['http://evil.example', 'null', `${place.url}.evil.example`, 'http://127.0.0.1:1']) {
      const socket = new WebSocket(address(place.url, '/api/v1/live'), { origin });
      const [, response] = await once(socket, 'unexpected-response') as [unknown, { statusCode: number }];
      assert.equal(response.statusCode, 400, origin);
      socket.on('error', () => undefined).terminate();
    }
    const { socket } = await opened(place.url, '/api/v1/live', { origin: place.url });
    socket.terminate();
  });
});

describe('the live WebSocket of a camera', () => {
  it('passes text and bytes both ways unchanged, then the kernel\'s close', async () => {
    await using place = await startPlace();
    const chunks = [Buffer.alloc(0), randomBytes(1), randomBytes(70_000), randomBytes(3_000_000)];
    const heard: string[] = [];
    await using _kernel = await startKernel(place.directory, () => [camera('front')], (socket, id) => {
      socket.send(JSON.stringify({ type: 'init', camera_id: id }));
      for (const chunk of chunks) socket.send(chunk);
      socket.on('message', (data: Buffer) => {
        heard.push(data.toString());
        socket.close(4321, 'the end');
      });
    });
    const socket = new WebSocket(address(place.url, '/api/v1/cameras/front/live'));
    const received: [Buffer, boolean][] = [];
    socket.on('message', (data: Buffer, binary) => received.push([data, binary]));
    await once(socket, 'open');
    await until(() => received.length === 5, 'all messages are there');
    assert.deepEqual(received, [[Buffer.from('{"type":"init","camera_id":"front"}'), false], ...chunks.map((chunk) => [chunk, true])]);
    socket.send('hello');
    const [code, reason] = await once(socket, 'close') as [number, Buffer];
    assert.deepEqual([heard, code, reason.toString()], [['hello'], 4321, 'the end']);
  });

  it('closes with the cause where the camera is unknown, or the kernel is away', async () => {
    await using place = await startPlace();
    const closeOf = async (): Promise<[number, string]> => {
      const [code, reason] = await once(new WebSocket(address(place.url, '/api/v1/cameras/back/live')), 'close') as [number, Buffer];
      return [code, reason.toString().split(':')[0]!];
    };
    assert.deepEqual(await closeOf(), [4503, 'unreachable']);
    await using _kernel = await startKernel(place.directory, () => [camera('front')]);
    assert.deepEqual(await closeOf(), [4404, 'camera_not_found']);
    const bad = new WebSocket(address(place.url, '/api/v1/cameras/a%2F..%2Fb/live'));
    const [, response] = await once(bad, 'unexpected-response') as [unknown, { statusCode: number }];
    assert.equal(response.statusCode, 400);
    bad.on('error', () => undefined).terminate();
  });

  it('lets the kernel feel a page that does not read, holding little itself', async () => {
    await using place = await startPlace();
    let sent = 0;
    let kernelSide: WebSocket | undefined;
    await using _kernel = await startKernel(place.directory, () => [camera('front')], (socket) => { kernelSide = socket; });
    const page = new WebSocket(address(place.url, '/api/v1/cameras/front/live'));
    await once(page, 'open');
    await until(() => kernelSide !== undefined, 'the kernel has a viewer');
    page.pause();
    const chunk = Buffer.alloc(1024 * 1024);
    // With no one reading, only what stands in socket buffers and in the proxy's bounded one can leave the kernel.
    for (; sent < 64; sent++) kernelSide!.send(chunk);
    await until(() => kernelSide!.bufferedAmount > 0 && kernelSide!.bufferedAmount < 64 * chunk.length, 'the pressure is felt');
    let received = 0;
    page.on('message', (data: Buffer) => { received += data.length; });
    page.resume();
    await until(() => received === sent * chunk.length, 'all bytes are there');
    page.terminate();
  });

  it('ends the kernel\'s side when the page goes away', async () => {
    await using place = await startPlace();
    const { promise, resolve } = Promise.withResolvers<void>();
    await using _kernel = await startKernel(place.directory, () => [camera('front')], (socket) => { socket.on('close', () => resolve()); });
    const page = new WebSocket(address(place.url, '/api/v1/cameras/front/live'));
    await once(page, 'open');
    page.terminate();
    await promise;
  });
});
