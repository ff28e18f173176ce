// The process as a whole: real rings, real sockets, a real child process; kernel and containers are stand-ins.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { coreSocketPath, CoreEvent, type DescribeResponse, ErrorBody, Look, LookLatencies, ModelStatus, ProcessHealth, RuleTest, SubscriptionStatus, validator } from '@ruth/protocol';
import { answerTo, person } from './mock-endpoint.ts';
import { Place, publish, ringOf, StandInKernel, standInContainer } from './stand-ins.ts';

interface Answer { status: number; body: unknown }

class CoreProcess implements AsyncDisposable {
  readonly socketPath: string;
  readonly #child: ChildProcess;
  readonly exit: Promise<number | null>;

  private constructor(place: Place, child: ChildProcess) {
    this.socketPath = coreSocketPath(place.socketDirectory);
    this.#child = child;
    this.exit = once(child, 'exit').then(([code]) => code as number | null);
  }

  /** Two cameras, a detector and a pose model that follows it. */
  static async start(place: Place): Promise<CoreProcess> {
    const child = spawn(process.execPath, [new URL('../src/main.ts', import.meta.url).pathname, '-c', '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const core = new CoreProcess(place, child);
    child.stdin.end(JSON.stringify({
      paths: { socket_directory: place.socketDirectory, ring_directory: place.ringDirectory, data_directory: place.dataDirectory },
      cameras: [{ id: 'front', url: 'rtsp://user:secret@127.0.0.1/1', zones: [{ id: 'all', polygon: [[0, 0], [1, 0], [1, 1], [0, 1]] }] }, { id: 'back', url: 'rtsp://127.0.0.1/2' }],
      models: [{ id: 'finder' }, { id: 'poser' }],
      subscriptions: [{ camera: '*', model: 'finder', desired_fps: 10 }, { camera: '*', model: 'poser', desired_fps: 10, regions: { model: 'finder' } }],
      rules: [{ id: 'two', camera: 'front', when: 'at least 2 person in zone all then event "two" severity high' }],
    }));
    for await (const line of createInterface(child.stdout)) {
      assert.ok(!line.includes('secret'));
      if (line.includes('"ready"')) break;
    }
    child.stdout.resume();
    return core;
  }

  get(path: string): Promise<Answer> { return this.#ask(path, 'GET'); }

  post(path: string, body: unknown): Promise<Answer> { return this.#ask(path, 'POST', JSON.stringify(body)); }

  #ask(path: string, method: string, body?: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    request({ socketPath: this.socketPath, path, method, headers: body === undefined ? {} : { 'content-type': 'application/json' } }, (response) => void response.toArray().then((chunks) => {
      resolve({ status: response.statusCode!, body: JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as unknown });
    }, reject)).on('error', reject).end(body);
    return promise;
  }

  /** Events from now on, until the caller stops reading. */
  async* events(): AsyncGenerator<CoreEvent> {
    const outgoing = request({ socketPath: this.socketPath, path: '/v1/events', headers: { 'last-event-id': '0' } }).end();
    const [response] = await once(outgoing, 'response') as [IncomingMessage];
    let rest = '';
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line.startsWith('data: ')) yield validator(CoreEvent).parse(JSON.parse(line.slice(6)));
    }
  }

  stop(): void { this.#child.kill('SIGTERM'); }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exit;
  }
}

