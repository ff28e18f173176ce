// Where a model gives no answer, a late one, or one that cannot be meant: "could not look" is never "saw nothing".
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuthError, type InferRequest } from '@ruth/protocol';
import { answerTo, frameOf, MockEndpoint, person, settled } from './mock-endpoint.ts';
import { subscribed } from './subscribed.ts';

test('a look that takes too long is dropped with the cause deadline, and is not taken for an empty one', async () => {
  const endpoint = new MockEndpoint('finder');
  const { subscription, looks, drops } = subscribed(endpoint, { desired_fps: 0.5 });
  subscription.offer(frameOf('front', 0));
  await settled();
  const asked = endpoint.pending[0]!;
  assert.equal(asked.request.config?.deadline_ms, 4000, 'two periods');
  assert.ok(asked.timeoutMs >= 4000);
  asked.fail(new RuthError('timeout', 'no answer'));
  await settled();
  assert.deepEqual(drops(), { deadline: 1 });
  assert.equal(looks[0]?.error_code, 'timeout');
});

const nonsense: Record<string, (request: InferRequest) => unknown> = {
  'another camera\'s answer': (request) => ({ ...answerTo(request, [person(0.1)]), camera_id: 'back' }),
  'an answer about another frame': (request) => ({ ...answerTo(request, [person(0.1)]), frame_id: 8 }),
  'another model\'s answer': (request) => ({ ...answerTo(request, [person(0.1)]), model_id: 'other' }),
  'no object': () => 'seen',
  'null': () => null,
  'a box outside the frame': (request) => answerTo(request, [{ ...person(0.1), bbox: [0, 0, 1.5, 1] }]),
  'a box of no numbers': (request) => JSON.parse(JSON.stringify(answerTo(request, [{ ...person(0.1), bbox: [NaN, 0, 1, 1] }]))) as unknown,
  'a box that ends before it begins': (request) => answerTo(request, [{ ...person(0.1), bbox: [0.5, 0.1, 0.2, 0.3] }]),
  'a million detections': (request) => answerTo(request, Array.from({ length: 1e6 }, () => person(0.1))),
};
for (const [what, answer] of Object.entries(nonsense)) {
  test(`${what} is counted as an error and shown to nobody`, async () => {
    const { subscription, looks, drops } = subscribed(new MockEndpoint('finder', answer));
    subscription.offer(frameOf('front', 7));
    await settled();
    assert.deepEqual(drops(), { error: 1 });
    assert.deepEqual(looks.map(({ camera_id, detections, error_code }) => [camera_id, detections, error_code]), [['front', [], 'inference_failed']]);
    assert.match(subscription.status().last_error!.message, /nonsense/);
  });
}

test('a container\'s own error is "could not look", with its code', async () => {
  for (const [code, counted] of [['inference_failed', null], ['unsupported_format', null], ['frame_overwritten', 'overwritten'], ['overloaded', 'overloaded'], ['deadline_exceeded', 'deadline'], ['shutting_down', 'no_container']] as const) {
    const { subscription, looks, drops } = subscribed(new MockEndpoint('finder', (request) => ({ ...answerTo(request), error: 'it could not', error_code: code })));
    subscription.offer(frameOf('front', 0));
    await settled();
    assert.equal(looks[0]?.error_code, code);
    assert.deepEqual(drops(), counted ? { [counted]: 1 } : {});
    assert.equal(subscription.status().failed, counted ? 0 : 1);
  }
});

test('an answer that comes after the ring was replaced is not used: ids began anew', async () => {
  const endpoint = new MockEndpoint('finder');
  const { subscription, looks, drops } = subscribed(endpoint);
  let current = true;
  subscription.offer(frameOf('front', 0, () => current));
  await settled();
  current = false;
  endpoint.pending[0]!.answer(answerTo(endpoint.pending[0]!.request, [person(0.1)]));
  await settled();
  assert.deepEqual(drops(), { overwritten: 1 });
  assert.deepEqual(looks[0]?.detections, []);
});

test('without a container every due frame is counted, and it is said once for each outage', async () => {
  const { subscription, looks, drops, available } = subscribed(null);
  for (let index = 0; index < 5; index++) subscription.offer(frameOf('front', index));
  assert.deepEqual(drops(), { no_container: 5 });
  assert.deepEqual(looks.map(({ error_code }) => error_code), ['unreachable']);
  available.endpoint = new MockEndpoint('finder', answerTo);
  subscription.offer(frameOf('front', 5));
  await settled();
  available.endpoint = null;
  subscription.offer(frameOf('front', 6));
  assert.deepEqual(looks.map(({ error_code }) => error_code), ['unreachable', null, 'unreachable']);
});
