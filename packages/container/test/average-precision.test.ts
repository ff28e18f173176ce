import assert from 'node:assert/strict';
import { test } from 'node:test';
import { averagePrecision, meanAveragePrecision, type ScoredBox } from '../../../bench/accuracy/average-precision.ts';

const box = (left: number, score = 1, classId = 0): ScoredBox => ({ classId, score, left, top: 0, right: left + 10, bottom: 10 });
const near = (found: number, expected: number): void => assert.ok(Math.abs(found - expected) < 1e-9, `${found} is not ${expected}`);

test('All found and nothing else is 1, nothing found is 0', () => {
  const truth = [box(0), box(20)];
  assert.deepEqual(meanAveragePrecision([{ truth, found: truth }]), { map50: 1, map50To95: 1, classes: 1 });
  assert.deepEqual(meanAveragePrecision([{ truth, found: [] }]), { map50: 0, map50To95: 0, classes: 1 });
});

test('One of two found is 51 of 101 recalls', () => {
  near(averagePrecision([{ truth: [box(0), box(20)], found: [box(0)] }], 0, 0.5), 51 / 101);
});

test('A false box ahead of a true one halves the precision; one behind it costs nothing', () => {
  near(averagePrecision([{ truth: [box(0)], found: [box(50, 0.9), box(0, 0.5)] }], 0, 0.5), 0.5);
  near(averagePrecision([{ truth: [box(0)], found: [box(50, 0.4), box(0, 0.5)] }], 0, 0.5), 1);
});

test('A second box on the same thing is false', () => {
  near(averagePrecision([{ truth: [box(0), box(20)], found: [box(0, 0.9), box(0, 0.8), box(20, 0.7)] }], 0, 0.5), (51 + 50 * 2 / 3) / 101);
});

test('Scores rank over all images together', () => {
  const images = [{ truth: [box(0)], found: [box(0, 0.2)] }, { truth: [], found: [box(0, 0.9)] }];
  near(averagePrecision(images, 0, 0.5), 0.5);
});

test('A box with an IoU of 0.8 counts at thresholds up to 0.8, and each class counts alike', () => {
  const found = { ...box(0), right: 8 };
  const { map50, map50To95 } = meanAveragePrecision([{ truth: [box(0)], found: [found] }]);
  near(map50, 1);
  near(map50To95, 0.7);
  near(meanAveragePrecision([{ truth: [box(0), box(0, 1, 1)], found: [box(0)] }]).map50, 0.5);
});
