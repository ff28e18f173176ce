import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusals } from '../src/refusals.ts';

test('a camera that is refused is told for a while, longer each time up to ten minutes, and not where it changed or was taken', () => {
  let nowS = 0;
  const refusals = new Refusals(() => nowS);
  const told = (): number => refusals.present.size;
  for (const waitS of [15, 30, 60, 120, 240, 480, 600, 600]) {
    refusals.saw({ x: { settings: 7 } }, { x: 'no room' });
    nowS += waitS - 1;
    // What is still given meanwhile counts once.
    refusals.saw({ x: { settings: 7 } }, { x: 'no room' });
    assert.equal(told(), 1);
    nowS += 1;
    assert.equal(told(), 0);
  }
  refusals.saw({ x: { settings: 8 } }, { x: 'no room' });
  assert.match(refusals.present.get('x')!.why, /no room; tried once, and again after 15 s/);
  refusals.saw({ x: { settings: 8 } }, {});
  assert.equal(told(), 0);
});
