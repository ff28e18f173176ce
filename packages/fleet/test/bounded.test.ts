// Many things at once, but not all; and none more once one failed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { inParallel } from '../src/bounded.ts';

describe('many things at once', () => {
  it('are done so many at a time', async () => {
    const done: number[] = [];
    let under = 0;
    let most = 0;
    await inParallel([1, 2, 3, 4, 5], 2, async (item) => {
      most = Math.max(most, ++under);
      await turn();
      under--;
      done.push(item);
    });
    assert.deepEqual([done, most], [[1, 2, 3, 4, 5], 2]);
  });

  it('end after one that failed: those under way are over by then, no other is begun', async () => {
    const begun: number[] = [];
    const over: number[] = [];
    const slow = Promise.withResolvers<void>();
    const all = inParallel([1, 2, 3, 4], 2, async (item) => {
      begun.push(item);
      if (item === 1) throw new Error('one failed');
      await slow.promise;
      over.push(item);
    });
    let isOver = false;
    const ended = assert.rejects(all, /one failed/).then(() => { isOver = true; });
    await turn();
    assert.equal(isOver, false, 'one is under way');
    slow.resolve();
    await ended;
    assert.deepEqual([begun, over], [[1, 2], [2]]);
  });
});
