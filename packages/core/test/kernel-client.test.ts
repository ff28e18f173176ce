// How core asks the kernel for frames, over a real Unix socket: what it is answered, what it is not, and how long it waits.
import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { KernelClient } from '../src/index.ts';

const LEASE = { camera_id: 'yard', fps: 5, ttl_ms: 5000 };
const GRANT = { ...LEASE, lease_id: 'one', frame_reference: '/dev/shm/vas_frames_yard', camera_state: 'streaming' };

async function kernelThat(t: TestContext, answer: RequestListener): Promise<{ client: KernelClient; connections: () => number }> {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-kernel-'));
  const server = createServer(answer);
  let connections = 0;
  server.on('connection', () => connections++);
  const path = join(folder, 'kernel.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = new KernelClient(path);
  t.after(async () => {
    await client[Symbol.asyncDispose]();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });
  return { client, connections: () => connections };
}

test('leases are asked for over kept connections, and a refusal keeps its code', async (t) => {
  const { client, connections } = await kernelThat(t, (request, response) => {
    const refused = request.url!.endsWith('/unknown');
    request.resume().on('end', () => response.writeHead(refused ? 404 : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(refused ? { error: 'there is no such camera', error_code: 'camera_not_found', advice: '' } : GRANT)));
  });
  const { signal } = new AbortController();
  for (let count = 0; count < 5; count++) assert.deepEqual(await client.putLease('one', LEASE, signal), GRANT);
  assert.equal(connections(), 1);
  await assert.rejects(client.putLease('unknown', LEASE, signal), { code: 'camera_not_found' });
  await client.deleteLease('unknown');
});

test('nonsense is an error', async (t) => {
  const { client } = await kernelThat(t, (request, response) => {
    request.resume().on('end', () => response.writeHead(200).end(request.url!.endsWith('/other') ? JSON.stringify({ ...GRANT, camera_id: 'gate' }) : '{'));
  });
  const { signal } = new AbortController();
  await assert.rejects(client.putLease('broken', LEASE, signal), { code: 'internal' });
  await assert.rejects(client.putLease('other', LEASE, signal), { code: 'internal' });
});

test('a kernel that hangs is waited for no longer than its limit, also by who waits for a connection; who gives up waits not at all', async (t) => {
  const { client } = await kernelThat(t, () => undefined);
  const given = new AbortController();
  const gaveUp = client.putLease('given-up', LEASE, given.signal);
  const waiting = Array.from({ length: 10 }, (_, index) => client.putLease(`waits-${index}`, LEASE, new AbortController().signal));
  given.abort();
  await assert.rejects(gaveUp, { code: 'cancelled' });
  for (const { reason } of await Promise.allSettled(waiting) as PromiseRejectedResult[]) assert.match(String(reason), /did not answer within 2000 ms/);
  await assert.rejects(client.putLease('too-late', LEASE, given.signal), { code: 'cancelled' });
});
