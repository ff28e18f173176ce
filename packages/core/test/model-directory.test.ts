import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { modelSocketPath, ModelStatus, validator, type DescribeResponse, type HealthResponse, type ModelEvent } from '@ruth/protocol';
import { ModelDirectory, systemClock } from '../src/index.ts';
import { answerTo, frameOf } from './mock-endpoint.ts';
import { Place, silent, standInContainer } from './stand-ins.ts';

const modelStatus = validator(ModelStatus);
const description = (modelId: string, classes: string[]): DescribeResponse => ({
  model_id: modelId, model_name: 'Finder', model_version: '1', supported_tasks: ['detect'], classes, keypoint_names: [], skeleton: [],
  input: { width: 64, height: 64 }, device: 'cpu', versions: {}, limits: { max_concurrency: 1, max_batch: 1 },
});
const health = (modelId: string, status: HealthResponse['status'] = 'ready'): HealthResponse => ({ model_id: modelId, status, last_canary_age_ms: 10, uptime_ms: 1000, counters: {} });

function finding(place: Place, modelIds: string[] = [], startLimitMs = 0) {
  const stop = new AbortController();
  const events: Pick<ModelEvent, 'type' | 'model_id' | 'reason'>[] = [];
  let changed = Promise.withResolvers<void>();
  const found: string[] = [];
  const directory = new ModelDirectory({
    socketDirectory: place.socketDirectory, modelIds, maxConnections: 2, clock: systemClock, startLimitMs, logger: silent, onFound: (modelId) => found.push(modelId),
    onChange: (event) => {
      events.push(event);
      changed.resolve();
      changed = Promise.withResolvers();
    },
  });
  const running = directory.run(stop.signal);
  return {
    directory, events, found,
    /** The event number `count`, counted from 1. */
    async event(count: number) {
      while (events.length < count) await changed.promise;
      return events[count - 1]!;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

test('a container is found by its socket, described, and can be asked; when it ends it is down, with the reason', async () => {
  await using place = await Place.make();
  await using found = finding(place);
  const container = await standInContainer(place, 'finder', { describe: description('finder', ['person']), health: health('finder') });
  assert.deepEqual(await found.event(1), { type: 'model.up', model_id: 'finder', reason: null });
  const [status] = found.directory.statuses().map((each) => modelStatus.parse(each));
  assert.deepEqual([status?.state, status?.model_name, status?.classes, status?.last_error], ['up', 'Finder', ['person'], null]);
  const frame = frameOf('front', 3);
  const request = { frame_reference: frame.frameReference, frame_metadata: { frame_id: 3 }, camera_id: 'front', model_id: 'finder' };
  const answer = await found.directory.access('finder').endpoint!.request(request, { timeoutMs: 2000, signal: new AbortController().signal });
  assert.deepEqual(answer, answerTo(request));
  await container.close();
  const down = await found.event(2);
  assert.equal(down.type, 'model.down');
  assert.match(down.reason!, /no container answers/);
  assert.equal(found.directory.access('finder').endpoint, null);
  assert.equal(found.directory.statuses()[0]?.last_error?.code, 'unreachable');
});

test('a socket that a killed process left behind is no model, until somebody listens there', async () => {
  await using place = await Place.make();
  const socket = modelSocketPath('finder', place.socketDirectory);
  const killed = spawn(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(socket)}, () => console.log('listens'))`], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(killed.stdout, 'data');
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  assert.ok(existsSync(socket), 'it left its socket behind');
  await using found = finding(place, ['other']);
  assert.deepEqual((await found.event(1)).model_id, 'other');
  while (!found.directory.whyDown('finder')?.includes('no container answers')) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual([found.directory.knows('finder'), found.directory.statuses().map(({ model_id }) => model_id), found.found], [false, ['other'], []]);
  rmSync(socket);
  await using _container = await standInContainer(place, 'finder', { describe: description('finder', []), health: health('finder') });
  assert.deepEqual(await found.event(2), { type: 'model.up', model_id: 'finder', reason: null });
  assert.deepEqual([found.directory.knows('finder'), found.found], [true, ['finder']]);
});

test('a model that the settings name is down until its container comes', async () => {
  await using place = await Place.make();
  await using found = finding(place, ['finder']);
  assert.equal((await found.event(1)).type, 'model.down');
  await using _container = await standInContainer(place, 'finder', { describe: description('finder', []), health: health('finder') });
  assert.equal((await found.event(2)).type, 'model.up');
});

test('a container that is on its way as core starts is no outage: it is down, and nobody is told so before it has had its time', async () => {
  await using place = await Place.make();
  await using found = finding(place, ['finder'], 600_000);
  while (found.directory.statuses()[0]?.last_error == null) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual([found.events, found.directory.statuses()[0]!.state], [[], 'down']);
  assert.match(found.directory.whyDown('finder')!, /no container answers/);
  await using _container = await standInContainer(place, 'finder', { describe: description('finder', []), health: health('finder') });
  assert.deepEqual(await found.event(1), { type: 'model.up', model_id: 'finder', reason: null });
});

test('a model that is switched off is no outage, and is missed again once it is switched on', async () => {
  await using place = await Place.make();
  await using found = finding(place, ['finder', 'never']);
  assert.equal((await found.event(2)).type, 'model.down');
  const container = await standInContainer(place, 'finder', { describe: description('finder', ['person']), health: health('finder') });
  assert.equal((await found.event(3)).type, 'model.up');
  found.directory.switchOff('finder');
  found.directory.switchOff('never');
  // It serves until it ends.
  assert.deepEqual(found.directory.statuses().map(({ model_id, state }) => [model_id, state]), [['finder', 'up']]);
  await container.close();
  while (found.directory.statuses().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual([found.directory.whyDown('finder'), found.directory.knows('finder'), found.directory.access('finder').endpoint], ['it is switched off', true, null]);
  {
    // What answers there meanwhile is none of core's models.
    await using _stray = await standInContainer(place, 'finder', { describe: description('finder', []), health: health('finder') });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual([found.directory.statuses(), found.events.length], [[], 3]);
  }
  found.directory.expect('never');
  assert.deepEqual([(await found.event(4)).type, found.events[3]!.model_id], ['model.down', 'never']);
  await using _again = await standInContainer(place, 'finder', { describe: description('finder', ['dog']), health: health('finder') });
  found.directory.expect('finder');
  assert.deepEqual([(await found.event(5)).type, found.directory.statuses().find(({ model_id }) => model_id === 'finder')?.classes], ['model.up', ['dog']]);
});

test('a container that came back is described anew', async () => {
  await using place = await Place.make();
  await using found = finding(place);
  const first = await standInContainer(place, 'finder', { describe: description('finder', ['person']), health: health('finder') });
  await found.event(1);
  await first.close();
  await found.event(2);
  await using _second = await standInContainer(place, 'finder', { describe: description('finder', ['person', 'dog']), health: health('finder') });
  await found.event(3);
  assert.deepEqual(found.directory.statuses()[0]?.classes, ['person', 'dog']);
});

test('an older container that knows neither describe nor health is usable', async () => {
  await using place = await Place.make();
  await using _container = await standInContainer(place, 'old');
  await using found = finding(place);
  assert.equal((await found.event(1)).type, 'model.up');
  assert.equal(modelStatus.parse(found.directory.statuses()[0]).model_name, null);
  assert.notEqual(found.directory.access('old').endpoint, null);
});

test('a container that is starting, or is another model, is down and says why', async () => {
  await using place = await Place.make();
  await using _starting = await standInContainer(place, 'starting', { describe: description('starting', []), health: health('starting', 'starting') });
  await using _other = await standInContainer(place, 'mine', { describe: description('other', []), health: health('other') });
  await using found = finding(place);
  await found.event(2);
  const reasons = new Map(found.events.map((event) => [event.model_id, event.reason]));
  assert.match(reasons.get('starting')!, /starting/);
  assert.match(reasons.get('mine')!, /answered by the model other/);
});

test('a degraded container is asked on, and its state is shown', async () => {
  await using place = await Place.make();
  await using _container = await standInContainer(place, 'finder', { describe: description('finder', []), health: health('finder', 'degraded') });
  await using found = finding(place);
  assert.equal((await found.event(1)).type, 'model.up');
  assert.match(found.directory.statuses()[0]!.last_error!.message, /degraded/);
});

test('a model whose server elsewhere is away, and whose fallback looks, is up and says so', async () => {
  await using place = await Place.make();
  await using _container = await standInContainer(place, 'finder', { describe: description('finder', []), health: { ...health('finder'), counters: { fallback_active: 1 } } });
  await using found = finding(place);
  assert.equal((await found.event(1)).type, 'model.up');
  const [status] = found.directory.statuses();
  assert.deepEqual([status!.state, status!.last_error!.code], ['up', 'unreachable']);
  assert.match(status!.last_error!.message, /its fallback looks here/);
});
