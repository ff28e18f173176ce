// What stands still costs neither looks nor events, and wakes when it moves: a real ring and a real socket, the clip's own clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CameraSubscription, CoreEvent, Detection, Look, TrackEvent } from '@ruth/protocol';
import { ClipCamera, ModelAccess, sharpnessOf, Subscription, type Stillness } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { answerTo, frameOf, MockEndpoint, person, settled } from './mock-endpoint.ts';
import { HEIGHT, publishPicture, Scene, WIDTH } from './painted-scene.ts';
import { Place, ringOf, standInContainer } from './stand-ins.ts';
import { BEGIN, every, Watch, type Walker } from './walks.ts';

const FPS = 5;
const SIZE = 30;
/** It drives in, is parked for a minute, and drives on. */
const placeOf = (timeS: number): number => 10 + Math.round(30 * (Math.min(timeS, 4) + Math.max(0, timeS - 64)));

async function parkedCar(motion: CameraSubscription['motion']): Promise<{ looks: Look[]; events: CoreEvent[] }> {
  await using place = await Place.make();
  using ring = ringOf(place, 'yard', { width: WIDTH, height: HEIGHT, slotCount: 4 });
  let timeS = 0;
  await using finder = await standInContainer(place, 'finder', {
    infer: (request) => {
      const left = placeOf(timeS);
      const car: Detection = { class_id: 2, class_name: 'car', confidence: 0.9, bbox: [left / WIDTH, 100 / HEIGHT, (left + SIZE) / WIDTH, (100 + SIZE) / HEIGHT] };
      return answerTo(request, [car]);
    },
  });
  await using camera = new ClipCamera({
    type: 'task', camera_id: 'yard', rules: [], models: { finder: { detects: true, keypoint_names: [], socket: finder.path } },
    scene: { zones: [{ id: 'bay', polygon: [[0.3, 0.4], [0.8, 0.4], [0.8, 1], [0.3, 1]], dwell_s: 40 }] },
    subscriptions: [{ model: 'finder', desired_fps: FPS, ...(motion ? { motion } : {}) }],
  });
  const scene = new Scene();
  const all: { looks: Look[]; events: CoreEvent[] } = { looks: [], events: [] };
  for (let index = 0; index < 67 * FPS; index++) {
    timeS = index / FPS;
    scene.paint({ square: [placeOf(timeS), 100, SIZE] });
    const ptsUs = Math.round(timeS * 1e6);
    const captured_at_us = 1.7e15 + ptsUs;
    const frame_id = publishPicture(ring, scene, ptsUs, captured_at_us);
    const { looks, events } = await camera.show({ type: 'frame', frame_reference: ring.path, frame_id, pts_us: ptsUs, captured_at_us, width: WIDTH, height: HEIGHT });
    all.looks.push(...looks);
    all.events.push(...events);
  }
  return all;
}

test('a parked car is looked at now and then, is one track all the time, dwells in time, and wakes when it moves', async (t) => {
  const gated = await parkedCar({ warm_up_s: 1 });
  const ungated = await parkedCar(undefined);
  assert.equal(ungated.looks.length, 67 * FPS);
  // 7 s of motion, 2 s after it, the background that follows what has come, and one look in 10 s.
  assert.ok(gated.looks.length < 0.35 * ungated.looks.length, `${gated.looks.length} looks of ${ungated.looks.length}`);
  t.diagnostic(`${gated.looks.length} looks instead of ${ungated.looks.length}`);
  for (const { events } of [gated, ungated]) {
    const tracks = events.filter((event): event is CoreEvent & TrackEvent => event.type === 'track.started' || event.type === 'track.updated' || event.type === 'track.ended');
    assert.deepEqual([...new Set(tracks.map(({ track }) => track.id))], [1]);
    assert.ok(tracks.every(({ type }) => type !== 'track.ended'));
    const [dwelt, ...more] = events.filter((event) => event.type === 'dwell');
    assert.ok(dwelt?.type === 'dwell' && dwelt.stay_s >= 40 && dwelt.stay_s < 40.5 && more.length === 0, JSON.stringify(dwelt));
    assert.ok(tracks.some(({ track }) => track.stationary === true) && tracks.at(-1)!.track.stationary === false, 'it stood, and goes');
    const best = tracks.at(-1)!.best!;
    assert.ok(best.sharpness !== null && best.sharpness > 0, 'read from the ring');
  }
});

