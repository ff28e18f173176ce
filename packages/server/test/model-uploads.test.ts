// A model that is sent as a file: through the server to the supervisor at the pace at which it is taken, with clear answers where it is not.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import type { AuditEntry, ErrorBody, ModelUpload } from '@ruth/protocol';
import { limitBody } from '@ruth/server/parts';
import { fastify } from 'fastify';
import { admin, startAccessPlace, type Headers } from './access-place.ts';
import { startSupervisor, until } from './stand-ins.ts';

const octets: Headers = { ...admin, 'content-type': 'application/octet-stream' };

test('a model of some megabytes goes through whole, is noted, and is answered clearly where it is refused or breaks off', async () => {
  await using at = await startAccessPlace();
  const begun: string[] = [];
  const ended: string[] = [];
  await using _supervisor = await startSupervisor(at.place.directory, () => [], (app) => {
    app.addContentTypeParser('application/octet-stream', (_request, body, done) => done(null, body));
    app.post<{ Querystring: { file_name: string } }>('/v1/model-uploads', async (request, reply) => {
      const { file_name: name } = request.query;
      begun.push(name);
      if (name === 'too-large.onnx') return reply.code(507).send({ error: 'no room for it', error_code: 'disk_full' } satisfies ErrorBody);
      const hash = createHash('sha256');
      let bytes = 0;
      try {
        for await (const chunk of request.body as IncomingMessage) {
          bytes += (chunk as Buffer).length;
          hash.update(chunk as Buffer);
        }
        ended.push(`${name}: ${bytes}`);
      } catch {
        ended.push(`${name}: broken off`);
      }
      return reply.code(201).send({ upload_id: 'a', file_name: name, bytes, sha256: hash.digest('hex') } satisfies ModelUpload);
    });
  });
  const send = (name: string, body: Uint8Array<ArrayBuffer>, headers: Headers = octets) => fetch(`${at.url}/api/v1/model-uploads?file_name=${encodeURIComponent(name)}`, { method: 'POST', headers, body });

  const weights = new Uint8Array(randomBytes(8_000_000));
  const sent = await send('größer.onnx', weights);
  assert.equal(sent.status, 201);
  assert.deepEqual(await sent.json(), { upload_id: 'a', file_name: 'größer.onnx', bytes: weights.length, sha256: createHash('sha256').update(weights).digest('hex') });
  await until(async () => (JSON.parse((await at.ask('GET', '/api/v1/audit?action=sent a model', admin)).text) as AuditEntry[]).some(({ detail }) => detail.startsWith('größer.onnx, 8000000 bytes, sha256 ')), 'it is noted');

  // The reason arrives although not all of it was read.
  const refused = await send('too-large.onnx', weights);
  assert.deepEqual([refused.status, (await refused.json() as ErrorBody).error_code], [507, 'disk_full']);
  const unknown = await send('x.onnx', weights, { ...octets, authorization: 'Bearer nobody' });
  assert.equal(unknown.status, 401);
  assert.equal((await send('x.onnx', weights, { ...octets, 'content-type': 'text/plain' })).status, 400);
  assert.equal((await fetch(`${at.url}/api/v1/model-uploads`, { method: 'POST', headers: octets, body: weights })).status, 400);

  const { port, hostname } = new URL(at.url);
  const line = connect(Number(port), hostname).on('error', () => undefined);
  line.write(`POST /api/v1/model-uploads?file_name=cut.onnx HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: 1000\r\nContent-Type: application/octet-stream\r\nAuthorization: ${admin.authorization}\r\n\r\nsome`);
  await until(() => begun.includes('cut.onnx'), 'it is on its way');
  line.destroy();
  await until(() => ended.includes('cut.onnx: broken off'), 'the supervisor hears that nothing more comes');
  assert.deepEqual(ended, ['größer.onnx: 8000000', 'cut.onnx: broken off']);
});

test('a body that comes drop by drop holds its connection for its time only, and one that came in time is left alone', async () => {
  await using app = fastify();
  app.addHook('onRequest', async (request) => limitBody(request, 150));
  app.post('/', async (request) => request.body);
  const { port } = new URL(await app.listen({ port: 0, host: '127.0.0.1' }));
  const line = connect(Number(port), '127.0.0.1').on('error', () => undefined);
  line.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n');
  const drops = setInterval(() => line.write(' '), 20);
  await once(line, 'close');
  clearInterval(drops);
  const quick = connect(Number(port), '127.0.0.1');
  let text = '';
  quick.on('data', (data) => { text += data.toString(); });
  const ask = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';
  quick.write(ask);
  await new Promise((resolve) => setTimeout(resolve, 300));
  quick.write(ask);
  await until(() => text.split('200 OK').length === 3, 'the same connection is answered twice');
  quick.destroy();
});
