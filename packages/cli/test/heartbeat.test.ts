import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heartbeat } from '../src/supervisor/heartbeat.ts';

test('a process that answers is never taken to hang; one that leaves more questions than its limit is, once', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let asked = 0;
  let hung = 0;
  using heartbeat = new Heartbeat({ ask: () => { asked++; }, onHang: () => { hung++; }, limitS: 4 });
  for (let second = 0; second < 60; second++) {
    t.mock.timers.tick(1000);
    if (second % 4 === 3) heartbeat.answered();
  }
  assert.deepEqual([asked, hung], [60, 0]);
  for (let second = 0; second < 4; second++) t.mock.timers.tick(1000);
  assert.equal(hung, 0);
  t.mock.timers.tick(1000);
  assert.equal(hung, 1);
  for (let second = 0; second < 60; second++) t.mock.timers.tick(1000);
  assert.deepEqual([asked, hung], [64, 1]);
});
