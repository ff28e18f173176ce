// Signing in through a real OpenID Connect provider (oidc-provider), as a browser goes: away, through its pages, and back.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { AuditEntry, ErrorBody, OidcConfig, SessionInfo, SignInWays } from '@ruth/protocol';
import { Provider } from 'oidc-provider';
import { startPlace, until } from './stand-ins.ts';

const ADMIN_TOKEN = 'a-fixed-token-for-the-tests-of-oidc';
const PEOPLE: Readonly<Record<string, object>> = { anna: { preferred_username: 'anna', groups: ['cameras', 'bosses'] }, bert: { preferred_username: 'bert@example.org', groups: ['cameras'] }, carl: { preferred_username: 'carl', groups: [] }, eve: { preferred_username: 'local', groups: ['cameras'] } };

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function place(t: TestContext) {
  const front = createServer();
  const issuer = await listening(front);
  const config: OidcConfig = { issuer, client_id: 'ruth', client_secret: { env: 'RUTH_TEST_OIDC' }, title: 'Our house', roles: [{ group: 'bosses', role: 'admin' }, { group: 'cameras', role: 'viewer' }] };
  const ruth = await startPlace({ identify: null, adminToken: ADMIN_TOKEN, oidc: config, environment: { RUTH_TEST_OIDC: 'a secret of the client' } });
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'ruth', client_secret: 'a secret of the client', redirect_uris: [`${ruth.url}/api/v1/session/oidc/callback`], token_endpoint_auth_method: 'client_secret_post' }],
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email'] }, cookies: { keys: ['for tests'] },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub, ...PEOPLE[sub] }) }),
  });
  const answer = provider.callback();
  front.on('request', (request, response) => void answer(request, response));
  t.after(async () => {
    await ruth[Symbol.asyncDispose]();
    front.close().closeAllConnections();
  });
  return { ruth };
}

/** A browser that keeps cookies by host and follows redirects one by one. */
class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();

  async go(url: string, form?: Record<string, string>): Promise<{ url: string; status: number; text: string }> {
    for (let hops = 0, next = url, body = form; hops < 20; hops++) {
      const { host } = new URL(next);
      const jar = this.#cookies.get(host) ?? new Map<string, string>();
      this.#cookies.set(host, jar);
      const response: Response = await fetch(next, {
        redirect: 'manual', headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '), ...(body ? { 'content-type': 'application/x-www-form-urlencoded' } : {}) }, ...(body ? { method: 'POST', body: new URLSearchParams(body) } : {}),
      });
      for (const cookie of response.headers.getSetCookie()) {
        const [name = '', value = ''] = cookie.split(';')[0]!.split(/=(.*)/s);
        if (value === '') jar.delete(name);
        else jar.set(name, value);
      }
      const location = response.headers.get('location');
      if (location === null) return { url: next, status: response.status, text: await response.text() };
      next = new URL(location, next).href;
      body = undefined;
    }
    throw new Error('too many redirects');
  }

  /** Away to the provider, through its pages, and back. */
  async signIn(ruth: string, login: string, meanwhile: () => Promise<void> = async () => undefined): Promise<{ url: string; status: number; text: string }> {
    let page = await this.go(`${ruth}/api/v1/session/oidc`);
    await meanwhile();
    for (const form of [{ prompt: 'login', login, password: 'any' }, { prompt: 'consent' }]) {
      const action = /<form[^>]*action="([^"]+)"/.exec(page.text)?.[1];
      if (action === undefined) break;
      page = await this.go(new URL(action, page.url).href, form);
    }
    return page;
  }
}

