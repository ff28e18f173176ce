// The motion gate on pictures that the test paints: what is motion, and what is light, noise, a mask or nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subscriptionProblem, type MaskConfig, type MotionConfig } from '@ruth/protocol';
import { FrameSource, LumaGrid, ModelAccess, MotionGate, Subscription, systemClock, type CameraFrame, type MotionVerdict } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { answerTo, frameOf, MockEndpoint, person, settled } from './mock-endpoint.ts';
import { HEIGHT, publishPicture, Scene, WIDTH } from './painted-scene.ts';
import { Place, ringOf } from './stand-ins.ts';

const FPS = 5;

function watched(config: MotionConfig = {}, masks: readonly MaskConfig[] = []) {
  const [scene, grid, gate] = [new Scene(), new LumaGrid(WIDTH, HEIGHT), new MotionGate(config, masks)];
  let frame = 0;
  const judge = (): MotionVerdict => {
    grid.read(scene.luma, WIDTH);
    return gate.judge(grid, frame++ / FPS);
  };
  /** Verdicts of so many seconds; `paint` is told how many seconds have passed. */
  const watch = (seconds: number, paint: (second: number) => void = () => scene.paint()): MotionVerdict[] => Array.from({ length: seconds * FPS }, (_, index) => {
    paint(index / FPS);
    return judge();
  });
  return { scene, gate, watch };
}
const counted = (verdicts: readonly MotionVerdict[]): Partial<Record<MotionVerdict, number>> => Object.fromEntries([...Map.groupBy(verdicts, (verdict) => verdict)].map(([verdict, of]) => [verdict, of.length]));

test('at first every look passes; then a still scene is looked at when it must be, and noise is no motion', () => {
  const { watch } = watched();
  assert.deepEqual(counted(watch(5)), { warm_up: 25 });
  const { forced, still, ...others } = counted(watch(60));
  assert.deepEqual(others, {});
  assert.ok(forced! >= 5 && forced! <= 7, `${forced} forced looks in a minute`);
  assert.equal(forced! + still!, 300);
});

test('a thing of a hundredth of the picture that moves is motion, and so it is for a while after it stopped', () => {
  const { scene, watch } = watched();
  watch(10);
  const verdicts = watch(4, (second) => scene.paint({ square: [25 + Math.round(second * 30), 100, 24] }));
  assert.deepEqual(counted(verdicts), { motion: 20 });
  assert.equal(watch(2, () => scene.paint({ square: [145, 100, 24] }))[0], 'motion');
});

test('a faint thing is motion to a sensitive gate alone', () => {
  for (const [sensitivity, moves] of [[0, false], [100, true]] as const) {
    const { scene, watch } = watched({ sensitivity });
    watch(10);
    const verdicts = watch(2, (second) => scene.paint({ square: [50 + Math.round(second * 30), 50, 30], darker: 8 }));
    assert.equal(verdicts.includes('motion'), moves, `sensitivity ${sensitivity}`);
  }
});

test('light that changes everywhere is no motion', () => {
  const { scene, watch } = watched();
  watch(10);
  const slowly = counted(watch(10, (second) => scene.paint({ light: second * 4 })));
  assert.equal(slowly.motion, undefined, JSON.stringify(slowly));
});

test('what moves under a mask does not count, unless the mask hides objects alone', () => {
  const polygon: [number, number][] = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]];
  for (const [mask, moves] of [[{ polygon }, false], [{ polygon, hides: ['objects'] }, true]] as const) {
    const { scene, watch } = watched({}, [mask as MaskConfig]);
    watch(10);
    const verdicts = watch(2, (second) => scene.paint({ square: [10 + Math.round(second * 30), 100, 30] }));
    assert.equal(verdicts.includes('motion'), moves);
    assert.ok(watch(2, (second) => scene.paint({ square: [200 + Math.round(second * 30), 100, 30] })).includes('motion'), 'beside the mask it does');
  }
});

test('while something is seen it is looked at every second, though it stands', () => {
  const { gate, watch } = watched();
  watch(10);
  gate.saw(true);
  const { forced } = counted(watch(30));
  assert.ok(forced! >= 25 && forced! <= 30, `${forced}`);
});

