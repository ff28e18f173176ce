// The HTTP API over stand-in kernel and core: what it passes on, what it keeps back, and what it says when a part is away.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { CameraStatus, ErrorBody, Look, ModelStatus, SystemHealth } from '@ruth/protocol';
import { camera, look, model, startCore, startKernel, startPlace, startSupervisor, subscription, until } from './stand-ins.ts';

const get = async <T>(url: string): Promise<{ status: number; body: T }> => {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() as T };
};
const scene = { zones: [{ id: 'door', polygon: [[0, 0], [1, 0], [1, 1]] as [number, number][] }] };
const core = { scene: () => scene, models: () => [model('detector')], subscriptions: () => [subscription('front', 'detector')], latest: (id: string) => (id === 'front' ? [look('front', 'detector', 7)] : null) };

describe('the HTTP API', () => {
  it('passes on cameras, models, subscriptions and latest detections', async () => {
    await using place = await startPlace({ models: ['detector'] });
    await using _kernel = await startKernel(place.directory, () => [camera('front')]);
    await using _core = await startCore(place.directory, core);
    assert.deepEqual((await get(`${place.url}/api/v1/cameras`)).body, [camera('front')]);
    assert.deepEqual((await get(`${place.url}/api/v1/models`)).body, [model('detector')]);
    assert.deepEqual((await get(`${place.url}/api/v1/subscriptions`)).body, [subscription('front', 'detector')]);
    assert.deepEqual((await get<Look[]>(`${place.url}/api/v1/detections/latest?camera=front`)).body, [look('front', 'detector', 7)]);
    assert.deepEqual((await get(`${place.url}/api/v1/cameras/front/scene`)).body, scene);
    assert.equal((await get<SystemHealth>(`${place.url}/api/v1/health`)).body.status, 'ok');
  });

  it('passes on what the supervisor says of its processes, and that there is none', async () => {
    await using place = await startPlace();
    assert.deepEqual((await get<ErrorBody>(`${place.url}/api/v1/processes`)).body.error_code, 'unreachable');
    const kernel = { name: 'kernel', state: 'ready', pid: 7, since: 1, reason: null, restarts: 1, ends: [{ at: 1, reason: 'killed by SIGKILL' }], resident_bytes: 1e8, cpu_s: 2 } as const;
    await using _supervisor = await startSupervisor(place.directory, () => [{ ...kernel, ends: [...kernel.ends] }]);
    await until(async () => (await get(`${place.url}/api/v1/processes`)).status === 200, 'the supervisor is found');
    assert.deepEqual((await get(`${place.url}/api/v1/processes`)).body, [kernel]);
  });

  it('says in the health why a model is away, as its supervisor knows it', async () => {
    await using place = await startPlace({ models: ['detector'] });
    await using _kernel = await startKernel(place.directory, () => [camera('front')]);
    const away = model('detector', { state: 'down', last_error: { code: 'unreachable', message: 'nothing answers', at: 1 } });
    await using _core = await startCore(place.directory, { ...core, models: () => [away] });
    const told = async () => (await get<SystemHealth>(`${place.url}/api/v1/health`)).body.models![0]!;
    assert.deepEqual(await told(), { model_id: 'detector', state: 'down', error: 'nothing answers' }, 'without a supervisor it is what core knows');
    await using _supervisor = await startSupervisor(place.directory, () => [{ name: 'container detector', state: 'crash_loop', pid: null, since: 1, reason: 'it is no ONNX file', restarts: 1, ends: [], resident_bytes: null, cpu_s: null }]);
    await until(async () => (await told()).error === 'it is no ONNX file', 'the supervisor is asked');
  });

  it('never shows a camera\'s credentials, even where the kernel would', async () => {
    await using place = await startPlace();
    const leaky = camera('front', { url: 'rtsp://user:secret@host/s', last_error: { code: 'camera_unreachable', message: 'rtsp://user:secret@host/s refused', at: 1 } });
    await using _kernel = await startKernel(place.directory, () => [leaky]);
    const { body } = await get<CameraStatus[]>(`${place.url}/api/v1/cameras`);
    assert.equal(body[0]?.url, 'rtsp://***@host/s');
    assert.doesNotMatch(JSON.stringify(body), /secret/);
  });

  it('answers 503 with a body from the table while kernel and core are away, and recovers by itself', async () => {
    await using place = await startPlace({ models: ['detector'] });
    for (const path of ['cameras', 'models', 'subscriptions', 'detections/latest?camera=front']) {
      const { status, body } = await get<ErrorBody>(`${place.url}/api/v1/${path}`);
      assert.equal(status, 503, path);
      assert.equal(body.error_code, 'unreachable');
      assert.ok(body.advice);
    }
    const { status, body } = await get<SystemHealth>(`${place.url}/api/v1/health`);
    assert.equal(status, 200);
    assert.deepEqual([body.status, body.kernel.status, body.core.status, body.models], ['degraded', 'unreachable', 'unreachable', null]);
    await using _kernel = await startKernel(place.directory, () => [camera('front')]);
    assert.equal((await get(`${place.url}/api/v1/cameras`)).status, 200);
  });

  it('is degraded while a model is away that core misses, and not for one that was switched off', async () => {
    await using place = await startPlace({ models: ['detector', 'switched-off'] });
    await using _kernel = await startKernel(place.directory, () => []);
    let away: ModelStatus[] = [{ ...model('pose'), state: 'down' }];
    await using _core = await startCore(place.directory, { ...core, models: () => [model('detector'), ...away] });
    const look = async () => {
      const { body } = await get<SystemHealth>(`${place.url}/api/v1/health`);
      return [body.status, body.models?.map((found) => [found.model_id, found.state])];
    };
    assert.deepEqual(await look(), ['degraded', [['detector', 'up'], ['pose', 'down']]]);
    away = [];
    assert.deepEqual(await look(), ['ok', [['detector', 'up']]]);
  });

  it('is degraded while the disk of the recordings takes nothing, and tells why to whoever may know', async () => {
    await using place = await startPlace({ models: ['detector'] });
    await using kernel = await startKernel(place.directory, () => []);
    await using _core = await startCore(place.directory, core);
    for (const [state, status] of [['ok', 'ok'], ['nearly_full', 'ok'], ['full', 'degraded'], ['failing', 'degraded'], ['off', 'ok']] as const) {
      Object.assign(kernel.storage, { state, message: 'the disk says why' });
      const { body } = await get<SystemHealth>(`${place.url}/api/v1/health`);
      assert.deepEqual([body.status, body.recording], [status, { state, message: 'the disk says why', since: 1_700_000_000 }]);
    }
  });

  it('answers bad camera ids, unknown cameras and unknown addresses with errors from the table', async () => {
    await using place = await startPlace();
    await using _core = await startCore(place.directory, core);
    for (const [path, status, code] of [
      ['detections/latest', 400, 'bad_request'], ['detections/latest?camera=../etc/passwd', 400, 'bad_request'],
      ['detections/latest?camera=back', 404, 'camera_not_found'], ['nothing', 404, 'not_found'],
    ] as const) {
      const answer = await get<ErrorBody>(`${place.url}/api/v1/${path}`);
      assert.deepEqual([answer.status, answer.body.error_code], [status, code], path);
    }
  });

  it('treats an answer against the contract as an error, not as data', async () => {
    await using place = await startPlace();
    await using _kernel = await startKernel(place.directory, () => [{ nonsense: true } as unknown as CameraStatus]);
    const { status, body } = await get<ErrorBody>(`${place.url}/api/v1/cameras`);
    assert.deepEqual([status, body.error_code], [500, 'internal']);
  });
});