test('frames of two cameras become looks of two models, each of its own camera, and are told as events', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  const asked: string[] = [];
  await using finder = await standInContainer(place, 'finder', { infer: (message) => answerTo(message, message.camera_id === 'front' ? [person(0.2), person(0.5)] : []) });
  await using _poser = await standInContainer(place, 'poser', { infer: (message) => (asked.push(message.camera_id), answerTo(message, [person(message.config!.roi![0])])) });
  await using core = await CoreProcess.start(place);
  using front = ringOf(place, 'front');
  using back = ringOf(place, 'back');
  await kernel.until(() => kernel.leases.size === 2);

  // Frames come until both models have looked at both cameras.
  let ptsUs = 0;
  const camera = setInterval(() => { for (const ring of [front, back]) publish(ring, ptsUs += 20_000); }, 20);
  const looks = new Map<string, Look>();
  try {
    for await (const event of core.events()) {
      if (event.type === 'detection' && event.look.error === null) looks.set(`${event.look.camera_id} ${event.look.model_id}`, event.look);
      if (looks.size === 4) break;
    }
  } finally {
    clearInterval(camera);
  }
  assert.deepEqual([...looks].map(([key, { detections }]) => `${key} ${detections.length}`).sort(), ['back finder 0', 'back poser 0', 'front finder 2', 'front poser 2']);
  assert.deepEqual(new Set(asked), new Set(['front']), 'where nobody is, nobody\'s pose is asked for');

  const latest = (await core.get('/v1/detections/latest?camera=front')).body as unknown[];
  assert.deepEqual(latest.map((each) => validator(Look).parse(each).model_id).sort(), ['finder', 'poser']);
  const subscriptions = ((await core.get('/v1/subscriptions')).body as unknown[]).map((each) => validator(SubscriptionStatus).parse(each));
  assert.equal(subscriptions.length, 4);
  for (const status of subscriptions) {
    assert.equal(status.due, status.sent + Object.values(status.drops).reduce((sum, count) => sum + count, 0));
    assert.ok(status.due > 0);
  }
  const latencies = validator(LookLatencies).parse((await core.get('/v1/latencies')).body);
  for (const { model_id: modelId, stages } of latencies.models) {
    const answered = subscriptions.filter(({ model_id }) => model_id === modelId).reduce((sum, status) => sum + status.answered, 0);
    for (const { stage, looks } of stages) {
      assert.equal(looks.length, latencies.bounds_ms.length + 1);
      const counted = looks.reduce((sum, count) => sum + count, 0);
      // A look at no region asks no model, and has no stages.
      assert.ok(counted > 0 && counted <= answered + 1, `${modelId} ${stage}: ${counted} of ${answered}`);
    }
    assert.ok(stages.reduce((sum, { sum_ms }) => sum + sum_ms, 0) > 0);
  }
  assert.deepEqual(latencies.models.map((model) => model.model_id).toSorted(), ['finder', 'poser']);
  const models = ((await core.get('/v1/models')).body as unknown[]).map((each) => validator(ModelStatus).parse(each));
  assert.deepEqual(models.map((model) => [model.model_id, model.state]), [['finder', 'up'], ['poser', 'up']]);

  await finder.close();
  for await (const event of core.events()) if (event.type === 'model.down' && event.model_id === 'finder') break;
  core.stop();
  assert.equal(await core.exit, 0);
  assert.equal(kernel.leases.size, 0, 'leases are given back');
});

