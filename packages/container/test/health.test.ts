import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuthError } from '@ruth/protocol';
import { MemoryWatch, privateBytes } from '../src/service/memory-watch.ts';
import { Readiness } from '../src/service/readiness.ts';
import { assertExpected, summaryOf } from '../src/session/expected-answer.ts';

const output = (...values: number[]) => ({ boxes: { dims: [1, values.length], data: Float32Array.from(values) } });

test('A canary whose answer is not that of the start is a failure, whatever is wrong with it', () => {
  const expected = summaryOf(output(0.5, -0.25, 3));
  assertExpected(summaryOf(output(0.5, -0.2501, 3.001)), expected);
  for (const wrong of [output(0.5, -0.25, 4), output(0.5, -0.25), output(0.5, NaN, 3), output(0, 0, 0)]) {
    assert.throws(() => assertExpected(summaryOf(wrong), expected), { code: 'inference_failed', message: /no longer answers its canary .* output boxes/ });
  }
});

test('Ready lasts three intervals after a canary that succeeded; a failure ends it at once, and only a canary brings it back', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const canaries: PromiseWithResolvers<{ inferenceMs: number }>[] = [];
  const changes: string[] = [];
  using readiness = new Readiness({
    canaryIntervalMs: 1000, onChange: (status) => changes.push(status),
    canary: () => { const canary = Promise.withResolvers<{ inferenceMs: number }>(); canaries.push(canary); return canary.promise as never; },
  });
  const pass = (ms: number): void => { for (let step = 0; step < ms; step += 100) { now += 100; t.mock.timers.tick(100); } };
  const settled = async (): Promise<void> => { await new Promise((resolve) => { setImmediate(resolve); }); };
  pass(900);
  assert.equal(canaries.length, 0);
  pass(100);
  assert.equal(canaries.length, 1);
  pass(1900);
  assert.equal(readiness.status, 'ready');
  pass(300);
  assert.equal(readiness.status, 'degraded', 'the canary does not come back');
  canaries[0]!.resolve({ inferenceMs: 1 });
  await settled();
  assert.deepEqual([readiness.status, canaries.length], ['ready', 1]);
  readiness.failed(new RuthError('frame_overwritten', 'says nothing of the model'));
  assert.equal(readiness.status, 'ready');
  readiness.failed(new RuthError('inference_failed', 'the model'));
  assert.equal(readiness.status, 'degraded');
  pass(100);
  assert.equal(canaries.length, 2, 'it is looked at sooner');
  canaries[1]!.reject(new RuthError('inference_failed', 'still'));
  await settled();
  pass(100);
  canaries[2]!.resolve({ inferenceMs: 50 });
  await settled();
  assert.deepEqual([readiness.status, readiness.counters, changes], ['ready', { canaries: 3, canary_failures: 1 }, ['degraded', 'ready']]);
  pass(4600);
  assert.equal(canaries.length, 3, 'one that takes 50 ms is looked at each 5 s at most');
  pass(400);
  assert.equal(canaries.length, 4);
});

test('A container that outgrows its memory says so, once a minute; one without a limit is not watched', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  let bytes = 60 * 1024 * 1024;
  const reasons: string[] = [];
  using watch = new MemoryWatch({ limitMb: 100, onExceeded: (reason) => reasons.push(reason), bytes: () => bytes });
  using _other = new MemoryWatch({ limitMb: undefined, onExceeded: () => assert.fail(), bytes: () => Infinity });
  assert.equal(watch.trouble, null);
  const pass = (seconds: number): void => { for (let second = 0; second < seconds; second++) { now += 1000; t.mock.timers.tick(1000); } };
  pass(100);
  assert.equal(reasons.length, 0);
  bytes = 130 * 1024 * 1024;
  pass(59);
  assert.deepEqual(reasons, ['it has 130 MiB of memory; its manifest grants 100 (resource_requirements.memory_mb)']);
  pass(60);
  assert.equal(reasons.length, 2);
});

test('A container that is granted less than it has as soon as it is loaded says so, and asks for no successor, which would need as much', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  let bytes = 200 * 1024 * 1024;
  const reasons: string[] = [];
  using watch = new MemoryWatch({ limitMb: 240, onExceeded: (reason) => reasons.push(reason), bytes: () => bytes });
  assert.equal(watch.trouble, 'it has 200 MiB of memory as soon as it is loaded; its manifest grants 240 (resource_requirements.memory_mb): grant 400 or more. Until then a successor takes its place past 400');
  const pass = (): void => { now += 1000; t.mock.timers.tick(1000); };
  bytes = 390 * 1024 * 1024;
  pass();
  assert.deepEqual(reasons, []);
  bytes = 410 * 1024 * 1024;
  pass();
  assert.equal(reasons.length, 1, 'one that leaks has a successor nevertheless');
  using well = new MemoryWatch({ limitMb: 600, onExceeded: () => assert.fail(), bytes: () => bytes });
  assert.equal(well.trouble, null);
});

test('The memory of a process is its own: what it writes counts', () => {
  const before = privateBytes();
  const kept = Buffer.alloc(64 * 1024 * 1024, 1);
  assert.ok(privateBytes() - before > 0.9 * kept.length, `${privateBytes() - before} bytes more`);
});