test('while nothing moves what stood still goes on standing there, and time goes on for it; without that being known nothing is known', () => {
  const standing: Walker = () => ({ x: 0.5, y: 0.7 });
  for (const isHeld of [true, false]) {
    const watch = new Watch({ zones: [{ id: 'mat', polygon: [[0, 0], [1, 0], [1, 1], [0, 1]], dwell_s: 20 }] });
    for (const timeS of every(0.2, 8)) watch.look(timeS, [standing]);
    const [started] = watch.of('track.started');
    assert.ok(watch.understanding.isStationary('finder', started!.track.id));
    for (const timeS of every(0.2, 20)) if (isHeld) watch.note(watch.understanding.hold('finder', { frame_id: Math.round(9000 + timeS * 1000), captured_at: BEGIN + 8.2 + timeS, pts_us: Math.round((8.2 + timeS) * 1e6), epoch: 0 }), 8.2 + timeS);
    assert.equal(watch.understanding.tick(BEGIN + 28.4).length > 0, !isHeld, 'nobody has looked for long');
    const dwelt = watch.of('dwell');
    assert.deepEqual(dwelt.map(({ timeS }) => Math.round(timeS)), isHeld ? [20] : []);
    for (const timeS of every(0.2, 2)) watch.look(28.4 + timeS, [standing]);
    assert.deepEqual(watch.of('track.started', 'track.ended').length, 1);
  }
});

test('a model that follows another need not be asked again about a track that stands still', async () => {
  const clock = new ManualClock();
  const asked: number[] = [];
  const endpoint = new MockEndpoint('reader', (request) => (asked.push(Math.round(request.config!.roi![0] * 100)), answerTo(request)));
  const stillness: Stillness = { isStationary: (modelId, trackId) => modelId === 'finder' && trackId === 1, isAtRest: () => false, onStill: () => assert.fail('it does not look at motion') };
  let told = 0;
  const reader = new Subscription(
    { model: 'reader', desired_fps: 25, regions: { model: 'finder', margin: 0, once_per_stationary_track_s: 1 } },
    { cameraId: 'front', clock, access: new ModelAccess({ modelId: 'reader', clock, endpoint: () => endpoint }), stillness, onLook: () => { told++; } },
  );
  reader.start();
  const offer = async (index: number, found: readonly Detection[]): Promise<void> => {
    reader.offer(frameOf('front', index), found);
    await settled();
    await settled();
  };
  for (let index = 0; index < 50; index++) await offer(index, [{ ...person(0.1), track_id: 1 }, { ...person(0.5), track_id: 2 }]);
  assert.equal(asked.filter((left) => left === 10).length, 2, 'once a second');
  assert.equal(asked.filter((left) => left === 50).length, 50, 'who moves: each time');
  told = 0;
  for (let index = 50; index < 60; index++) await offer(index, [{ ...person(0.1), track_id: 1 }]);
  assert.ok(told <= 1, 'where it has not its turn nothing is told: it is still there');
  await offer(60, []);
  assert.ok(told >= 1, 'nobody is there: that is told');
});

test('blur lowers sharpness, more of a picture or a brighter one does not change it much', () => {
  const [width, height] = [200, 100];
  const sharp = Uint8Array.from({ length: width * height }, (_, index) => (Math.floor(index % width / 4) + Math.floor(index / width / 4)) % 2 === 0 ? 60 : 180);
  const blurred = sharp.map((_, index) => [-2, -1, 0, 1, 2].reduce((sum, step) => sum + (sharp[Math.min(Math.max(index + step, 0), sharp.length - 1)]!), 0) / 5);
  const of = (luma: Uint8Array, box: Detection['bbox'] = [0.2, 0.2, 0.8, 0.8]): number => sharpnessOf({ luma, stride: width, width, height }, box);
  assert.ok(of(sharp) > 1.5 * of(blurred), `${of(sharp)} against ${of(blurred)}`);
  assert.equal(of(new Uint8Array(width * height).fill(99)), 0);
  assert.ok(Math.abs(of(sharp, [0, 0, 1, 1]) / of(sharp) - 1) < 0.25);
  assert.ok(Math.abs(of(sharp.map((level) => level + 40)) / of(sharp) - 1) < 0.01);
  assert.equal(of(sharp, [0.5, 0.5, 0.5, 0.5]), 0);
});
