// Asking another process over a real Unix socket: what it answers, what it is not, and how long it may take.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ask } from '@ruth/transport';

async function processThat(t: TestContext, answer: RequestListener): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-ask-'));
  const server = createServer(answer);
  const path = join(folder, 'one.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });
  return path;
}

test('what is answered is parsed, an error keeps its code, and nothing is null', async (t) => {
  const path = await processThat(t, (request, response) => {
    if (request.url === '/nothing') response.writeHead(204).end();
    else if (request.url === '/error') response.writeHead(409).end(JSON.stringify({ error: 'it is there', error_code: 'conflict' }));
    else request.pipe(response);
  });
  assert.deepEqual(await ask(path, 'POST', '/echo', { of: ['what', 1] }), { of: ['what', 1] });
  assert.equal(await ask(path, 'DELETE', '/nothing'), null);
  await assert.rejects(ask(path, 'GET', '/error'), { code: 'conflict', message: 'it is there' });
});

test('what is no answer is an error that says so', async (t) => {
  const path = await processThat(t, (request, response) => {
    if (request.url === '/broken') response.end('{');
    else if (request.url === '/odd') response.writeHead(500).end('{}');
    else response.write('half of it', () => response.destroy());
  });
  await assert.rejects(ask(path, 'GET', '/broken'), { code: 'internal', message: /broken JSON/ });
  await assert.rejects(ask(path, 'GET', '/odd'), { code: 'internal', message: /status 500/ });
  await assert.rejects(ask(path, 'GET', '/half'), { code: 'unreachable' });
  await assert.rejects(ask(`${path}.gone`, 'GET', '/'), { code: 'unreachable', message: /nothing answers/ });
});

test('one that goes on answering without an end is waited for no longer than one that is silent', async (t) => {
  const path = await processThat(t, (_request, response) => {
    const drip = setInterval(() => response.write(' '), 20);
    response.on('close', () => clearInterval(drip));
  });
  await assert.rejects(ask(path, 'GET', '/', undefined, { timeoutMs: 300 }), { code: 'timeout' });
  await assert.rejects(ask(path, 'GET', '/', undefined, { signal: AbortSignal.timeout(50) }), { code: 'cancelled' });
});
