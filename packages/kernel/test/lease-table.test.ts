import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LeaseTable } from '../src/index.ts';

function tableAt(): { table: LeaseTable; clock: { nowMs: number } } {
  const clock = { nowMs: 1000 };
  return { table: new LeaseTable(() => clock.nowMs), clock };
}

test('demand is the highest rate among the leases of a camera', () => {
  const { table } = tableAt();
  table.put('a', { camera_id: 'front', fps: 5, ttl_ms: 1000 });
  table.put('b', { camera_id: 'front', fps: 12, ttl_ms: 1000 });
  table.put('c', { camera_id: 'back', fps: 25, ttl_ms: 1000 });
  assert.deepEqual([table.demand('front'), table.demand('back'), table.demand('side')], [12, 25, 0]);
});

test('a lease that is not renewed ends, and its camera is named once', () => {
  const { table, clock } = tableAt();
  table.put('a', { camera_id: 'front', fps: 5, ttl_ms: 1000 });
  table.put('b', { camera_id: 'front', fps: 1, ttl_ms: 3000 });
  assert.equal(table.nextExpiryInMs, 1000);
  clock.nowMs += 1000;
  assert.equal(table.demand('front'), 1);
  assert.deepEqual(table.expire(), ['front']);
  assert.deepEqual(table.expire(), []);
  assert.equal(table.nextExpiryInMs, 2000);
});

test('putting a lease again renews it, at the rate it now names', () => {
  const { table, clock } = tableAt();
  table.put('a', { camera_id: 'front', fps: 5, ttl_ms: 1000 });
  clock.nowMs += 900;
  table.put('a', { camera_id: 'front', fps: 2, ttl_ms: 1000 });
  clock.nowMs += 900;
  assert.deepEqual(table.expire(), []);
  assert.equal(table.demand('front'), 2);
});

test('a lease that moves to another camera names both', () => {
  const { table } = tableAt();
  table.put('a', { camera_id: 'front', fps: 5, ttl_ms: 1000 });
  assert.deepEqual(table.put('a', { camera_id: 'back', fps: 5, ttl_ms: 1000 }), ['front', 'back']);
  assert.deepEqual([table.demand('front'), table.demand('back')], [0, 5]);
});

test('deleting a lease ends its demand at once; an unknown one is no error', () => {
  const { table } = tableAt();
  table.put('a', { camera_id: 'front', fps: 5, ttl_ms: 1000 });
  assert.equal(table.delete('a'), 'front');
  assert.equal(table.delete('a'), null);
  assert.equal(table.demand('front'), 0);
  assert.equal(table.nextExpiryInMs, null);
});

test('the table is bounded: the 4097th lease is refused, a renewal is not', () => {
  const { table } = tableAt();
  for (let i = 0; i < 4096; i++) table.put(`lease-${i}`, { camera_id: 'front', fps: 1, ttl_ms: 1000 });
  assert.throws(() => table.put('one-more', { camera_id: 'front', fps: 1, ttl_ms: 1000 }), { code: 'overloaded' });
  table.put('lease-0', { camera_id: 'front', fps: 3, ttl_ms: 1000 });
  assert.equal(table.demand('front'), 3);
});
