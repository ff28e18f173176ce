// Whoever signs in, or tries to: passwords, sessions, devices and addresses, as docs/security.md says it was tried.
import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import type { AuditEntry } from '@ruth/protocol';
import { isPassword } from '@ruth/server/parts';
import { admin, cookieOf, startAccessPlace, type AccessPlace, type Asked, type Headers } from './access-place.ts';
import { until } from './stand-ins.ts';

const PASSWORD = 'correct horse battery';

describe('a stranger who signs in', () => {
  let at: AccessPlace;
  const signIn = (headers: Headers, password: string, name = 'anna'): Promise<Asked> => at.ask('POST', '/api/v1/session', headers, { name, password });
  const noted = async (query: string): Promise<AuditEntry[]> => JSON.parse((await at.ask('GET', `/api/v1/audit${query}`, admin)).text) as AuditEntry[];

  before(async () => {
    at = await startAccessPlace(undefined, { trustedProxies: ['127.0.0.1'] });
    await at.add({ name: 'anna', role: 'viewer', cameras: ['yard'] });
  });
  after(() => at[Symbol.asyncDispose]());

  it('learns nothing from the time that a wrong password takes: as much is computed for whoever there is not', async () => {
    await at.add({ name: 'gone', role: 'viewer' });
    await at.ask('PATCH', '/api/v1/users/gone', admin, { active: false });
    let computed = 0;
    const hook = createHook({ init(_id, type) { if (type === 'ARGON2REQUEST') computed++; } }).enable();
    try {
      await isPassword('x', '');
      assert.equal(computed, 1, 'it can be counted');
      for (const name of ['anna', 'nobody-like-this', 'gone', 'no name at all!']) {
        computed = 0;
        assert.deepEqual([(await signIn({ 'x-forwarded-for': '198.51.100.77' }, 'wrong', name)).status, computed], [401, 1], name);
      }
    } finally {
      hook.disable();
    }
  });

  it('begins a new session by signing in, and the one before is over', async () => {
    // One that was planted is not taken over.
    const planted = `ruth_session=${'a'.repeat(43)}`;
    const first = await signIn({ cookie: planted }, PASSWORD);
    const one = cookieOf(first, at.url);
    assert.notEqual(one.cookie, planted);
    const two = cookieOf(await signIn({ cookie: one.cookie! }, PASSWORD), at.url);
    assert.notEqual(two.cookie, one.cookie);
    const statusOf = async (headers: Headers): Promise<number> => (await at.ask('GET', '/api/v1/session', headers)).status;
    assert.deepEqual([await statusOf({ cookie: planted }), await statusOf(one), await statusOf(two)], [401, 401, 200]);
    // A password that an administrator sets ends what was begun with the old one, and what is being watched.
    const { socket } = await at.upgrade('/api/v1/cameras/yard/live', two);
    const closed = once(socket, 'close');
    await at.ask('PATCH', '/api/v1/users/anna', admin, { password: 'for one time only' });
    assert.deepEqual([(await closed)[0], await statusOf(two), (await signIn({}, PASSWORD)).status], [4401, 401, 401]);
    const anna = cookieOf(await signIn({}, 'for one time only'), at.url);
    assert.equal((await at.ask('PUT', '/api/v1/session/password', anna, { next: PASSWORD })).status, 204);
  });

  it('keeps nobody out by guessing: a device that somebody signed in with is not the stranger, nor is a link', async () => {
    const signedIn = await signIn({ 'x-forwarded-for': '203.0.113.5' }, PASSWORD);
    const device = signedIn.headers.getSetCookie().find((cookie) => cookie.startsWith('ruth_device='))!;
    assert.match(device, /^ruth_device=[\w-]{22}\.[\w-]{43}; Max-Age=34560000; Path=\/api\/v1\/session; HttpOnly; SameSite=Strict$/);
    const known = { cookie: device.split(';')[0]! };
    // From all over the world; 50 of a name are enough that everybody has to wait.
    for (let count = 0; count < 50; count++) assert.equal((await signIn({ 'x-forwarded-for': `198.51.100.${count}` }, 'guess')).status, 401);
    const from = { 'x-forwarded-for': '192.0.2.200' };
    assert.deepEqual([(await signIn(from, PASSWORD)).status, (await signIn({ ...from, ...known }, PASSWORD)).status], [429, 200]);
    // Of somebody else it proves nothing, nor with another name.
    const forged = { cookie: known.cookie.replace(/=../, '=xx') };
    assert.equal((await signIn({ ...from, ...forged }, PASSWORD)).status, 429);
    // It may not guess for ever either.
    const answers: number[] = [];
    for (let count = 0; count < 6; count++) answers.push((await signIn({ ...from, ...known }, 'guess')).status);
    assert.deepEqual(answers, [401, 401, 401, 401, 401, 429]);
    const { access } = at.place.server;
    await access.makeFirstAdmin();
    await at.add({ name: 'boss', role: 'admin' });
    const code = access.makeLink();
    const follow = async (link: string): Promise<number> => (await at.ask('POST', '/api/v1/session', {}, { link })).status;
    for (let count = 0; count < 25; count++) await follow('wrong');
    assert.equal(await follow('wrong'), 429);
    assert.deepEqual((await Promise.all([follow(code), follow(code)])).toSorted(), [200, 429]);
    // Whoever is kept out is noted once a minute, not each time.
    await until(async () => (await noted('?action=was kept from signing in&actor=anna')).length > 0, 'it is noted');
    assert.ok((await noted('?action=was kept from signing in&actor=the link')).length <= 1);
  });

  it('is whom a trusted proxy names, and makes itself nobody else', async () => {
    const statusOf = async (forwarded: string): Promise<number> => (await signIn({ 'x-forwarded-for': forwarded }, 'guess', 'somebody')).status;
    const answers = [];
    // A proxy adds the address that it sees; what a client wrote before it counts for nothing.
    for (let count = 0; count < 7; count++) answers.push(await statusOf(`10.0.0.${count}, 198.18.0.1`));
    assert.deepEqual([answers.slice(-2), await statusOf('198.18.0.2')], [[429, 429], 401]);
    await until(async () => new Set((await noted('?actor=somebody')).map(({ address }) => address)).size > 1, 'it is noted');
    assert.deepEqual(new Set((await noted('?actor=somebody')).map(({ address }) => address)), new Set(['198.18.0.1', '198.18.0.2']));
  });
});
