import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { DiscoveredDevice, validator, type CameraConfig } from '@ruth/protocol';
import { OnvifStandIn } from './onvif-stand-in.ts';
import { ask, TestKernel, until } from './test-kernel.ts';

const credentials = { user: 'joe', password: 's3cret' };

async function discover(request: object): Promise<{ devices?: DiscoveredDevice[]; error?: string; error_code?: string }> {
  const child = spawn(process.execPath, [new URL('../src/onvif/discover-main.ts', import.meta.url).pathname], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify({ timeout_ms: 1500, interface: 'lo', credentials: null, ...request }));
  return JSON.parse(await text(child.stdout)) as Awaited<ReturnType<typeof discover>>;
}

const found = (answer: Awaited<ReturnType<typeof discover>>, device: OnvifStandIn): DiscoveredDevice => {
  const one = answer.devices?.find(({ onvif_url: url }) => url === device.url);
  assert.ok(one, `${device.url} is not in ${JSON.stringify(answer)}`);
  assert.deepEqual(validator(DiscoveredDevice).violations(one), []);
  return one;
};

test('a device in the network is found, and with credentials tells its streams, the largest first', async () => {
  await using device = await OnvifStandIn.start(credentials);
  const plain = found(await discover({}), device);
  assert.deepEqual([plain.address, plain.name, plain.hardware, plain.location, plain.streams], ['127.0.0.1', 'Gate camera', 'STAND-IN', 'yard', null]);
  assert.equal(device.refused, 0);

  const answer = await discover({ credentials });
  assert.deepEqual(found(answer, device).streams, [
    { profile: 'main stream', url: 'rtsp://127.0.0.1:8554/main', codec: 'H264', width: 2560, height: 1440, fps: 25, ptz: true },
    { profile: 'sub stream', url: 'rtsp://127.0.0.1:8554/sub', codec: 'H264', width: 640, height: 360, fps: 25, ptz: true },
  ]);
  assert.doesNotMatch(JSON.stringify(answer), /s3cret|leaked/);
});

test('wrong credentials, nonsense and an interface that is none are said, and end nothing', async () => {
  await using device = await OnvifStandIn.start(credentials);
  assert.equal(found(await discover({ credentials: { user: 'joe', password: 'wrong' } }), device).error, 'the device refuses these credentials');
  assert.ok(device.refused > 0);
  assert.equal((await discover({ interface: 'nothing0' })).error_code, 'bad_request');
  device.nonsense = true;
  const strange = found(await discover({ credentials }), device);
  assert.equal(strange.streams, null);
  assert.ok(strange.error);
});

test('no device is asked where no camera may be, whatever it announces, and none that sends elsewhere is followed', async () => {
  await using device = await OnvifStandIn.start(credentials);
  // Cameras announce an address that they gave themselves beside the one that they were given.
  device.addresses = ['http://169.254.7.7/onvif/device_service'];
  device.mainStream = 'rtsp://169.254.169.254/main';
  const judged = found(await discover({ credentials }), device);
  assert.deepEqual([judged.streams?.map(({ profile }) => profile), judged.error?.startsWith('the stream main stream: 169.254.169.254 is link-local')], [['sub stream'], true], judged.error ?? '');
  const asked = device.requests;
  device.addresses = [];

  const outside = found(await discover({ credentials, addresses: { only: ['192.168.20.0/24'] } }), device);
  assert.deepEqual([outside.streams, /127\.0\.0\.1 is not in camera_addresses\.only/.test(outside.error!)], [null, true]);
  assert.equal(device.requests, asked, 'it is named, and not asked');

  let followed = 0;
  const elsewhere = createServer((_, response) => { followed++; response.end(); }).listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  device.elsewhere = `http://127.0.0.1:${(elsewhere.address() as { port: number }).port}/onvif/device_service`;
  const moved = found(await discover({ credentials, addresses: { only: ['127.0.0.1'] } }), device);
  elsewhere.close();
  assert.deepEqual([moved.streams, followed, device.requests > asked], [null, 0, true]);
  assert.ok(moved.error);
});

