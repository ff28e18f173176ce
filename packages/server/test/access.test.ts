// Signing in, sessions, tokens, and what is noted: what a person and an attacker meet.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import type { AuditEntry, CreatedToken, ErrorBody, SessionInfo, TokenInfo } from '@ruth/protocol';
import { hashPassword, isPassword, SignInAttempts } from '@ruth/server/parts';
import type { StoreAddress } from '@ruth/server';
import { admin, cookieOf, startAccessPlace } from './access-place.ts';
import { postgresPrograms, startPostgres, type RunningPostgres } from './postgres.ts';
import { until } from './stand-ins.ts';

const codeOf = ({ text }: { text: string }): string => (JSON.parse(text) as ErrorBody).error_code;

/** People, sessions and tokens are the same in both databases: the tests that touch all of them run over each. */
const programs = postgresPrograms();
let postgres: RunningPostgres | null = null;
after(() => postgres?.[Symbol.asyncDispose]());
const DATABASES = [
  { name: 'SQLite', skip: false, store: async (): Promise<StoreAddress | undefined> => undefined },
  { name: 'PostgreSQL', skip: programs === null && 'PostgreSQL is not installed (apt-get install postgresql)', store: async (): Promise<StoreAddress | undefined> => ({ kind: 'postgres', url: (postgres ??= await startPostgres(programs!)).url }) },
] as const;

for (const { name, skip, store } of DATABASES) test(`the first admin signs in with a password that works once, must choose another, and signs in with that (${name})`, { skip }, async () => {
  await using at = await startAccessPlace(await store());
  const { access } = at.place.server;
  const first = (await access.makeFirstAdmin())!;
  assert.equal(first.name, 'admin');
  assert.match(first.password, /^(\w{4}-){3}\w{4}$/);
  assert.equal(await access.makeFirstAdmin(), null);
  const signedIn = await at.signIn('admin', first.password);
  assert.equal(signedIn.status, 200, signedIn.text);
  assert.deepEqual(JSON.parse(signedIn.text), { name: 'admin', kind: 'person', permissions: [], cameras: null, must_change_password: true, one_time_password: true } satisfies SessionInfo);
  const [cookie] = signedIn.headers.getSetCookie();
  assert.match(cookie!, /^ruth_session=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/);
  const session = cookieOf(signedIn, at.url);
  assert.equal((await at.signIn('admin', first.password)).status, 401);
  const refused = await at.ask('GET', '/api/v1/cameras', session);
  assert.deepEqual([refused.status, codeOf(refused)], [403, 'forbidden']);
  assert.match(refused.text, /choose a new password/);
  assert.equal((await at.ask('PUT', '/api/v1/session/password', session, { next: 'short' })).status, 400);
  assert.equal((await at.ask('PUT', '/api/v1/session/password', session, { next: 'long enough now' })).status, 204);
  assert.equal((await at.ask('GET', '/api/v1/cameras', session)).status, 200);
  // From now on the present one is asked for.
  assert.equal((await at.ask('PUT', '/api/v1/session/password', session, { current: 'wrong', next: 'long enough again' })).status, 403);
  const other = cookieOf(await at.signIn('admin', 'long enough now'), at.url);
  assert.equal((await at.ask('PUT', '/api/v1/session/password', session, { current: 'long enough now', next: 'long enough again' })).status, 204);
  // Whoever changes the password ends all other sessions.
  assert.deepEqual([(await at.ask('GET', '/api/v1/session', other)).status, (await at.ask('GET', '/api/v1/session', session)).status], [401, 200]);
  assert.equal((await at.ask('DELETE', '/api/v1/session', session)).status, 204);
  assert.equal((await at.ask('GET', '/api/v1/session', session)).status, 401);
});

test('a link signs in once, and only the newest does', async () => {
  await using at = await startAccessPlace();
  const { access } = at.place.server;
  await access.makeFirstAdmin();
  const [old, code] = [access.makeLink(), access.makeLink()];
  const follow = (link: string) => at.ask('POST', '/api/v1/session', {}, { link });
  assert.equal((await follow(old)).status, 401);
  const signedIn = await follow(code);
  assert.deepEqual([signedIn.status, (JSON.parse(signedIn.text) as SessionInfo).must_change_password], [200, false]);
  assert.equal((await follow(code)).status, 401);
  assert.equal((await at.ask('GET', '/api/v1/users', cookieOf(signedIn, at.url))).status, 200);
});

