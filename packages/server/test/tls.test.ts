// HTTPS by a certificate of one's own: pages, WebSockets, cookies, renewal, and what is no certificate.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import type { TlsSettings } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { startServer } from '@ruth/server';
import { WebSocket } from 'ws';
import { followRenewal, readCertificate } from '../src/tls.ts';

let folder: string;
const made = (name: string): TlsSettings => ({ certificateFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) });

/** By openssl, as many people make theirs. */
function make(name: string, days = 2): TlsSettings {
  const settings = made(name);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', settings.keyFile, '-out', settings.certificateFile, '-days', String(days), '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
  return settings;
}

const startTls = (tls: TlsSettings) => startServer({
  host: '127.0.0.1', port: 0, tls, socketDirectory: folder, models: [], pageDirectory: folder, store: { kind: 'sqlite', file: join(folder, 'ruth.sqlite') }, logger: createLogger('server', 'fatal'), adminToken: null,
});

describe('TLS', () => {
  before(() => { folder = mkdtempSync(join(tmpdir(), 'ruth-tls-')); });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('serves pages and WebSockets over HTTPS, with a Secure cookie and a promise to stay so; plain HTTP gets nothing', async () => {
    const tls = make('first');
    await using server = await startTls(tls);
    assert.match(server.url, /^https:/);
    const ca = readFileSync(tls.certificateFile);
    const health = await ask(`${server.url}/api/v1/health`, ca);
    assert.equal(health.status, 200);
    assert.equal(health.headers['strict-transport-security'], 'max-age=31536000');
    assert.match(String(health.headers['content-security-policy']), /wss:/);
    const { name, password } = (await server.access.makeFirstAdmin())!;
    const session = await ask(`${server.url}/api/v1/session`, ca, { name, password });
    assert.match(session.headers['set-cookie']![0]!, /; Secure/);
    const cookie = session.headers['set-cookie']![0]!.split(';')[0]!;
    assert.equal((await ask(`${server.url}/api/v1/session`, ca, undefined, { cookie })).status, 200);
    const socket = new WebSocket(`${server.url.replace('https', 'wss')}/api/v1/live`, { ca, headers: { cookie }, origin: 'https://evil.example' });
    const [, response] = await once(socket, 'unexpected-response') as [unknown, { statusCode: number }];
    assert.equal(response.statusCode, 400);
    socket.on('error', () => undefined).terminate();
    await assert.rejects(fetch(server.url.replace('https', 'http')));
  });

  it('serves a renewed certificate to new connections, keeps the old one while the new is broken, and no connection is lost', async () => {
    const tls = make('old');
    const server = createServer(readCertificate(tls), (_request, response) => response.end('here'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const standing = await secured(port);
    const renewed = make('new');
    const stop = followRenewal(server, tls, createLogger('server', 'fatal'), 20);
    try {
      writeFileSync(tls.keyFile, 'half of a key');
      for (let looks = 0; looks < 20; looks++) assert.equal(await subject(port), 'old');
      writeFileSync(tls.certificateFile, readFileSync(renewed.certificateFile));
      writeFileSync(tls.keyFile, readFileSync(renewed.keyFile));
      let seen = '';
      for (const end = Date.now() + 20_000; seen !== 'new' && Date.now() < end;) seen = await subject(port);
      assert.equal(seen, 'new');
      standing.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
      const [answer] = await once(standing, 'data') as [Buffer];
      assert.match(answer.toString(), /^HTTP\/1\.1 200/);
    } finally {
      stop();
      standing.destroy();
      server.close();
    }
  });

  it('says what is wrong with a certificate before anything is served', async () => {
    const [one, other] = [make('one'), make('other')];
    const text = join(folder, 'text');
    writeFileSync(text, 'hello');
    const cases: readonly [string, TlsSettings, RegExp][] = [
      ['missing', { ...one, certificateFile: join(folder, 'nowhere.crt') }, /http\.tls\.certificate .*nowhere\.crt cannot be read: ENOENT/],
      ['no certificate', { ...one, certificateFile: text }, /text holds no certificate in PEM/],
      ['no key', { ...one, keyFile: text }, /text holds no private key in PEM without a passphrase/],
      ['of another', { ...one, keyFile: other.keyFile }, /other\.key is not that of the certificate in .*one\.crt/],
    ];
    for (const [what, settings, message] of cases) await assert.rejects(startTls(settings), { code: 'invalid_config', message }, what);
    assert.throws(() => readCertificate(one, Date.now() + 3 * 86_400_000), { code: 'invalid_config', message: /was valid until .*; renew it/ });
  });
});

interface Answer { readonly status: number; readonly headers: Record<string, string | string[] | undefined> & { readonly 'set-cookie'?: string[] } }

function ask(url: string, ca: Buffer, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { ca, method: body === undefined ? 'GET' : 'POST', headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) } }, (response) => {
      response.resume().on('end', () => resolve({ status: response.statusCode!, headers: response.headers as Answer['headers'] }));
    });
    outgoing.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function secured(port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  return socket;
}

async function subject(port: number): Promise<string> {
  const socket = await secured(port);
  const { subject: { CN } } = socket.getPeerCertificate();
  socket.destroy();
  return String(CN);
}