test('what a detector sees is followed: detections carry the id of their track, events say when tracks start and end, zones are entered, and a rule alerts', async () => {
  await using place = await Place.make();
  await using kernel = await StandInKernel.start(place);
  const describe: DescribeResponse = {
    model_id: 'finder', model_name: 'Finder', model_version: '1', supported_tasks: ['detect'], classes: ['person'], keypoint_names: [], skeleton: [],
    input: { width: 64, height: 64 }, device: 'cpu', versions: {}, limits: { max_concurrency: 1, max_batch: 1 },
  };
  await using _finder = await standInContainer(place, 'finder', { describe, infer: (message) => answerTo(message, [person(0.2), person(0.5)]) });
  await using _poser = await standInContainer(place, 'poser', { infer: (message) => answerTo(message, [person(0.2)]) });
  await using core = await CoreProcess.start(place);
  using front = ringOf(place, 'front');
  await kernel.until(() => kernel.leases.size === 2);

  let ptsUs = 0;
  const camera = setInterval(() => publish(front, ptsUs += 20_000), 20);
  const told = new Map<string, number[]>();
  const alerts: string[] = [];
  let followed: Look | null = null;
  let posed: Look | null = null;
  try {
    for await (const event of core.events()) {
      if (event.type === 'detection' && event.look.error === null) {
        if (event.look.model_id === 'poser') posed = event.look;
        else if (event.look.detections.some(({ track_id }) => track_id != null)) followed = event.look;
      }
      if (event.type.startsWith('track.') && 'track' in event) {
        assert.deepEqual([event.camera_id, event.model_id, event.track.class_name], ['front', 'finder', 'person']);
        told.set(event.type, [...told.get(event.type) ?? [], event.track.id]);
      }
      if (event.type === 'zone.entered' && event.zone === 'all') told.set(event.type, [...told.get(event.type) ?? [], event.track.id]);
      if (event.type === 'alert.raised' || event.type === 'alert.cleared') alerts.push(`${event.type} ${event.event} ${event.severity} ${event.tracks.length}`);
      // Then the camera goes, and with it its tracks.
      if (followed && posed && told.get('track.started')?.length === 2 && alerts.length > 0) kernel.cameraState = 'down';
      if (told.get('track.ended')?.length === 2) break;
    }
  } finally {
    clearInterval(camera);
  }
  assert.deepEqual(['track.started', 'zone.entered', 'track.ended'].map((type) => told.get(type)?.toSorted()), [[1, 2], [1, 2], [1, 2]]);
  assert.deepEqual(alerts, ['alert.raised two high 2', 'alert.cleared two high 2'], 'nobody can look any more, and it is said');
  assert.deepEqual(followed?.detections.map(({ track_id }) => track_id).toSorted(), [1, 2]);
  assert.deepEqual(posed?.detections.map(({ track_id }) => track_id ?? null), [null, null], 'a model that does not detect has no tracks');

  // What was seen is kept, and other rules may be tried on it: nobody hears of that.
  const rules = [{ id: 'one', when: 'at least 1 person in zone all then event "one" severity low' }, { id: 'three', when: 'at least 3 person in zone all' }];
  const tried = validator(RuleTest).parse((await core.post('/v1/cameras/front/rules/test', { rules })).body);
  assert.deepEqual(tried.alerts.map(({ raised, cleared }) => `${raised.rule} ${raised.severity} ${cleared?.reason}`), ['one low could_not_look']);
  const [seen] = tried.models;
  assert.ok(tried.models.length === 1 && seen!.model_id === 'finder' && seen!.looks > 0 && tried.kept_since! > tried.start, 'the pose model reads no bodies, so there is nothing to understand');
  assert.equal(tried.events['track.started'], 2);
  assert.equal(tried.unseen.length, 1, 'before core started');
  const wrong = await core.post('/v1/cameras/front/rules/test', { rules: [{ id: 'x', when: 'person in zone moon' }] });
  assert.deepEqual([wrong.status, validator(ErrorBody).parse(wrong.body).error_code], [400, 'bad_request']);
  assert.equal((await core.post('/v1/cameras/nobody/rules/test', { rules })).status, 404);
});

test('the API says its health and refuses what it cannot answer with a code', async () => {
  await using place = await Place.make();
  await using core = await CoreProcess.start(place);
  const health = await core.get('/v1/health');
  assert.deepEqual([health.status, validator(ProcessHealth).parse(health.body).process], [200, 'core']);
  for (const [path, status, code] of [
    ['/v1/nothing', 404, 'not_found'], ['/v1/detections/latest', 400, 'invalid_id'], ['/v1/detections/latest?camera=../x', 400, 'invalid_id'],
    ['/v1/detections/latest?camera=unknown', 404, 'camera_not_found'], ['/v1/cameras/unknown/scene', 404, 'camera_not_found'],
  ] as const) {
    const answer = await core.get(path);
    assert.deepEqual([answer.status, validator(ErrorBody).parse(answer.body).error_code], [status, code], path);
  }
});

test('the socket is its user\'s alone, and is gone when core ends', async () => {
  await using place = await Place.make();
  await using core = await CoreProcess.start(place);
  assert.equal(statSync(core.socketPath).mode & 0o777, 0o600);
  core.stop();
  assert.equal(await core.exit, 0);
  assert.equal(existsSync(core.socketPath), false);
});