describe('the page', () => {
  it('is served with its hashed assets, and nothing outside its folder is', async () => {
    await using place = await startPlace();
    mkdirSync(`${place.directory}/assets`);
    writeFileSync(`${place.directory}/index.html`, '<p>page</p>');
    writeFileSync(`${place.directory}/assets/a-1.js`, '1');
    writeFileSync(`${place.directory}/secret.txt`, 'secret');
    const page = await fetch(`${place.url}/`);
    assert.equal(await page.text(), '<p>page</p>');
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
    assert.match((await fetch(`${place.url}/assets/a-1.js`)).headers.get('cache-control') ?? '', /immutable/);
    for (const path of ['/secret.txt', '/assets/../secret.txt', '/assets/..%2fsecret.txt', '/assets/%2e%2e/secret.txt', '/assets/none.js']) {
      assert.notEqual((await fetch(`${place.url}${path}`)).status, 200, path);
    }
  });

  it('says how to build it where it is not built', async () => {
    await using place = await startPlace({ pageDirectory: '/nowhere/at-all' });
    assert.match(await (await fetch(place.url)).text(), /npm run build -w packages\/web/);
  });
});

describe('a server on loopback', () => {
  it('refuses a Host header that names anything but loopback', async () => {
    await using place = await startPlace();
    const { port } = new URL(place.url);
    const ask = (host: string): Promise<number> => new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path: '/api/v1/health', headers: { host } }, (response) => { response.resume(); resolve(response.statusCode ?? 0); }).on('error', reject).end();
    });
    for (const host of ['localhost', `127.0.0.1:${port}`, '[::1]:1', 'localhost:9']) assert.equal(await ask(host), 200, host);
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'a b', '10.0.0.1']) assert.equal(await ask(host), 400, host);
  });

  it('says so plainly where its port is taken', async () => {
    await using place = await startPlace();
    const { startServer } = await import('@ruth/server');
    const { createLogger } = await import('@ruth/transport');
    const options = { host: '127.0.0.1', port: Number(new URL(place.url).port), socketDirectory: place.directory, models: [], pageDirectory: place.directory, store: { kind: 'sqlite' as const, file: `${place.directory}/ruth.sqlite` }, logger: createLogger('server', 'fatal') };
    await assert.rejects(startServer(options), { code: 'socket_in_use', message: /RUTH_HTTP_PORT/ });
  });

  it('reads from a kernel that appears and disappears', async () => {
    await using place = await startPlace();
    for (let round = 0; round < 3; round++) {
      const kernel = await startKernel(place.directory, () => [camera('front')]);
      await until(async () => (await get(`${place.url}/api/v1/cameras`)).status === 200, 'cameras are listed');
      await kernel.close();
      assert.equal((await get(`${place.url}/api/v1/cameras`)).status, 503);
    }
  });
});
