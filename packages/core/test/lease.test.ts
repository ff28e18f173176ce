// A lease at a kernel that is not there yet, and at one that goes away.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuthError, type LeaseGrant } from '@ruth/protocol';
import { Lease } from '../src/lease.ts';

const GRANT = { lease_id: 'x' } as unknown as LeaseGrant;

/** What is told of `attempts` of these outcomes, with so many seconds from one to the next. */
async function told(outcomes: readonly (null | 'unreachable' | 'camera_not_found')[], everyMs: number): Promise<string[]> {
  const lines: string[] = [];
  const stop = new AbortController();
  let attempts = 0;
  let nowMs = 0;
  const lease = new Lease({
    cameraId: 'front', fps: 5,
    kernel: {
      putLease: () => {
        const code = outcomes[attempts++] ?? null;
        if (attempts === outcomes.length) stop.abort();
        return code === null ? Promise.resolve(GRANT) : Promise.reject(new RuthError(code, code));
      },
      deleteLease: () => Promise.resolve(),
    },
    clock: { utcMs: () => 0, monotonicMs: () => nowMs, sleep: () => { nowMs += everyMs; return Promise.resolve(); } },
    onGrant: () => lines.push(`granted at ${nowMs}`), onFailure: ({ code }) => lines.push(`${code} at ${nowMs}`), onExpiry: () => lines.push(`expired at ${nowMs}`),
  });
  await lease.run(stop.signal);
  return lines;
}

test('that the kernel is not there yet is told once it should be; that it went away, at once', async () => {
  assert.deepEqual(await told(['unreachable', 'unreachable', null, null], 1000), ['granted at 2000']);
  assert.deepEqual(await told(['unreachable', 'unreachable', 'unreachable', 'unreachable', null], 3000), ['unreachable at 6000']);
  assert.deepEqual(await told([null, 'unreachable', 'unreachable', null, null], 1000), ['granted at 0', 'unreachable at 1000', 'granted at 3000']);
  assert.deepEqual(await told(['camera_not_found', null, null], 1000), ['camera_not_found at 0', 'granted at 1000'], 'a kernel that refuses is there');
});
