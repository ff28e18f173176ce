import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Reconciler } from '../src/index.ts';
import { ManualClock } from './manual-clock.ts';
import { settled } from './mock-endpoint.ts';

test('a camera that fails is tried again with growing pauses, and holds up no other', async () => {
  const clock = new ManualClock();
  const attempts = { good: [] as number[], bad: [] as number[] };
  const failures: string[] = [];
  let mended = false;
  await using reconciler = new Reconciler({
    clock, onFailure: (id, { message }) => failures.push(`${id}: ${message}`),
    apply: async (id) => {
      attempts[id as keyof typeof attempts].push(clock.monotonicMs());
      if (id === 'bad' && !mended) throw new Error('it cannot');
    },
  });
  await Promise.all([reconciler.touch('bad'), reconciler.touch('good')]);
  assert.deepEqual(attempts, { good: [0], bad: [0] });
  assert.equal(reconciler.state('bad').failure?.message, 'it cannot');
  for (let second = 0; second < 300; second++) {
    clock.advance(1000);
    await settled();
  }
  const tries = attempts.bad.length;
  assert.ok(tries >= 8 && tries <= 40, `${tries} attempts in 5 minutes`);
  assert.deepEqual(failures, ['bad: it cannot'], 'said once');
  mended = true;
  await reconciler.touch('bad');
  assert.equal(attempts.bad.length, tries + 1, 'a newer intent is tried at once');
  assert.deepEqual(reconciler.state('bad'), { busy: false, failure: null });
  assert.deepEqual(attempts.good, [0]);
});

test('however often it is told, and whatever fails, in the end the camera is as it was told last, one attempt at a time', async () => {
  const steps = fc.array(fc.oneof(fc.constantFrom('touch', 'finish', 'fail', 'pass'), fc.constant('touch')), { maxLength: 40 });
  await fc.assert(fc.asyncProperty(steps, async (sequence) => {
    const clock = new ManualClock();
    let wanted = 0;
    let made = 0;
    let atWork: { value: number; finish: (succeeds: boolean) => void } | null = null;
    const reconciler = new Reconciler({
      clock, onFailure: () => undefined,
      apply: () => {
        assert.equal(atWork, null, 'never two at once');
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const value = wanted;
        atWork = {
          value,
          finish: (succeeds) => {
            atWork = null;
            if (!succeeds) return reject(new Error('no'));
            made = value;
            resolve();
          },
        };
        return promise;
      },
    });
    const touched: Promise<void>[] = [];
    const finish = (succeeds: boolean): void => atWork?.finish(succeeds);
    for (const step of sequence) {
      if (step === 'touch') {
        wanted++;
        touched.push(reconciler.touch('one'));
      } else if (step === 'pass') clock.advance(60_000);
      else finish(step === 'finish');
      await settled();
    }
    for (let round = 0; round < 4; round++) {
      finish(true);
      clock.advance(60_000);
      await settled();
    }
    assert.equal(made, wanted);
    await Promise.all(touched);
    await reconciler[Symbol.asyncDispose]();
  }), { numRuns: 100 });
});
