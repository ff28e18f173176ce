import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tries } from '../src/tries.ts';
import { Unreached } from '../src/unreached.ts';

test('nodes try a camera that its own cannot reach one after the other, with longer and longer pauses, and all over again', () => {
  let nowS = 0;
  const tries = new Tries(() => nowS, 15);
  assert.equal(tries.without('x'), null, 'nobody is to try one that is reached');
  assert.deepEqual([tries.begin('x'), tries.begin('x')], [true, false]);
  const nodes = ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
  for (const [index, pauseS] of [15, 30, 60, 120, 240, 480, 600, 600].entries()) {
    assert.deepEqual([...tries.without('x')!], nodes.slice(0, index));
    tries.failed('x', nodes[index]!);
    tries.failed('x', nodes[index]!);
    assert.equal(tries.without('x'), null);
    nowS += pauseS - 1;
    assert.equal(tries.without('x'), null);
    nowS++;
  }
  tries.beginAgain('x');
  assert.deepEqual([...tries.without('x')!], []);
  tries.failed('x', 'b');
  nowS += 599;
  assert.equal(tries.without('x'), null, 'no sooner than before');
  tries.end('x');
  assert.deepEqual([tries.isTried('x'), tries.hasFailed('x', 'b')], [false, false]);
});

test('a camera is told as unreachable when nothing came from it for a minute without a break', () => {
  let nowS = 0;
  const unreached = new Unreached(() => nowS, 60);
  const look = (unreachable: boolean): string => {
    const cameras = { x: { state: 'waiting', ...(unreachable && { unreachable }) } };
    unreached.saw(cameras);
    return unreached.stateOf('x', cameras.x);
  };
  assert.equal(look(true), 'waiting');
  nowS = 59;
  assert.equal(look(true), 'waiting');
  nowS = 60;
  assert.equal(look(true), 'unreachable');
  assert.equal(look(false), 'waiting');
  nowS = 100;
  assert.equal(look(true), 'waiting');
  nowS = 160;
  assert.equal(look(true), 'unreachable');
  assert.equal(unreached.stateOf('other'), 'unknown');
});