test('a camera is not turned where none may be', async () => {
  await using device = await OnvifStandIn.start(credentials);
  await using kernel = await TestKernel.start([], undefined, { camera_addresses: { only: ['192.168.20.0/24'] } });
  await kernel.kernel.putCamera(camera(device));
  const { status, body } = await ask(kernel.kernel.socketPath, 'POST', '/v1/cameras/gate/ptz', { stop: true });
  assert.deepEqual([status, body.error_code, device.requests], [403, 'forbidden', 0]);
});

const camera = (device: OnvifStandIn, over: Partial<CameraConfig> = {}): CameraConfig => ({ id: 'gate', url: 'rtsp://joe:s3cret@127.0.0.1:9/1', onvif: { url: device.url }, ...over });

test('a camera is turned, stops by itself, and goes to its presets', async () => {
  await using device = await OnvifStandIn.start(credentials);
  await using kernel = await TestKernel.start([]);
  const { socketPath } = kernel.kernel;
  await kernel.kernel.putCamera(camera(device));
  const turn = (body: unknown): ReturnType<typeof ask> => ask(socketPath, 'POST', '/v1/cameras/gate/ptz', body);

  assert.equal((await turn({ pan: 0.5, tilt: -0.25, timeout_ms: 200 })).status, 204);
  const [move] = device.turned;
  assert.match(move!.body, /<ContinuousMove[^]*x="0.5" y="-0.25"[^]*<Timeout>PT0.2S<\/Timeout>/);
  await until(() => device.turned.map(({ name }) => name), (names) => names.includes('Stop'), 'the movement ends');
  assert.equal((await turn({ preset: '2' })).status, 204);
  assert.match(device.turned.at(-1)!.body, /<PresetToken>2</);
  assert.equal((await turn({ stop: true })).status, 204);
  assert.equal(device.turned.at(-1)!.name, 'Stop');
  assert.deepEqual((await ask(socketPath, 'GET', '/v1/cameras/gate/ptz')).body, { presets: [{ token: '1', name: 'gate' }, { token: '2', name: 'yard' }] });
});

test('a movement ends when the kernel does', async () => {
  await using device = await OnvifStandIn.start(credentials);
  {
    await using kernel = await TestKernel.start([]);
    await kernel.kernel.putCamera(camera(device));
    await kernel.kernel.turnCamera('gate', { zoom: 1, timeout_ms: 10_000 });
  }
  assert.deepEqual(device.turned.map(({ name }) => name), ['ContinuousMove', 'Stop']);
});

test('what cannot be turned says why, and a device that answers nonsense harms nothing else', async () => {
  await using device = await OnvifStandIn.start(credentials);
  await using kernel = await TestKernel.start([{ id: 'fixed', url: 'rtsp://127.0.0.1:9/1' }]);
  const turn = async (id: string, body: unknown): Promise<unknown> => (await ask(kernel.kernel.socketPath, 'POST', `/v1/cameras/${id}/ptz`, body)).body.error_code;
  assert.equal(await turn('fixed', { stop: true }), 'invalid_state');
  assert.equal(await turn('none', { stop: true }), 'camera_not_found');
  await kernel.kernel.putCamera(camera(device, { onvif: { url: device.url, user: 'joe', password: 'wrong' } }));
  for (const body of [{}, { pan: 2 }, { preset: '<x/>' }, { pan: 0.1, timeout_ms: 1e9 }]) assert.equal(await turn('gate', body), 'bad_request');
  assert.equal(await turn('gate', { stop: true }), 'camera_unauthorized');
  await kernel.kernel.putCamera(camera(device));
  device.nonsense = true;
  assert.match(String(await turn('gate', { stop: true })), /^camera_/);
  device.nonsense = false;
  assert.equal(await turn('gate', { stop: true }), undefined, 'and when it has come to itself it is turned');
});
