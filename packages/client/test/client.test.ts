// The client is what the server says of itself, and works against a server that runs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ruthClient, type Schemas } from '@ruth/client';
import { OPERATIONS, ROUTE_TABLE } from '@ruth/server/parts';
import { camera, startCore, startKernel, startPlace, until } from '../../server/test/stand-ins.ts';
import { clientFiles } from '../scripts/description.ts';

test('openapi.json and the types are what the server says now (else: npm run -s client)', async () => {
  for (const [file, text] of Object.entries(await clientFiles())) assert.equal(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8') === text, true, `${file} is out of date`);
});

test('every route of the API is described, and nothing that is none', () => {
  assert.deepEqual(Object.keys(OPERATIONS).toSorted(), Object.keys(ROUTE_TABLE).filter((route) => route.includes(' /api/')).toSorted());
});

test('the client asks and is answered, with types', async () => {
  await using place = await startPlace();
  await using kernel = await startKernel(place.directory, () => [camera('front')]);
  await using core = await startCore(place.directory, { models: () => [], subscriptions: () => [], latest: () => [] });
  const client = ruthClient({ url: `${place.url}/`, token: 'any' });
  const { data: cameras } = await client.GET('/api/v1/cameras');
  const [first]: Schemas['CameraStatus'][] = cameras ?? [];
  assert.equal(first?.camera_id, 'front');
  await until(() => core.connections.length > 0, 'core is followed');
  core.publish({ id: 1, version: 1, at: 1_700_000_000, type: 'camera.up', camera_id: 'front', reason: null });
  await until(async () => (await client.GET('/api/v1/events', { params: { query: { camera: ['front', 'yard'], type: 'camera.up' } } })).data?.events.length === 1, 'the event is found by a list of cameras');
  const { error, response } = await client.PATCH('/api/v1/cameras/{id}/intent', { params: { path: { id: 'front' } }, body: { rules: [{ id: '../x', when: '' }] } });
  assert.deepEqual([response.status, error?.problems?.map(({ pointer }) => pointer)], [400, ['/rules/0/id', '/rules/0/when']]);
  const { data: description } = await client.GET('/api/v1/openapi.json');
  assert.equal((description as { openapi: string }).openapi, '3.1.0');
  void kernel;
});