test('people whom a provider knows sign in, with the role of their groups, and are people of Ruth from then on', async (t) => {
  const { ruth } = await place(t);
  const { body: ways } = { body: await (await fetch(`${ruth.url}/api/v1/session/ways`)).json() as SignInWays };
  assert.deepEqual(ways, { password: true, oidc: { title: 'Our house', url: '/api/v1/session/oidc' } });
  const sessionOf = async (browser: Browser): Promise<SessionInfo> => JSON.parse((await browser.go(`${ruth.url}/api/v1/session`)).text) as SessionInfo;

  const anna = new Browser();
  // Whoever begins again and again crowds out nobody.
  const back = await anna.signIn(ruth.url, 'anna', async () => { for (let count = 0; count < 300; count++) await (await fetch(`${ruth.url}/api/v1/session/oidc`, { redirect: 'manual' })).arrayBuffer(); });
  assert.equal(back.status, 200, back.text);
  assert.match(back.text, /http-equiv="refresh" content="0;url=\/"/);
  assert.deepEqual([(await sessionOf(anna)).name, (await sessionOf(anna)).permissions.includes('administer')], ['anna', true]);

  const bert = new Browser();
  await bert.signIn(ruth.url, 'bert');
  assert.deepEqual([(await sessionOf(bert)).name, (await sessionOf(bert)).permissions], ['bert_example.org', ['view']]);

  const carl = await new Browser().signIn(ruth.url, 'carl');
  assert.deepEqual([carl.status, (JSON.parse(carl.text) as ErrorBody).error_code], [403, 'forbidden']);

  // Somebody with a password here is not taken over by a name from there.
  const admin = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
  assert.equal((await fetch(`${ruth.url}/api/v1/users`, { method: 'POST', headers: admin, body: JSON.stringify({ name: 'local', role: 'admin', password: 'only for one time' }) })).status, 201);
  const eve = await new Browser().signIn(ruth.url, 'eve');
  assert.deepEqual([eve.status, (JSON.parse(eve.text) as ErrorBody).error_code], [409, 'conflict']);

  // Who was switched off stays out; nobody signs in by an empty password.
  assert.equal((await fetch(`${ruth.url}/api/v1/users/bert_example.org`, { method: 'PATCH', headers: admin, body: JSON.stringify({ active: false }) })).status, 200);
  assert.equal((await new Browser().signIn(ruth.url, 'bert')).status, 403);
  assert.equal((await fetch(`${ruth.url}/api/v1/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'anna', password: ' ' }) })).status, 401);
  await until(async () => (await (await fetch(`${ruth.url}/api/v1/audit`, { headers: admin })).json() as AuditEntry[]).filter(({ detail, action }) => action === 'signed in' && detail === 'by OpenID Connect').length === 2, 'both are noted');
});

test('a browser that did not begin, or answers what another began, is not signed in', async (t) => {
  const { ruth } = await place(t);
  const begun = await fetch(`${ruth.url}/api/v1/session/oidc`, { redirect: 'manual' });
  const away = new URL(begun.headers.get('location')!);
  for (const name of ['state', 'nonce', 'code_challenge']) assert.ok(away.searchParams.get(name), name);
  const cookie = begun.headers.getSetCookie()[0]!;
  assert.match(cookie, /^ruth_oidc=[^;]+;.*HttpOnly; SameSite=Lax/);
  const callback = `${ruth.url}/api/v1/session/oidc/callback?code=stolen&state=${away.searchParams.get('state')}&iss=${encodeURIComponent(away.origin)}`;
  assert.equal((await fetch(callback)).status, 401, 'without its cookie');
  const own = { headers: { cookie: cookie.split(';')[0]! } };
  assert.equal((await fetch(callback.replace(/state=[^&]+/, 'state=another'), own)).status, 401, 'with another state');
  assert.equal((await fetch(callback, own)).status, 401, 'a code that the provider did not give');
  const [name, value] = own.headers.cookie.split(/=(.*)/s) as [string, string];
  for (const forged of [`${value.slice(0, -2)}AA`, value.slice(40), 'x', '']) assert.equal((await fetch(callback, { headers: { cookie: `${name}=${forged}` } })).status, 401, 'with another cookie');
});