test('a session changes nothing for a foreign page, though its cookie comes along', async () => {
  await using at = await startAccessPlace();
  const { cookie } = await at.add({ name: 'anna', role: 'operator' }) as { cookie: string };
  const keep = async (headers: Record<string, string>): Promise<number> => (await at.ask('PUT', '/api/v1/cameras/yard/kept', { cookie, ...headers }, { start: 1, end: 2 })).status;
  assert.equal(await keep({ origin: at.url }), 200);
  for (const headers of [{}, { origin: 'http://evil.example' }, { origin: 'http://127.0.0.1:1' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site', origin: at.url }, { 'sec-fetch-site': 'same-site' }]) assert.equal(await keep(headers), 403, JSON.stringify(headers));
  // A WebSocket too is opened by the server's own page only.
  const { answer, socket } = await at.upgrade('/api/v1/live', { cookie, origin: 'http://evil.example' });
  socket.terminate();
  assert.equal(answer, 400);
});

test('whoever guesses has to wait, longer each time, and learns nothing of who there is', async () => {
  await using at = await startAccessPlace();
  await at.add({ name: 'anna', role: 'viewer' });
  const answers = [];
  for (let count = 0; count < 7; count++) answers.push(await at.signIn('anna', `guess ${count}`));
  assert.deepEqual(answers.map(({ status }) => status), [401, 401, 401, 401, 401, 429, 429]);
  assert.equal(answers[5]!.headers.get('retry-after'), '15');
  assert.equal(codeOf(answers[5]!), 'rate_limited');
  // The right one too has to wait.
  assert.equal((await at.signIn('anna', 'correct horse battery')).status, 429);
  assert.equal((await at.signIn('nobody', 'guess')).text, answers[0]!.text);
});

test('waiting after failures doubles, ends, is forgotten, and one address cannot lock out another', () => {
  let nowMs = 0;
  const attempts = new SignInAttempts(() => nowMs);
  const attempt = (name: string, address: string, device: string | null = null) => ({ name, address, device });
  const wait = (name: string, address: string, device: string | null = null): number => {
    try {
      attempts.assertMayTry(attempt(name, address, device));
      return 0;
    } catch (error) {
      return (error as { retryAfterS: number }).retryAfterS;
    }
  };
  for (let count = 0; count < 5; count++) attempts.failed(attempt('anna', 'one'));
  assert.deepEqual([wait('anna', 'one'), wait('anna', 'two'), wait('bert', 'one')], [15, 0, 0]);
  nowMs += 15_000;
  assert.equal(wait('anna', 'one'), 0);
  attempts.failed(attempt('anna', 'one'));
  assert.equal(wait('anna', 'one'), 30);
  for (let count = 0; count < 10; count++) attempts.failed(attempt('anna', 'one'));
  assert.equal(wait('anna', 'one'), 900);
  attempts.succeeded(attempt('anna', 'one'));
  assert.equal(wait('anna', 'one'), 0);
  // Many names from one address: the address waits.
  for (let count = 0; count < 20; count++) attempts.failed(attempt(`name-${count}`, 'one'));
  assert.ok(wait('someone', 'one') > 0);
  nowMs += 3600_000;
  assert.equal(wait('someone', 'one'), 0);
  // Whoever has an IPv6 network is one, however many addresses they come from; and IPv4 is IPv4, however it is written.
  for (let count = 0; count < 20; count++) attempts.failed(attempt(`name-${count}`, `2001:db8:1:2::${count.toString(16)}`));
  assert.ok(wait('someone', '2001:db8:1:2:ffff:1:2:3') > 0);
  assert.deepEqual([wait('someone', '2001:db8:1:3::1'), wait('someone', '2001:db8::1')], [0, 0]);
  for (let count = 0; count < 20; count++) attempts.failed(attempt(`name-${count}`, `::ffff:192.0.2.7`));
  assert.ok(wait('someone', '192.0.2.7') > 0);
  // A name that half the world guesses: strangers wait, and a device that the person signed in with does not, until it fails itself.
  for (let count = 0; count < 60; count++) attempts.failed(attempt('anna', `198.51.100.${count}`));
  assert.ok(wait('anna', '203.0.113.1') > 0);
  assert.equal(wait('anna', '203.0.113.1', 'her laptop'), 0);
  for (let count = 0; count < 5; count++) attempts.failed(attempt('anna', '203.0.113.1', 'her laptop'));
  assert.equal(wait('anna', '203.0.113.1', 'her laptop'), 15);
});

for (const { name, skip, store } of DATABASES) test(`a token is shown once, does no more than its owner may now, expires, and is gone at once when it is removed (${name})`, { skip }, async () => {
  await using at = await startAccessPlace(await store());
  const anna = await at.add({ name: 'anna', role: 'operator', cameras: ['yard'] });
  const make = (body: object) => at.ask('POST', '/api/v1/tokens', anna, body);
  assert.equal((await make({ name: 'too much', scopes: ['administer'] })).status, 403);
  const { token, token_id } = JSON.parse((await make({ name: 'script', scopes: ['view', 'operate'] })).text) as CreatedToken;
  const bearer = { authorization: `Bearer ${token}` };
  // Made by a token there are none.
  assert.equal((await at.ask('POST', '/api/v1/tokens', bearer, { name: 'child', scopes: ['view'] })).status, 403);
  assert.equal((await at.ask('PUT', '/api/v1/cameras/yard/kept', bearer, { start: 1, end: 2 })).status, 200);
  const listed = await at.ask('GET', '/api/v1/tokens', anna);
  assert.doesNotMatch(listed.text, new RegExp(token));
  assert.deepEqual((JSON.parse(listed.text) as TokenInfo[]).map(({ name, owner }) => [name, owner]), [['script', 'anna']]);
  for (const file of name === 'SQLite' ? ['ruth.sqlite', 'ruth.sqlite-wal'] : []) assert.ok(!readFileSync(`${at.place.directory}/${file}`).includes(token), `${file} holds the token`);
  // Its owner may less now, and so does it.
  assert.equal((await at.ask('PATCH', '/api/v1/users/anna', admin, { role: 'viewer' })).status, 200);
  assert.deepEqual([(await at.ask('PUT', '/api/v1/cameras/yard/kept', bearer, { start: 1, end: 2 })).status, (await at.ask('GET', '/api/v1/cameras', bearer)).status], [403, 200]);
  const brief = JSON.parse((await at.ask('POST', '/api/v1/tokens', cookieOf(await at.signIn('anna', 'correct horse battery'), at.url), { name: 'brief', scopes: ['view'], expires_in_days: 1e-6 })).text) as CreatedToken;
  await until(async () => (await at.ask('GET', '/api/v1/cameras', { authorization: `Bearer ${brief.token}` })).status === 401, 'it has expired');
  assert.equal((await at.ask('DELETE', `/api/v1/tokens/${token_id}`, admin)).status, 204);
  assert.equal((await at.ask('GET', '/api/v1/cameras', bearer)).status, 401);
});

test('whose permission is taken does not go on watching, and somebody always administers', async () => {
  await using at = await startAccessPlace();
  const anna = await at.add({ name: 'anna', role: 'viewer' });
  const boss = await at.add({ name: 'boss', role: 'admin' });
  const sockets = await Promise.all(['/api/v1/live', '/api/v1/cameras/yard/live', '/api/v1/cameras/yard/webrtc'].map(async (path) => (await at.upgrade(path, anna)).socket));
  const stays = (await at.upgrade('/api/v1/cameras/yard/live', boss)).socket;
  const closed = Promise.all(sockets.map(async (socket) => (await once(socket, 'close') as [number])[0]));
  assert.equal((await at.ask('PATCH', '/api/v1/users/anna', boss, { active: false })).status, 200);
  assert.deepEqual(await closed, [4401, 4401, 4401]);
  assert.equal((await at.signIn('anna', 'correct horse battery')).status, 401);
  assert.equal(stays.readyState, stays.OPEN);
  stays.terminate();
  for (const [method, body] of [['PATCH', { role: 'viewer' }], ['PATCH', { active: false }], ['DELETE', undefined]] as const) {
    const answer = await at.ask(method, '/api/v1/users/boss', admin, body);
    assert.deepEqual([answer.status, codeOf(answer)], [409, 'invalid_state']);
  }
  assert.equal((await at.ask('DELETE', '/api/v1/users/anna', admin)).status, 204);
  assert.equal((await at.ask('DELETE', '/api/v1/users/anna', admin)).status, 404);
});

test('what was seen, changed, exported and tried is noted, with who, which camera and from where', async () => {
  await using at = await startAccessPlace();
  const anna = await at.add({ name: 'anna', role: 'operator', cameras: ['yard'] });
  await at.signIn('anna', 'wrong');
  for (let count = 0; count < 3; count++) await at.ask('GET', '/api/v1/cameras/yard/snapshot.jpg?at=5', anna);
  await at.ask('POST', '/api/v1/exports', anna, { camera_id: 'yard', start: 1, end: 2 });
  await at.ask('GET', '/api/v1/cameras/vault/snapshot.jpg', anna);
  const noted = async (query: string): Promise<AuditEntry[]> => JSON.parse((await at.ask('GET', `/api/v1/audit${query}`, admin)).text) as AuditEntry[];
  await until(async () => (await noted('?action=exported')).length === 1, 'it is noted');
  assert.deepEqual((await noted('?actor=anna')).map(({ action, camera_id, detail, address }) => [action, camera_id, detail, address]), [
    ['exported', 'yard', 'start=1 end=2', '127.0.0.1'], ['saw a picture', 'yard', 'at=5', '127.0.0.1'], ['failed to sign in', null, '', '127.0.0.1'],
    ['changed the password', null, '', '127.0.0.1'], ['signed in', null, '', '127.0.0.1'],
  ]);
  const all = await noted('');
  assert.deepEqual((await noted(`?before=${all[1]!.entry_id}&limit=1`)).map(({ entry_id }) => entry_id), [all[2]!.entry_id]);
});

test('health alone is open, and says how the parts are, not why', async () => {
  await using at = await startAccessPlace();
  const { status, text } = await at.ask('GET', '/api/v1/health');
  assert.equal(status, 200);
  assert.doesNotMatch(text, /"error":"/);
});

test('passwords are kept as Argon2id, each with a salt of its own', async () => {
  const [one, two] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')]);
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.notEqual(one, two);
  assert.deepEqual(await Promise.all([isPassword('correct horse', one), isPassword('correct horse ', one), isPassword('', ''), isPassword('x', 'nonsense')]), [true, false, false, false]);
  // As the reference implementation's README has it, with other costs: those in the text count.
  assert.equal(await isPassword('password', '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'), true);
});
