import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startMisuse } from './misuse-clients.ts';
import { publishGrey, serveProbe, until } from './harness.ts';

/** `npm run -s chaos -- misuse` does it for longer, and measures. */
const MISUSE_MS = 2500;

test('Whatever 20 clients do to the socket, and 200 that say nothing, an honest one gets each answer, and nothing of them stays', async (t) => {
  const { container, ask, ring: newRing, request } = await serveProbe(t, { sessions: 4 });
  const ring = newRing();
  const frame = publishGrey(ring, 0);
  const misuse = await startMisuse({ socketPath: container.socketPath, clients: 20, perSecond: 10, idle: 200, request: { ...request(ring, frame, { confidence_threshold: 0.5 }) } });
  let honest = 0;
  for (const begun = performance.now(); performance.now() - begun < MISUSE_MS || honest < 20; honest++) {
    const { error, detections } = await ask(request(ring, frame));
    assert.deepEqual([error, detections.length > 0], [null, true]);
    await delay(20);
  }
  const misused = await misuse.stop();
  assert.ok(misused >= 20, `${misused} times`);
  await until(() => container.health().counters.connections! <= 2);
  const { status, counters } = container.health();
  assert.equal(status, 'ready');
  assert.ok(counters.failed! > 0 && counters.ipc_errors! > 0, JSON.stringify(counters));
  assert.deepEqual([counters.running, counters.queued, counters.sessions_replaced], [0, 0, 0]);
});
