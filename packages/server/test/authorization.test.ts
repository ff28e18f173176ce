// Who may see a camera is asked before any way of seeing it opens.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { RuthError } from '@ruth/protocol';
import { WebSocket } from 'ws';
import { camera, startKernel, startPlace } from './stand-ins.ts';

const upgrade = async (address: string): Promise<number | 'open'> => {
  const socket = new WebSocket(address);
  socket.on('error', () => undefined);
  const answer = await Promise.race([
    once(socket, 'open').then(() => 'open' as const),
    once(socket, 'unexpected-response').then(([, response]) => (response as { statusCode: number }).statusCode),
  ]);
  socket.terminate();
  return answer;
};

test('a hook that refuses closes MSE, WebRTC and WHEP, for the camera that it means and no other', async () => {
  const asked: string[] = [];
  await using place = await startPlace({
    authorizeView: async (request, cameraId) => {
      asked.push(`${request.method} ${cameraId}`);
      if (request.headers.authorization !== 'Bearer guest') throw new RuthError('unauthorized', 'who are you?');
      if (cameraId === 'vault') throw new RuthError('forbidden', 'not the vault');
    },
  });
  await using _kernel = await startKernel(place.directory, () => [camera('vault'), camera('yard')]);
  const sockets = place.url.replace('http', 'ws');
  for (const way of ['live', 'webrtc']) assert.equal(await upgrade(`${sockets}/api/v1/cameras/vault/${way}`), 401, way);
  const whep = async (method: string, path: string, authorization?: string): Promise<number> => (await fetch(`${place.url}/api/v1/cameras/${path}`, {
    method, ...(method === 'POST' ? { body: 'v=0' } : {}), headers: { ...(method === 'POST' ? { 'content-type': 'application/sdp' } : {}), ...(authorization ? { authorization } : {}) },
  })).status;
  const session = '00000000-0000-4000-8000-000000000000';
  assert.equal(await whep('POST', 'vault/whep'), 401);
  assert.equal(await whep('DELETE', `vault/whep/${session}`), 401);
  assert.equal(await whep('POST', 'vault/whep', 'Bearer guest'), 403);
  assert.equal(await whep('DELETE', `vault/whep/${session}`, 'Bearer guest'), 403);
  // Let through, and then answered by a kernel that knows no WHEP.
  assert.equal(await whep('POST', 'yard/whep', 'Bearer guest'), 404);
  assert.deepEqual(asked, ['GET vault', 'GET vault', 'POST vault', 'DELETE vault', 'POST vault', 'DELETE vault', 'POST yard']);
});

test('without a hook every camera may be seen, and a wrong id is still refused', async () => {
  await using place = await startPlace();
  await using _kernel = await startKernel(place.directory, () => [camera('front')]);
  assert.equal(await upgrade(`${place.url.replace('http', 'ws')}/api/v1/cameras/front/live`), 'open');
  assert.equal((await fetch(`${place.url}/api/v1/cameras/a%2F..%2Fb/whep`, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: 'v=0' })).status, 400);
});
