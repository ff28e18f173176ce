import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QueueLimit } from '../src/pool/queue-limit.ts';

test('A burst may wait; after half a second without a free session the queue is kept short, until requests find free sessions again', () => {
  let now = 0;
  const limit = new QueueLimit({ sessions: 4, burst: 32, nowMs: () => now });
  assert.equal(limit.next(true), 32);
  for (; now < 490; now += 10) assert.equal(limit.next(false), 32);
  now = 500;
  assert.equal(limit.next(false), 2);
  // Now and then a session happens to be free: too much is asked all the same.
  for (let round = 0; round < 20; round++) assert.deepEqual([limit.next(true), limit.next(true), limit.next(false)], [2, 2, 2]);
  for (let index = 0; index < 9; index++) assert.equal(limit.next(true), 2);
  assert.equal(limit.next(true), 32);
  assert.equal(limit.next(false), 32);
});

test('A moderate load, whose requests find a session free now and then, never shortens the queue', () => {
  let now = 0;
  const limit = new QueueLimit({ sessions: 2, burst: 16, nowMs: () => now });
  for (let index = 0; index < 1000; index++, now += 60) assert.equal(limit.next(index % 7 === 0), 16);
});
