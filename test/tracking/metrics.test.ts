// The metrics of bench/tracking on cases small enough to reckon by hand from the published definitions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clearMetrics } from '../../bench/tracking/clear.ts';
import { compare } from '../../bench/tracking/comparison.ts';
import { hotaMetrics } from '../../bench/tracking/hota.ts';
import { identityMetrics } from '../../bench/tracking/identity.ts';
import type { IdentifiedBox } from '../../bench/tracking/sequence.ts';

/** A box of 10 by 10 at `left`: two of them that are `d` apart overlap by (10 - d) / (10 + d). */
const at = (id: number, left: number, top = 0): IdentifiedBox => ({ id, box: [left, top, left + 10, top + 10] });
const frames = (count: number, make: (frame: number) => IdentifiedBox[]): IdentifiedBox[][] => Array.from({ length: count }, (_, frame) => make(frame));
const near = (actual: number, expected: number): void => assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} is not ${expected}`);

test('A perfect tracker has 1 everywhere and nothing to count', () => {
  const truth = frames(5, (frame) => [at(1, frame), at(2, frame, 50)]);
  const comparison = compare(truth, frames(5, (frame) => [at(70, frame, 50), at(71, frame)]));
  assert.deepEqual(clearMetrics(comparison), { mota: 1, idSwitches: 0, fragments: 0, misses: 0, falseBoxes: 0 });
  near(identityMetrics(comparison).idf1, 1);
  near(hotaMetrics(comparison).hota, 1);
});

test('A track that breaks in two after 6 of 10 frames costs one switch, and identity counts its longer half only', () => {
  const truth = frames(10, () => [at(1, 0)]);
  const comparison = compare(truth, frames(10, (frame) => [at(frame < 6 ? 1 : 2, 0)]));
  const clear = clearMetrics(comparison);
  near(clear.mota, 1 - 1 / 10);
  assert.equal(clear.idSwitches, 1);
  assert.equal(clear.fragments, 0);
  near(identityMetrics(comparison).idf1, 2 * 6 / 20);
  // Every box is found; those of the first track associate with 6 of 10, those of the second with 4 of 10.
  const hota = hotaMetrics(comparison);
  near(hota.detectionAccuracy, 1);
  near(hota.associationAccuracy, (6 * 6 / 10 + 4 * 4 / 10) / 10);
  near(hota.hota, Math.sqrt(0.52));
});

test('Two tracks that exchange their objects halfway are two switches and half identified', () => {
  const truth = frames(4, () => [at(1, 0), at(2, 100)]);
  const comparison = compare(truth, frames(4, (frame) => [at(frame < 2 ? 1 : 2, 0), at(frame < 2 ? 2 : 1, 100)]));
  const clear = clearMetrics(comparison);
  assert.equal(clear.idSwitches, 2);
  near(clear.mota, 1 - 2 / 8);
  near(identityMetrics(comparison).idf1, 4 / 8);
  // Each of the four pairs is together in 2 frames, of 4 + 4 - 2.
  near(hotaMetrics(comparison).hota, Math.sqrt(2 / 6));
});

test('A gap is a fragment, not a switch, when the same track goes on; a switch counts across a gap too', () => {
  const truth = frames(6, () => [at(1, 0)]);
  const same = clearMetrics(compare(truth, frames(6, (frame) => (frame === 2 ? [] : [at(1, 0)]))));
  assert.deepEqual([same.fragments, same.idSwitches, same.misses], [1, 0, 1]);
  const other = clearMetrics(compare(truth, frames(6, (frame) => (frame === 2 ? [] : [at(frame < 2 ? 1 : 2, 0)]))));
  assert.deepEqual([other.fragments, other.idSwitches, other.misses], [1, 1, 1]);
});

test('A pair of the frame before is kept while it overlaps by half, even where another track overlaps better', () => {
  const truth = frames(2, () => [at(1, 0)]);
  // In the second frame the old track is 3 away (7/13) and a new one lies right on the object.
  const clear = clearMetrics(compare(truth, [[at(1, 0)], [at(1, 3), at(2, 0)]]));
  assert.deepEqual([clear.idSwitches, clear.falseBoxes, clear.misses], [0, 1, 0]);
});

test('A box that overlaps by less than half is both a miss and a false box', () => {
  // 4 apart: 6/14 = .43.
  const comparison = compare([[at(1, 0)]], [[at(1, 4)]]);
  near(clearMetrics(comparison).mota, 1 - 2);
  near(identityMetrics(comparison).idf1, 0);
  // .43 reaches the 8 thresholds .05 to .40 of 19, and is perfect there.
  near(hotaMetrics(comparison).hota, 8 / 19);
});

test('An overlap that is exactly the threshold reaches it', () => {
  // Heights 10 and 5 from the same corner: exactly one half.
  const comparison = compare([[at(1, 0)]], [[{ id: 1, box: [0, 0, 10, 5] }]]);
  near(clearMetrics(comparison).mota, 1);
  near(identityMetrics(comparison).idf1, 1);
  near(hotaMetrics(comparison).hota, 10 / 19);
});

test('False boxes and misses lower detection alone: a third of 6 boxes false, a quarter of 4 missed', () => {
  const truth = frames(4, () => [at(1, 0)]);
  const comparison = compare(truth, frames(4, (frame) => [...(frame === 3 ? [] : [at(1, 0)]), ...(frame < 3 ? [at(2, 200)] : [])]));
  const clear = clearMetrics(comparison);
  assert.deepEqual([clear.misses, clear.falseBoxes, clear.idSwitches], [1, 3, 0]);
  near(clear.mota, 1 - 4 / 4);
  near(identityMetrics(comparison).idf1, 2 * 3 / (4 + 6));
  const hota = hotaMetrics(comparison);
  near(hota.detectionAccuracy, 3 / (4 + 6 - 3));
  near(hota.associationAccuracy, 3 / 4);
});

test('Where the threshold decides, HOTA prefers the track that goes with the object for longer', () => {
  // Track 1 lies 2 off (8/12) in all 4 frames; track 2 lies right on the object, in the last frame only.
  const truth = frames(4, () => [at(1, 0)]);
  const comparison = compare(truth, frames(4, (frame) => (frame === 3 ? [at(1, 2), at(2, 0)] : [at(1, 2)])));
  // Alignment: track 1 has 3 + (2/3) / (5/3) = 3.4 of 4 + 4 - 3.4, track 2 has 1 / (5/3) = .6 of 4 + 1 - .6. So track 1 is taken throughout.
  const hota = hotaMetrics(comparison);
  near(hota.detectionAccuracy, 13 / 19 * 4 / 5);
  near(hota.associationAccuracy, 13 / 19);
});

test('Frames without any object or track count what is there and break nothing', () => {
  const comparison = compare([[], [at(1, 0)], []], [[at(1, 0)], [], []]);
  assert.deepEqual(clearMetrics(comparison), { mota: -1, idSwitches: 0, fragments: 0, misses: 1, falseBoxes: 1 });
  near(identityMetrics(comparison).idf1, 0);
  near(hotaMetrics(comparison).hota, 0);
  near(hotaMetrics(compare([[]], [[]])).hota, 0);
});

test('An id that occurs twice in a frame is refused', () => {
  assert.throws(() => compare([[at(1, 0), at(1, 50)]], [[]]), /twice/);
});
