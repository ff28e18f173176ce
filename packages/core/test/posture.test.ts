import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoreEvent, validator, type Detection, type Keypoint, type Look, type Posture, type RuleConfig } from '@ruth/protocol';
import type { EventContent } from '@ruth/transport';
import { NO_THRESHOLDS, postureOf, Understanding } from '../src/index.ts';

const NAMES = ['shoulder', 'hip', 'knee', 'ankle'].flatMap((part) => [`left_${part}`, `right_${part}`]);
const event = validator(CoreEvent);

/** A body of 0.4 heights of the picture, its feet at (0.5, 0.9): shoulders, hips, knees and ankles in lengths of it above and beside the feet. */
const BODIES: Record<Posture, readonly (readonly [x: number, up: number])[]> = {
  standing: [[0, 0.82], [0, 0.53], [0, 0.28], [0, 0.04]],
  sitting: [[0, 0.55], [0, 0.27], [0.2, 0.26], [0.2, 0.02]],
  crouching: [[0.05, 0.4], [0, 0.14], [0.15, 0.2], [0.02, 0.03]],
  lying: [[-0.3, 0.06], [0, 0.05], [0.25, 0.06], [0.48, 0.04]],
};
/** As the built-in pose model reads one who walks towards a camera above: legs shorter than they are, knees that hang all the same. */
const striding = [[0, 0.85], [0, 0.48], [0.06, 0.28], [0.1, 0.06]] as const;
/** Towards the camera, from the front: knees a little lower than the hips. */
const seated = [[0, 0.7], [0, 0.3], [0, 0.18], [0, 0]] as const;
const bending = [[0.28, 0.5], [0, 0.53], [0, 0.28], [0, 0.04]] as const;

function body(points: readonly (readonly [number, number])[], score = 0.8): Pick<Detection, 'keypoints' | 'bbox'> {
  const at = points.map(([x, up]) => [0.5 + 0.4 * x, 0.9 - 0.4 * up] as const);
  const keypoints = at.flatMap(([x, y]): Keypoint[] => [[x - 0.01, y, score], [x + 0.01, y, score]]);
  return { keypoints, bbox: [Math.min(...at.map(([x]) => x)) - 0.04, Math.min(...at.map(([, y]) => y)) - 0.06, Math.max(...at.map(([x]) => x)) + 0.04, 0.92] };
}

const postureIn = ({ keypoints, bbox }: Pick<Detection, 'keypoints' | 'bbox'>): Posture | null => postureOf(keypoints!, NAMES, bbox, 1)?.posture ?? null;

test('bodies stand, sit, crouch and lie; who bends down stands', () => {
  for (const posture of Object.keys(BODIES) as Posture[]) assert.equal(postureIn(body(BODIES[posture])), posture);
  assert.equal(postureIn(body(bending)), 'standing');
  assert.equal(postureIn(body(BODIES.lying.map(([x, up]) => [-x, up] as const))), 'lying', 'to the other side, too');
});

test('short legs make nobody sit whose thighs hang; thighs that lie do, with or without ankles in sight', () => {
  const [shoulders, hips, knees] = [0, 1, 2] as const;
  const without = (points: readonly (readonly [number, number])[], ...parts: number[]) => {
    const { keypoints, bbox } = body(points);
    return { keypoints: keypoints!.map((point, index): Keypoint => (parts.includes(Math.floor(index / 2)) ? [point[0], point[1], 0.1] : point)), bbox };
  };
  assert.equal(postureIn(body(striding)), 'standing');
  assert.equal(postureIn(body(seated)), 'sitting');
  assert.equal(postureIn(without(seated, 3)), 'sitting');
  assert.equal(postureIn(without(striding, knees)), null, 'whose knees are hidden and whose legs are short may do either');
  assert.equal(postureIn(body([[0, 0.85], [0, 0.48], [0, 0.31], [0, 0.06]])), null, 'nor does a thigh tell that half hangs');
  const bust = without([[-0.3, 0.2], [0.3, 0.2], [0.3, 0.1], [0.3, 0.1]], hips, knees, 3);
  assert.equal(postureIn({ ...bust, bbox: [0.2, 0.5, 0.8, 0.9] }), null, 'nor shoulders behind a desk, however wide the box');
  assert.equal(postureIn(without(striding, shoulders)), null);
});

test('keypoints that are not sure tell nothing; then a box tells that is far wider than high', () => {
  assert.equal(postureIn(body(BODIES.standing, 0.1)), null);
  assert.equal(postureIn(body(BODIES.lying, 0.1)), 'lying');
  assert.equal(postureOf([], [], [0, 0, 0.1, 0.5], 1), null);
});