test('while all that is seen stands still it is looked at as often as is told, or as where nothing is seen', () => {
  for (const [config, most] of [[{}, 4], [{ stationary_look_s: 5 }, 7], [{ stationary_look_s: 30 }, 2]] as const) {
    const [scene, grid, gate] = [new Scene(), new LumaGrid(WIDTH, HEIGHT), new MotionGate(config)];
    gate.saw(true);
    const verdicts = Array.from({ length: 35 * FPS }, (_, index) => {
      scene.paint();
      grid.read(scene.luma, WIDTH);
      return gate.judge(grid, index / FPS, true);
    });
    const { forced = 0 } = counted(verdicts);
    assert.ok(forced >= most - 2 && forced <= most, `${forced} looks in half a minute with ${JSON.stringify(config)}`);
  }
});

test('another size of the picture, and a stream that begins anew, are learnt anew', () => {
  const { gate } = watched();
  const small = new LumaGrid(320, 180);
  const large = new LumaGrid(1920, 1080);
  for (const [grid, from] of [[small, 0], [large, 100], [large, 3]] as const) {
    assert.equal(gate.judge(grid, from), 'warm_up');
    assert.equal(gate.judge(grid, from + 4.9), 'warm_up');
    assert.equal(gate.judge(grid, from + 5.1), 'still');
    assert.equal(gate.judge(grid, from + 15), 'forced');
  }
});

test('a subscription looks only while something moves, and counts the rest; the luma is read from the ring', async () => {
  await using place = await Place.make();
  using ring = ringOf(place, 'front', { width: WIDTH, height: HEIGHT });
  const clock = new ManualClock();
  let asked = 0;
  const access = new ModelAccess({ modelId: 'finder', clock, endpoint: () => new MockEndpoint('finder', (request) => (asked++, answerTo(request))) });
  const subscription = new Subscription({ model: 'finder', desired_fps: 5, motion: { warm_up_s: 2, forced_look_s: 100 } }, { cameraId: 'front', clock, access, onLook: () => undefined });
  subscription.start();
  using source = new FrameSource({
    cameraId: 'front', frameReference: ring.path, ringDirectory: place.ringDirectory, fps: 5, clock: systemClock, onError: (error) => assert.fail(error),
    onFrame: (frame: CameraFrame) => {
      assert.equal(frame.lumaGrid(), frame.lumaGrid(), 'read once');
      subscription.offer(frame);
    },
  });
  source.poll();
  const scene = new Scene();
  let frame = 0;
  const show = async (seconds: number, paint: (second: number) => void = () => scene.paint()): Promise<void> => {
    for (let index = 0; index < seconds * FPS; index++) {
      paint(index / FPS);
      publishPicture(ring, scene, frame++ * 200_000);
      source.poll();
      await settled();
    }
  };
  await show(2);
  assert.equal(asked, 10);
  // The first look after the warm-up is a forced one, for none was before it.
  await show(4);
  const still = asked;
  assert.ok(still <= 11, `${still} looks at what does not move`);
  await show(2, (second) => scene.paint({ square: [50 + Math.round(second * 50), 50, 30] }));
  assert.equal(asked - still, 10);
  const { due, sent, drops } = subscription.status();
  assert.equal(due, sent + Object.values(drops).reduce((sum, count) => sum + count, 0));
  assert.equal(drops.no_motion, due - asked);
});

test('a frame that is gone is looked for, and motion is no matter of regions', async () => {
  const clock = new ManualClock();
  const endpoint = new MockEndpoint('finder', (request) => answerTo(request, [person(0.1)]));
  const subscription = new Subscription({ model: 'finder', desired_fps: 25, motion: {} }, { cameraId: 'front', clock, access: new ModelAccess({ modelId: 'finder', clock, endpoint: () => endpoint }), onLook: () => undefined });
  subscription.start();
  subscription.offer(frameOf('front', 0));
  await settled();
  assert.equal(subscription.status().answered, 1);
  assert.match(subscriptionProblem([{ model: 'finder', desired_fps: 5 }, { model: 'poser', desired_fps: 5, regions: { model: 'finder' }, motion: {} }])!.message, /it follows finder/);
});
