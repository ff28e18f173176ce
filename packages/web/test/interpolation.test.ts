// Between two looks: what both saw moves, what only one saw is shown while that one is the nearer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Box, Detection, Keypoint, Look } from '@ruth/protocol';
import { lookAhead, LookHistory, lookBetween } from '@ruth/web';

const detection = (bbox: Box, over: Partial<Detection> = {}): Detection => ({ class_id: 0, class_name: 'person', confidence: 0.5, bbox, ...over });
const look = (ptsMs: number, ...detections: Detection[]): Look => ({
  camera_id: 'front', model_id: 'detector', frame_id: ptsMs, captured_at: 1, pts_us: ptsMs * 1000, epoch: 1, width: 640, height: 360, detections, metadata: {}, error: null, error_code: null,
});
const rounded = (values: readonly number[]): number[] => values.map((value) => Math.round(value * 1000) / 1000);

test('a person who walks is where they would be at that instant, keypoints and all', () => {
  const keypoints: Keypoint[] = [[0.12, 0.2, 0.9]];
  const before = look(1000, detection([0.1, 0.1, 0.2, 0.5], { keypoints }));
  const after = look(1200, detection([0.14, 0.1, 0.24, 0.5], { keypoints: [[0.16, 0.2, 0.5]], confidence: 0.8 }));
  const [seen] = lookBetween(before, after, 1_150_000).detections;
  assert.deepEqual(rounded(seen!.bbox), [0.13, 0.1, 0.23, 0.5]);
  assert.deepEqual(rounded(seen!.keypoints![0]!), [0.15, 0.2, 0.5]);
  assert.equal(seen!.confidence, 0.8);
});

test('who is hidden more and more goes on, and never has less than no width', () => {
  const before = look(0, detection([0.4, 0.2, 0.6, 0.6], { track_id: 7 }));
  const last = look(200, detection([0.52, 0.2, 0.6, 0.6], { track_id: 7 }));
  for (const atUs of [250_000, 300_000, 400_000, 900_000]) {
    const [xMin, yMin, xMax, yMax] = lookAhead(before, last, atUs).detections[0]!.bbox;
    assert.ok(xMax - xMin >= 0.039 && (xMin + xMax) / 2 > 0.56, `${xMin} to ${xMax}`);
    assert.deepEqual(rounded([yMin, yMax]), [0.2, 0.6]);
  }
  const [walker] = lookAhead(look(0, detection([0.1, 0.1, 0.2, 0.5])), look(200, detection([0.12, 0.1, 0.22, 0.5])), 300_000).detections;
  assert.deepEqual(rounded(walker!.bbox), [0.13, 0.1, 0.23, 0.5]);
});

test('a body that is about to be seen goes on as a whole: no leg is torn out of its stride', () => {
  const sights: Keypoint[][] = [[[0.2, 0.2, 0.9], [0.18, 0.6, 0.9], [0.22, 0.6, 0.9], [0.9, 0.9, 0]], [[0.24, 0.2, 0.9], [0.2, 0.6, 0.9], [0.28, 0.6, 0.9], [0.1, 0.1, 0]]];
  const [before, last] = sights.map((keypoints, index) => look(index * 200, detection([0.1, 0.1, 0.3, 0.7], { keypoints }))) as [Look, Look];
  const [body] = lookAhead(before, last, 400_000).detections;
  assert.deepEqual(body!.keypoints!.map(rounded), [[0.28, 0.2, 0.9], [0.24, 0.6, 0.9], [0.32, 0.6, 0.9], [0.14, 0.1, 0]]);
});

test('two people who pass each other keep to their own nearest box', () => {
  const before = look(0, detection([0.1, 0, 0.2, 0.4]), detection([0.3, 0, 0.4, 0.4]));
  const after = look(200, detection([0.32, 0, 0.42, 0.4]), detection([0.12, 0, 0.22, 0.4]));
  const boxes = lookBetween(before, after, 100_000).detections.map(({ bbox }) => rounded(bbox)[0]).sort();
  assert.deepEqual(boxes, [0.11, 0.31]);
});

test('tracks are believed before places', () => {
  const before = look(0, detection([0.1, 0, 0.2, 0.4], { track_id: 1 }), detection([0.2, 0, 0.3, 0.4], { track_id: 2 }));
  const after = look(200, detection([0.2, 0, 0.3, 0.4], { track_id: 1 }), detection([0.1, 0, 0.2, 0.4], { track_id: 2 }));
  for (const { bbox } of lookBetween(before, after, 100_000).detections) assert.deepEqual(rounded(bbox), [0.15, 0, 0.25, 0.4]);
});

test('what came or went is shown while its own look is the nearer, and nothing is shown twice', () => {
  const stays = detection([0.6, 0.6, 0.7, 0.9]);
  const before = look(0, stays, detection([0.1, 0.1, 0.2, 0.3]));
  const after = look(200, stays);
  assert.equal(lookBetween(before, after, 90_000).detections.length, 2);
  assert.equal(lookBetween(before, after, 110_000).detections.length, 1);
});

test('another class, another size or another end of the picture is another thing', () => {
  for (const other of [detection([0.1, 0.1, 0.2, 0.3], { class_id: 2 }), detection([0.05, 0.05, 0.5, 0.9]), detection([0.8, 0.1, 0.9, 0.3])]) {
    const [seen, ...more] = lookBetween(look(0, detection([0.1, 0.1, 0.2, 0.3])), look(200, other), 50_000).detections;
    assert.deepEqual([seen!.bbox, more], [[0.1, 0.1, 0.2, 0.3], []]);
  }
});

test('a look that failed is not mixed with one that saw something', () => {
  const history = new LookHistory();
  history.push(look(0, detection([0.1, 0.1, 0.2, 0.3])));
  history.push({ ...look(200), error: 'model is down', error_code: 'unreachable' });
  assert.deepEqual(history.at(50_000, 1, 250_000)?.detections[0]?.bbox, [0.1, 0.1, 0.2, 0.3]);
  assert.equal(history.at(150_000, 1, 250_000)?.error, 'model is down');
});
