// One scrape of a whole node: real kernel, core and server; the container is a stand-in on a real socket.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Core, createHttp, KernelClient } from '@ruth/core';
import { Kernel } from '@ruth/kernel';
import { coreSocketPath, kernelSocketPath, modelSocketPath, parseSettings, type HealthResponse } from '@ruth/protocol';
import { startServer } from '@ruth/server';
import { createLogger, IpcServer, listenOnSocket } from '@ruth/transport';
import { everyone } from '../../server/test/stand-ins.ts';

const folder = mkdtempSync(join(tmpdir(), 'ruth-met-'));
const rings = mkdtempSync('/dev/shm/ruth-test-');
after(() => { for (const path of [folder, rings]) rmSync(path, { recursive: true, force: true }); });

const health: HealthResponse = {
  model_id: 'finder', status: 'ready', last_canary_age_ms: 1500, uptime_ms: 60_000,
  counters: { requests: 7, answered: 5, failed: 2, failed_frame_overwritten: 2, canaries: 1, canary_failures: 0, running: 1, queued: 0, sessions_replaced: 0, connections: 2, process_cpu_ms: 2500, process_resident_bytes: 1e8 },
};

/** So that there is something to say of them. */
const OUTWARD = { mqtt: { url: 'mqtt://127.0.0.1:9' }, notifications: { webhooks: [{ id: 'crm', url: 'http://192.0.2.1/', secret: { env: 'RUTH_TEST_NOTHING' }, hears: [{ types: ['never'] }] }] } };

test('one scrape tells of every part of the node, docs/metrics.md lists each metric, and a part that is away is 0 and no error', async () => {
  const settings = parseSettings(JSON.stringify({
    paths: { socket_directory: folder, ring_directory: rings }, live: { webrtc: { active: false } }, models: [{ id: 'finder' }, { id: 'absent' }],
    cameras: [{ id: 'front', url: 'rtsp://joe:s3cret@127.0.0.1:9/1' }], subscriptions: [{ camera: 'front', model: 'finder', desired_fps: 5 }],
  }), 'test');
  const logger = createLogger('test', 'silent');
  const stop = new AbortController();
  await using resources = new AsyncDisposableStack();
  const kernel = resources.use(await Kernel.start({ settings, logger }));
  const client = resources.use(new KernelClient(kernelSocketPath(folder)));
  const core = resources.use(new Core({ settings, kernel: client, logger }));
  const app = resources.use(createHttp(core, stop.signal));
  await app.ready();
  await listenOnSocket(app.server, coreSocketPath(folder));
  core.start();
  resources.adopt(await IpcServer.listen(modelSocketPath('finder', folder), {
    handle: async () => health, refuse: (error) => ({ error: error.message }),
  }), (server) => server.close());
  const server = resources.use(await startServer({ host: '127.0.0.1', port: 0, socketDirectory: folder, models: settings.models.map(({ id }) => id), pageDirectory: folder, identify: async () => everyone, ...OUTWARD, store: { kind: 'sqlite', file: `${folder}/ruth.sqlite` }, logger }));
  const scrape = async (): Promise<string> => {
    const response = await fetch(`${server.url}/metrics`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type')!, /^text\/plain/);
    return response.text();
  };

  const text = await scrape();
  for (const line of [
    'ruth_up{part="kernel"} 1', 'ruth_up{part="core"} 1', 'ruth_up{part="container",model="finder"} 1', 'ruth_up{part="container",model="absent"} 0',
    'ruth_kernel_cameras 1', 'ruth_kernel_camera_state{camera="front",state="streaming"} 0',
    'ruth_kernel_camera_viewers{camera="front",kind="webrtc"} 0', 'ruth_kernel_storage_state{state="off"} 1', 'ruth_kernel_camera_recording_gaps_total{camera="front",cause="disk_full"} 0',
    'ruth_core_subscription_desired_looks_per_second{camera="front",model="finder"} 5', 'ruth_core_subscription_drops_total{camera="front",model="finder",cause="busy"} 0',
    'ruth_core_look_stage_seconds_bucket{model="finder",stage="inferred",le="0.025"} 0', 'ruth_core_look_stage_seconds_count{model="finder",stage="emitted"} 0',
    'ruth_container_requests_total{model="finder"} 7', 'ruth_container_failed_total{model="finder",code="frame_overwritten"} 2', 'ruth_container_process_cpu_seconds_total{model="finder"} 2.5',
    'ruth_container_last_success_age_seconds{model="finder"} 1.5', 'ruth_server_pages 0',
  ]) assert.ok(text.split('\n').includes(line), `${line} is not in\n${text}`);
  // Whether core's lease is there already is a matter of luck.
  assert.match(text, /^ruth_kernel_camera_decode_level\{camera="front",level="none"\} [01]$/m);
  assert.doesNotMatch(text, /s3cret|joe/);
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => ({ name: name!, type: type! }));
  assert.equal(new Set(types.map(({ name }) => name)).size, types.length, 'no metric stands there twice');
  for (const { name, type } of types) assert.equal(name.endsWith('_total'), type === 'counter', name);

  const documented = [...readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8').matchAll(/^\| `(ruth_\w+)` \| (\w+) \|/gm)].map(([, name, type]) => `${name} ${type}`);
  // Those of an outbox: packages/server/test/site-events.test.ts; of a copier: packages/copier/test/copier.test.ts.
  assert.deepEqual(documented.filter((line) => !/^ruth_(outbox|copier)_/.test(line)).toSorted(), types.map(({ name, type }) => `${name} ${type}`).toSorted());

  const [again, twice] = await Promise.all([scrape(), scrape()]);
  assert.ok(again.includes('ruth_container_requests_total{model="finder"} 7') && twice.includes('ruth_container_requests_total{model="finder"} 7'), 'counters do not grow by being read');

  await kernel.removeCamera('front');
  assert.doesNotMatch(await scrape(), /ruth_kernel_camera_\w+\{camera="front"/);
  await kernel.close();
  const without = await scrape();
  assert.match(without, /ruth_up\{part="kernel"\} 0\n/);
  assert.doesNotMatch(without, /ruth_kernel_/);
  assert.match(without, /ruth_core_model_up/);
});