/** What is told of a person who is as `at` says, by a detector at 5 fps and a pose model that looks at the same frames later. */
function told(untilS: number, at: (timeS: number) => readonly (readonly [number, number])[] | null, rules: RuleConfig[] = []): EventContent<CoreEvent>[] {
  const understanding = new Understanding({ cameraId: 'front', detects: (id) => id === 'finder', keypointNames: (id) => (id === 'poser' ? NAMES : []), thresholds: () => NO_THRESHOLDS }, { scene: {}, rules });
  const events: EventContent<CoreEvent>[] = [];
  for (let index = 0; index * 0.2 <= untilS; index++) {
    const points = at(index * 0.2);
    if (!points) continue;
    const { keypoints, bbox } = body(points);
    const look = (model_id: string, detections: Detection[]): Look => ({
      camera_id: 'front', model_id, frame_id: index, captured_at: 1.7e9 + index * 0.2, pts_us: index * 200_000, epoch: 0, width: 100, height: 100, detections, metadata: {}, error: null, error_code: null,
    });
    events.push(...understanding.follow(look('finder', [{ class_id: 0, class_name: 'person', confidence: 0.9, bbox }])).events);
    events.push(...understanding.follow(look('poser', [{ class_id: 0, class_name: 'person', confidence: 0.9, bbox, keypoints: keypoints! }])).events);
  }
  for (const content of events) assert.deepEqual(event.violations({ id: 1, version: 1, at: 1.7e9, ...content }), [], content.type);
  return events;
}

const between = (from: readonly (readonly [number, number])[], to: readonly (readonly [number, number])[], share: number) =>
  from.map(([x, up], index) => { const s = Math.min(Math.max(share, 0), 1); return [x + s * (to[index]![0] - x), up + s * (to[index]![1] - up)] as const; });

const falling = (beginS: number, lastsS: number) => (timeS: number) => between(BODIES.standing, BODIES.lying, (timeS - beginS) / lastsS);

test('who falls and stays down has fallen: told once, with when it began, of the track that the detector made', () => {
  const events = told(15, falling(4, 0.8));
  const [fall, ...more] = events.filter((content) => content.type === 'fall');
  assert.equal(more.length, 0);
  assert.ok(fall?.type === 'fall');
  assert.ok(Math.abs(fall.began_at - 1.7e9 - 4.1) < 0.7, `${fall.began_at - 1.7e9}`);
  assert.deepEqual([fall.model_id, fall.lying_s >= 2, fall.captured_at < 1.7e9 + 8], ['finder', true, true]);
  assert.deepEqual(events.flatMap((content) => (content.type === 'posture' ? [[content.before, content.posture]] : [])), [[null, 'standing'], ['standing', 'lying']]);
});

test('who lies down slowly, or falls and gets up at once, or sits down, has not fallen', () => {
  assert.ok(!told(20, falling(4, 6)).some(({ type }) => type === 'fall'));
  assert.ok(!told(20, (timeS) => (timeS < 5.4 ? falling(4, 0.8)(timeS) : between(BODIES.lying, BODIES.standing, (timeS - 5.4) / 0.8))).some(({ type }) => type === 'fall'));
  assert.ok(!told(20, (timeS) => between(BODIES.standing, BODIES.sitting, (timeS - 4) / 0.8)).some(({ type }) => type === 'fall'));
});

test('one misread picture changes no posture; a silence confirms nothing', () => {
  const postures = (events: EventContent<CoreEvent>[]): string[] => events.flatMap((content) => (content.type === 'posture' ? [content.posture] : []));
  assert.deepEqual(postures(told(10, (timeS) => (Math.abs(timeS - 5) < 0.1 ? BODIES.crouching : BODIES.standing))), ['standing']);
  assert.deepEqual(postures(told(12, (timeS) => (timeS < 5 ? BODIES.standing : timeS < 8 ? null : BODIES.standing))), ['standing']);
});

test('a rule speaks of postures and falls', () => {
  const rules: RuleConfig[] = [{ id: 'fallen', camera: 'front', when: 'person is fallen for 5 s then event "fall" severity critical' }];
  const alerts = told(30, (timeS) => (timeS < 20 ? falling(4, 0.8)(timeS) : between(BODIES.lying, BODIES.standing, (timeS - 20) / 1)), rules).filter(({ type }) => type.startsWith('alert.'));
  // Box and track may break as it gets up: what still lies then is told of the track that lies.
  const [first, last] = [alerts[0]!, alerts.at(-1)!];
  assert.ok(first.type === 'alert.raised' && Math.abs(first.captured_at - 1.7e9 - 9.2) < 0.6 && first.severity === 'critical');
  assert.ok(last.type === 'alert.cleared' && alerts.filter(({ type }) => type === 'alert.raised').length * 2 === alerts.length);
});
