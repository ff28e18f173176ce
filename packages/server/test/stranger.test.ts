// The server as a stranger meets it, and somebody who is known and wants more: what docs/security.md says was tried. Who signs in: stranger-signs-in.test.ts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AuditEntry, CreatedToken, ErrorBody } from '@ruth/protocol';
import { admin, cookieOf, startAccessPlace, WHEP_SESSION, type AccessPlace, type Asked, type Headers } from './access-place.ts';
import { startSupervisor, until } from './stand-ins.ts';

const PASSWORD = 'correct horse battery';
const codeOf = ({ text }: Pick<Asked, 'text'>): string => (JSON.parse(text) as ErrorBody).error_code;

/** The path goes out as it is: no client puts it right first. */
function raw(url: string, method: string, path: string, headers: Headers = {}, body?: string): Promise<{ status: number; text: string; headers: IncomingHttpHeaders }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string; headers: IncomingHttpHeaders }>();
  const { hostname, port } = new URL(url);
  const request = httpRequest({ host: hostname, port, method, path, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('end', () => resolve({ status: response.statusCode!, text, headers: response.headers })).on('error', reject);
  });
  request.on('error', reject).end(body);
  return promise;
}

describe('a stranger', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ruth-stranger-'));
  const stack = new AsyncDisposableStack();
  const askedOfSupervisor: string[] = [];
  let at: AccessPlace;
  let anna: Headers;
  const signIn = (headers: Headers, password: string, name = 'anna'): Promise<Asked> => at.ask('POST', '/api/v1/session', headers, { name, password });
  const noted = async (query: string): Promise<AuditEntry[]> => JSON.parse((await at.ask('GET', `/api/v1/audit${query}`, admin)).text) as AuditEntry[];

  before(async () => {
    mkdirSync(join(folder, 'page', 'assets'), { recursive: true });
    writeFileSync(join(folder, 'page', 'index.html'), '<p>page</p>');
    writeFileSync(join(folder, 'page', 'assets', 'a.js'), '1');
    writeFileSync(join(folder, 'secret.txt'), 'the secret');
    writeFileSync(join(folder, 'page', 'secret.txt'), 'the secret');
    at = stack.use(await startAccessPlace(undefined, { pageDirectory: join(folder, 'page'), trustedProxies: ['127.0.0.1'] }));
    stack.use(await startSupervisor(at.place.directory, () => [], (app) => {
      app.all('/*', (request, reply) => {
        askedOfSupervisor.push(`${request.method} ${request.url}`);
        return reply.code(204).send();
      });
    }));
    anna = await at.add({ name: 'anna', role: 'viewer', cameras: ['yard'] });
  });
  after(async () => {
    await stack.disposeAsync();
    rmSync(folder, { recursive: true, force: true });
  });

  it('gets the same headers with every kind of answer', async () => {
    const json = { 'content-type': 'application/json' };
    const asked: readonly [kind: string, status: number, method: string, path: string, headers?: Headers, body?: string][] = [
      ['the page', 200, 'GET', '/'], ['an asset', 200, 'GET', '/assets/a.js'], ['HEAD', 200, 'HEAD', '/'], ['the API', 200, 'GET', '/api/v1/health'], ['a picture', 200, 'GET', '/api/v1/cameras/yard/snapshot.jpg', admin],
      ['nobody', 401, 'GET', '/api/v1/cameras'], ['too little', 403, 'GET', '/api/v1/users', anna], ['no page', 404, 'GET', '/nothing'], ['no route', 404, 'OPTIONS', '/api/v1/cameras'], ['no JSON', 400, 'POST', '/api/v1/session', json, '{'],
      ['too long', 413, 'POST', '/api/v1/session', json, JSON.stringify({ name: 'x', password: 'x'.repeat(70_000) })], ['another type', 400, 'POST', '/api/v1/session', { 'content-type': 'text/xml' }, '<x/>'],
      ['a foreign Host', 400, 'GET', '/', { host: 'evil.example' }], ['no such path', 400, 'GET', '/assets/%zz'], ['a WebSocket that is none', 404, 'GET', '/api/v1/live', admin],
    ];
    for (const [kind, status, method, path, headers, body] of asked) {
      const answer = await raw(at.url, method, path, headers, body);
      assert.equal(answer.status, status, `${kind}: ${answer.text}`);
      assert.match(String(answer.headers['content-security-policy']), /^default-src 'none'; script-src 'self'; style-src 'self';.*base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/, kind);
      for (const [name, value] of Object.entries({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-resource-policy': 'same-origin', 'cross-origin-opener-policy': 'same-origin' })) assert.equal(answer.headers[name], value, `${kind}: ${name}`);
      assert.match(String(answer.headers['permissions-policy']), /camera=\(\)/, kind);
      assert.match(answer.headers['cache-control'] ?? '', path.startsWith('/api/') ? /no-store/ : /./, kind);
      assert.equal(answer.headers['access-control-allow-origin'], undefined, kind);
    }
  });

  it('does not sign anybody in from a foreign page, nor by a form', async () => {
    const body = JSON.stringify({ name: 'anna', password: PASSWORD });
    const json = { 'content-type': 'application/json' };
    for (const headers of [{ ...json, 'origin': 'http://evil.example' }, { ...json, 'sec-fetch-site': 'cross-site' }, { ...json, 'sec-fetch-site': 'same-site', 'origin': at.url }, { ...json, 'origin': 'null' }, { 'content-type': 'text/plain' }, { 'content-type': 'application/x-www-form-urlencoded' }, { 'content-type': 'multipart/form-data; boundary=x' }]) {
      const { status, headers: answered } = await raw(at.url, 'POST', '/api/v1/session', headers, body);
      assert.ok(status === 403 || status === 400 || status === 415, `${JSON.stringify(headers)}: ${status}`);
      assert.equal(answered['set-cookie'], undefined);
    }
    assert.equal((await raw(at.url, 'POST', '/api/v1/session', { ...json, 'sec-fetch-site': 'same-origin', 'origin': at.url }, body)).status, 200);
  });

  it('gets no file but those of the page, however a path is written', async () => {
    const up = ['..', '%2e%2e', '%2E%2E', '.%2e', '%252e%252e', '..%00', '..;', '%c0%ae%c0%ae', '%uff0e%uff0e'];
    const slashes = ['/', '%2f', '%2F', '%5c', '\\', '//', '%252f', '/./'];
    for (const back of up) for (const slash of slashes) for (const [root, depth] of [['/', 1], ['/assets/', 1], ['/assets/', 2]] as const) {
      const { status, text } = await raw(at.url, 'GET', `${root}${Array(depth).fill(back).join(slash)}${slash}secret.txt`.replace('\\', '%5C'));
      assert.ok(status >= 400 && !text.includes('the secret'), `${root} ${back} ${slash}: ${status} ${text}`);
    }
    for (const path of ['/secret.txt', '/assets//secret.txt', '/assets/a.js%00.txt', `/assets/${'a/../'.repeat(400)}a.js%00`, '/assets/', '/assets']) assert.ok((await raw(at.url, 'GET', path)).status >= 400, path);
  });

  it('sees no other camera by writing its name in another way, and reaches nothing of the kernel but its routes', async () => {
    const before = at.askedOfKernel.length;
    const spelled = ['%76ault', 'yard%2f..%2fvault', 'yard/../vault', 'yard%2F%2E%2E%2Fvault', 'yard%252f..%252fvault', 'yard%5c..%5cvault', 'yard%00vault', 'vault%00', 'vault%20', 'VAULT/../vault', './vault', '%2e/vault', 'vault;yard', 'yard%3f/../vault', 'yard%23vault', '..%2fcameras%2fvault', 'vault.', 'yard&id=vault'];
    for (const name of spelled) for (const what of ['snapshot.jpg', 'timeline?start=1&end=2', 'segments/1.mp4', 'hls/index.m3u8?start=1&end=2', 'scene', 'settings', 'segments/..%2f..%2f..%2fvault%2f1.mp4']) {
      const { status, text } = await raw(at.url, 'GET', `/api/v1/cameras/${name}/${what}`, anna);
      assert.ok(status >= 400 && status < 500 && !text.startsWith('something of'), `${name}/${what}: ${status} ${text}`);
    }
    assert.deepEqual(at.askedOfKernel.slice(before).filter((line) => /vault|\.\./.test(line)), []);
    // Of recorded files the kernel takes numbers alone; what the router understood, it understands in the same way.
    for (const name of ['..%2f..%2findex.sqlite', '%2e%2e', '1.mp4%00', '1.mp4%2f..']) {
      assert.ok(!(await raw(at.url, 'GET', `/api/v1/cameras/yard/segments/${name}`, anna)).text.includes('/index.sqlite at'), name);
    }
  });

  it('reaches nothing of the supervisor but what a route is for', async () => {
    for (const id of ['x%2fsecret%3f', '..%2fprocesses%3f', '..', '%2e%2e', 'x%3fa=b', 'x%23', 'x%0d%0ahost:%20y', 'x%2f..%2fy']) {
      for (const [method, path] of [['GET', `models/${id}/preview.jpg`], ['POST', `models/${id}/enable`], ['DELETE', `models/${id}`], ['GET', `model-jobs/${id}`], ['GET', `model-jobs/${id}/picture.jpg`], ['DELETE', `model-uploads/${id}`]] as const) {
        const { status } = await raw(at.url, method, `/api/v1/${path}`, admin);
        assert.ok(status === 400 || status === 404, `${method} ${path}: ${status}`);
      }
    }
    assert.deepEqual(askedOfSupervisor, []);
  });

  it('sends no more than a little, and nothing that changes what objects are', async () => {
    const post = (body: string, headers: Headers = {}): Promise<{ status: number }> => raw(at.url, 'POST', '/api/v1/session', { 'content-type': 'application/json', ...headers }, body);
    assert.equal((await post('x'.repeat(64 * 1024 + 1))).status, 413);
    assert.equal((await post('{"name":"anna","password":"x","__proto__":{"role":"admin"}}')).status, 400);
    assert.equal((await post('{"name":"anna","password":"x","role":"admin"}')).status, 400);
    assert.equal((await post(`${'['.repeat(30_000)}${']'.repeat(30_000)}`)).status, 400);
    assert.equal((await post('{"name":{"$gt":""},"password":"x"}')).status, 400);
    // Without a length, as much as it likes: cut off at the same limit.
    assert.equal((await raw(at.url, 'POST', '/api/v1/session', { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }, `"${'x'.repeat(100_000)}"`)).status, 413);
    const { hostname, port } = new URL(at.url);
    const socket = connect(Number(port), hostname);
    socket.write(`GET /api/v1/health HTTP/1.1\r\nhost: ${hostname}\r\nx-much: ${'x'.repeat(40_000)}\r\n\r\n`);
    const [first] = await once(socket, 'data') as [Buffer];
    assert.match(first.toString(), /^HTTP\/1\.1 431 /);
    if (!socket.closed) await once(socket, 'close');
  });

  it('is told nothing of files and hosts by what went wrong inside; whoever administers is', async () => {
    const path = '/api/v1/cameras/yard/keyframes?at=500';
    const [forAnna, forAdmin] = [await at.ask('GET', path, anna), await at.ask('GET', path, admin)];
    assert.deepEqual([forAnna.status, codeOf(forAnna)], [500, 'internal']);
    assert.doesNotMatch(forAnna.text, /secret-place|ENOENT/);
    assert.match(forAdmin.text, /secret-place/);
  });

  it('watches no longer than a token lasts, over WebSockets and WHEP, nor what it was not given', async () => {
    await at.add({ name: 'boss', role: 'admin' });
    const { cookie } = cookieOf(await signIn({ 'x-forwarded-for': '192.0.2.1', 'cookie': '' }, PASSWORD, 'boss'), at.url) as { cookie: string };
    const make = async (body: object): Promise<Headers> => ({ authorization: `Bearer ${(JSON.parse((await at.ask('POST', '/api/v1/tokens', { cookie, origin: at.url }, body)).text) as CreatedToken).token}` });
    const metrics = await make({ name: 'metrics', scopes: ['metrics'] });
    const ofYard = await make({ name: 'yard', scopes: ['view'], cameras: ['yard'] });
    for (const [path, headers] of [['/api/v1/live', metrics], ['/api/v1/cameras/yard/live', metrics], ['/api/v1/cameras/vault/live', ofYard], ['/api/v1/cameras/vault/webrtc', ofYard]] as const) {
      const { answer, socket } = await at.upgrade(path, headers);
      socket.terminate();
      assert.equal(answer, 403, path);
    }
    const brief = await make({ name: 'brief', scopes: ['view'], expires_in_days: 1 });
    const { socket } = await at.upgrade('/api/v1/cameras/yard/live', brief);
    const closed = once(socket, 'close');
    const whep = await at.ask('POST', '/api/v1/cameras/yard/whep', brief);
    assert.deepEqual([whep.status, whep.headers.get('location')], [201, `/api/v1/cameras/yard/whep/${WHEP_SESSION}`]);
    // A day later, in which it is asked every half minute.
    using database = new DatabaseSync(join(at.place.directory, 'ruth.sqlite'));
    database.exec("UPDATE tokens SET expires_us = 1 WHERE name = 'brief'");
    at.place.server.access.changed();
    assert.equal((await closed)[0], 4401);
    await until(() => at.askedOfKernel.includes(`DELETE /v1/cameras/yard/whep/${WHEP_SESSION}`), 'the WHEP session is ended');
  });

  it('leaves a note where anything is deleted, or the notes are read', async () => {
    await at.ask('DELETE', '/api/v1/exports/yard', admin);
    await at.ask('GET', '/api/v1/exports/yard/file', admin);
    await at.ask('GET', '/api/v1/cameras/yard/hls/index.m3u8?start=1&end=2', anna);
    await until(async () => (await noted('?action=deleted an export')).length === 1, 'it is noted');
    assert.equal((await noted('?action=downloaded an export')).length, 1);
    // Another hour of the recordings is another note.
    await at.ask('GET', '/api/v1/cameras/yard/segments/1767600000123.mp4', anna);
    await at.ask('GET', '/api/v1/cameras/yard/segments/1767600010123.mp4', anna);
    await until(async () => (await noted('?action=saw a recording')).some(({ detail }) => detail === 'at=1767600000.123'), 'it is noted');
    assert.ok((await noted('?action=saw a recording')).every(({ actor, camera_id: camera, detail }) => actor === 'anna' && camera === 'yard' && detail !== 'at=1767600010.123'));
    assert.equal((await noted('?action=saw the audit log')).length, 1);
  });
});
