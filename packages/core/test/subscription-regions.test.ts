// Subscriptions that look at regions: the boxes that another model found in the same frame.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InferRequest } from '@ruth/protocol';
import { answerTo, frameOf, MockEndpoint, person, settled } from './mock-endpoint.ts';
import { subscribed } from './subscribed.ts';

const regions = { model: 'finder', classes: ['person'], max_regions: 3, margin: 0.5 };

test('a model of regions looks at each box of the same frame, and answers one look', async () => {
  const asked: InferRequest[] = [];
  const endpoint = new MockEndpoint('poser', (request) => {
    asked.push(request);
    const [xMin] = request.config!.roi!;
    return answerTo(request, [person(xMin)], { inference_time_ms: 5, preprocess_ms: 1, device: 'cpu' });
  });
  const { subscription, looks } = subscribed(endpoint, { model: 'poser', regions });
  const car = { ...person(0.7), class_name: 'car' };
  subscription.offer(frameOf('front', 3), [person(0.0, 0.5), car, person(0.4, 0.9), person(0.6, 0.8), person(0.8, 0.1)]);
  await settled();
  await settled();
  assert.deepEqual(asked.map(({ frame_metadata }) => frame_metadata.frame_id), [3, 3, 3]);
  const rois = asked.map(({ config }) => config!.roi!.map((edge) => Number(edge.toFixed(3))));
  assert.deepEqual(rois, [[0.35, 0, 0.55, 1], [0.55, 0, 0.75, 1], [0, 0, 0.15, 1]], 'surest first, widened by half on each side, cut at the edge');
  assert.equal(looks.length, 1);
  assert.deepEqual(looks[0]?.detections.map(({ bbox }) => Number(bbox[0].toFixed(3))), [0.35, 0.55, 0]);
  assert.deepEqual(looks[0]?.metadata, { inference_time_ms: 15, preprocess_ms: 3, device: 'cpu' });
});

test('no region is a true answer: an empty look that takes older ones away', async () => {
  const endpoint = new MockEndpoint('poser');
  const { subscription, looks, drops } = subscribed(endpoint, { model: 'poser', regions });
  subscription.offer(frameOf('front', 0), []);
  await settled();
  assert.equal(endpoint.pending.length, 0);
  assert.deepEqual(drops(), { no_regions: 1 });
  assert.deepEqual(looks.map(({ detections, error }) => [detections, error]), [[[], null]]);
});

test('a frame overwritten between two regions makes no half answer', async () => {
  let calls = 0;
  const endpoint = new MockEndpoint('poser', (request) => (calls++ === 1
    ? { ...answerTo(request), error: 'the frame is gone', error_code: 'frame_overwritten' } : answerTo(request, [person(0.1)])));
  const { subscription, looks, drops } = subscribed(endpoint, { model: 'poser', regions });
  subscription.offer(frameOf('front', 0), [person(0), person(0.3), person(0.6)]);
  await settled();
  await settled();
  assert.deepEqual(drops(), { overwritten: 1 });
  assert.deepEqual(looks.map(({ detections, error_code }) => [detections, error_code]), [[[], 'frame_overwritten']]);
});
