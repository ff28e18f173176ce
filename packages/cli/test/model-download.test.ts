import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { checkedUrl, download, isInnerAddress, packageSpec, type HttpAnswer } from '../src/index.ts';

test('Addresses of this machine and of networks behind it are told from those of the world', () => {
  for (const inner of ['127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.1.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fd00::1', '::ffff:10.0.0.1', '::127.0.0.1', 'nonsense']) {
    assert.ok(isInnerAddress(inner), inner);
  }
  for (const outer of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8']) assert.ok(!isInnerAddress(outer), outer);
});

test('Only https addresses of public hosts are fetched', () => {
  for (const wrong of ['http://host.example/m.onnx', 'https://localhost/m.onnx', 'https://127.0.0.1/m', 'https://[::1]/m', 'https://0x7f.1/m', 'https://2130706433/m', 'https://user:pw@host.example/m', 'ftp://host.example/m', 'nothing']) {
    assert.throws(() => checkedUrl(wrong), { code: 'bad_request' }, wrong);
  }
  assert.equal(checkedUrl('https://host.example/m.onnx').hostname, 'host.example');
});

test('An npm package is named with version and file, and no way out of it', () => {
  assert.deepEqual(packageSpec('npm:@scope/models@1.2.3/a/b.onnx'), { name: '@scope/models', version: '1.2.3', path: 'a/b.onnx' });
  assert.deepEqual(packageSpec('npm:models'), { name: 'models', version: undefined, path: undefined });
  for (const wrong of ['npm:', 'npm:../x', 'npm:a/../../b.onnx', 'npm:-rf', 'npm:a b']) assert.throws(() => packageSpec(wrong), { code: 'bad_request' }, wrong);
});

/** A server here in place of one in the world; addresses are checked as always. */
async function world(t: TestContext, listener: RequestListener): Promise<(url: URL, signal: AbortSignal) => Promise<HttpAnswer>> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.closeAllConnections(); server.close(); });
  const { port } = server.address() as AddressInfo;
  return async (url, signal) => {
    const [response] = await once(get({ host: '127.0.0.1', port, path: url.pathname, signal }), 'response') as [IncomingMessage];
    const length = response.headers['content-length'];
    return { status: response.statusCode!, location: response.headers.location, length: length === undefined ? null : Number(length), body: response, close: () => response.destroy() };
  };
}

function target(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-download-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'm.onnx');
}

test('A file comes whole, with its hash, over redirects that stay outside', async (t) => {
  const body = Buffer.alloc(300_000, 'ruth');
  const where = await world(t, (request, response) => {
    if (request.url === '/m.onnx') response.writeHead(302, { location: 'https://cdn.example/really' }).end();
    else response.end(body);
  });
  const path = target(t);
  let last = 0;
  const { sha256, bytes } = await download('https://host.example/m.onnx', path, { mostBytes: 1e6, timeMs: 10_000, get: where, onProgress: (had) => { last = had; } });
  assert.deepEqual([bytes, last, sha256], [body.length, body.length, createHash('sha256').update(body).digest('hex')]);
  assert.deepEqual(readFileSync(path), body);
});

test('What leads inside, never ends, is too large, comes late or not whole is refused, each with its reason', async (t) => {
  const where = await world(t, (request, response) => {
    switch (request.url) {
      case '/inside': response.writeHead(302, { location: 'https://169.254.169.254/latest' }).end(); break;
      case '/plain': response.writeHead(302, { location: 'http://host.example/m' }).end(); break;
      case '/round': response.writeHead(302, { location: '/round' }).end(); break;
      case '/large': response.writeHead(200, { 'content-length': '5000000' }).write('x'); break;
      case '/endless': { const timer = setInterval(() => response.write(Buffer.alloc(200_000)), 1); response.on('close', () => clearInterval(timer)); break; }
      case '/slow': response.writeHead(200).write('x'); break;
      case '/short': response.writeHead(200, { 'content-length': '10' }).write('x', () => response.destroy()); break;
      default: response.writeHead(404).end();
    }
  });
  const fetch = (path: string, timeMs = 10_000) => download(`https://host.example${path}`, target(t), { mostBytes: 1e6, timeMs, get: where });
  await assert.rejects(fetch('/inside'), /169\.254\.169\.254 is an address of this machine or network/);
  await assert.rejects(fetch('/plain'), /only https/);
  await assert.rejects(fetch('/round'), /more than 5 times/);
  await assert.rejects(fetch('/large'), /5000000 bytes.*--size-limit/);
  await assert.rejects(fetch('/endless'), /--size-limit/);
  await assert.rejects(fetch('/slow', 200), { code: 'timeout' });
  await assert.rejects(fetch('/short'), { code: 'unreachable' });
  await assert.rejects(fetch('/gone'), /status 404/);
});
