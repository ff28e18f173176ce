// People, API tokens, and what was done.
import { AuditQuery, NewToken, NewUser, RuthError, UserChange, type AuditEntry, type CreatedToken, type Permission, type Role, type TokenInfo, type UserInfo } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import type { FoundToken, FoundUser, Store } from '../store/index.ts';
import type { Access } from './access.ts';
import type { Audit } from './audit.ts';
import { assertMay, type Identity } from './identity.ts';
import { hashPassword } from './password.ts';
import { identityOf } from './route-guard.ts';
import { hashOf, newSecret } from './secret.ts';

const DAY_US = 86_400e6;
const DEFAULT_DAYS = 90;
const MOST_USERS = 1000;
const MOST_TOKENS = 1000;
/** So that a token that leaked is known for what it is. */
const TOKEN_PREFIX = 'ruth_';
const LAST_ADMIN = 'nobody would be left who may administer; make another admin first';

export function addPeople(app: FastifyInstance, store: Store, access: Access, audit: Audit): void {
  app.get('/api/v1/users', async () => (await store.read('users')).map(userInfo));
  app.post<{ Body: NewUser }>('/api/v1/users', { schema: { body: NewUser } }, async (request, reply) => {
    const { name, role, cameras = null, password } = request.body;
    if ((await store.read('users')).length >= MOST_USERS) throw new RuthError('overloaded', `there are ${MOST_USERS} people already`);
    const row = { name, role, cameras: cameras && JSON.stringify(cameras), password: await hashPassword(password), is_one_time: 1, active: 1, created_us: Date.now() * 1000 };
    if (!await store.write('addUser', row)) throw new RuthError('conflict', `there is somebody named ${name} already`);
    audit.note(identityOf(request), { action: 'added a person', detail: `${name}, ${role}`, address: request.ip });
    return reply.code(201).send(userInfo((await store.write('user', name))!));
  });
  app.patch<{ Params: { name: string }; Body: UserChange }>('/api/v1/users/:name', { schema: { body: UserChange } }, async (request) => {
    const { role, cameras, active, password } = request.body;
    const changed = await store.write('changeUser', request.params.name, {
      ...(role === undefined ? {} : { role }), ...(cameras === undefined ? {} : { cameras: cameras && JSON.stringify(cameras) }),
      ...(active === undefined ? {} : { active: Number(active) }), ...(password === undefined ? {} : { password: await hashPassword(password), is_one_time: 1 }),
    });
    access.changed();
    if (changed === null) throw new RuthError('not_found', `there is nobody named ${request.params.name}`);
    if (changed === 'last_admin') throw new RuthError('invalid_state', LAST_ADMIN);
    audit.note(identityOf(request), { action: 'changed a person', detail: `${changed.name}: ${Object.keys(request.body).join(', ')}`, address: request.ip });
    return userInfo(changed);
  });
  app.delete<{ Params: { name: string } }>('/api/v1/users/:name', async (request, reply) => {
    const removed = await store.write('removeUser', request.params.name);
    access.changed();
    if (removed === 'last_admin') throw new RuthError('invalid_state', LAST_ADMIN);
    if (!removed) throw new RuthError('not_found', `there is nobody named ${request.params.name}`);
    audit.note(identityOf(request), { action: 'removed a person', detail: request.params.name, address: request.ip });
    return reply.code(204).send();
  });
  addTokens(app, store, access, audit);
  app.get<{ Querystring: AuditQuery }>('/api/v1/audit', { schema: { querystring: AuditQuery } }, async ({ query }): Promise<AuditEntry[]> => {
    const rows = await store.read('audit', { actor: query.actor ?? null, action: query.action ?? null, camera: query.camera ?? null, beforeId: query.before ?? null, limit: query.limit ?? 100 });
    return rows.map(({ id, at_us, actor, action, camera, detail, address }) => ({ entry_id: id, at: at_us / 1e6, actor, action, camera_id: camera === '' ? null : camera, detail, address }));
  });
}

/** One's own; whoever administers sees and removes those of all. */
function addTokens(app: FastifyInstance, store: Store, access: Access, audit: Audit): void {
  const ownerOf = (identity: Identity): number | null => (identity.permissions.has('administer') ? null : identity.userId);
  app.get('/api/v1/tokens', async (request): Promise<TokenInfo[]> => (await store.read('tokens', ownerOf(identityOf(request)))).map(tokenInfo));
  app.post<{ Body: NewToken }>('/api/v1/tokens', { schema: { body: NewToken } }, async (request, reply) => {
    const identity = identityOf(request);
    const { name, scopes, cameras = null, expires_in_days: days = DEFAULT_DAYS } = request.body;
    // A token must not outlive itself by making others.
    if (identity.kind !== 'person' || identity.userId === null) throw new RuthError('forbidden', 'tokens are made by somebody who signed in, not by a token');
    for (const scope of scopes) assertMay(identity, scope);
    if ((await store.read('tokens', null)).length >= MOST_TOKENS) throw new RuthError('overloaded', `there are ${MOST_TOKENS} tokens already`);
    const secret = TOKEN_PREFIX + newSecret();
    const nowUs = Date.now() * 1000;
    const row = {
      name, hash: hashOf(secret), user_id: identity.userId, scopes: JSON.stringify(scopes), cameras: cameras && JSON.stringify(cameras),
      created_us: nowUs, expires_us: days === null ? null : Math.round(nowUs + days * DAY_US), used_us: null,
    };
    const id = await store.write('addToken', row);
    audit.note(identity, { action: 'made a token', detail: `${name}: ${scopes.join(', ')}`, address: request.ip });
    return reply.code(201).send({ ...tokenInfo({ ...row, id, owner: identity.name }), token: secret } satisfies CreatedToken);
  });
  const params = Type.Object({ id: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) });
  app.delete<{ Params: { id: number } }>('/api/v1/tokens/:id', { schema: { params } }, async (request, reply) => {
    const identity = identityOf(request);
    if (!await store.write('removeToken', request.params.id, ownerOf(identity))) throw new RuthError('not_found', 'there is no such token');
    access.changed();
    audit.note(identity, { action: 'removed a token', detail: String(request.params.id), address: request.ip });
    return reply.code(204).send();
  });
}

function userInfo({ name, role, cameras, active, created_us }: FoundUser): UserInfo {
  return { name, role: role as Role, cameras: cameras === null ? null : JSON.parse(cameras) as string[], active: active === 1, created_at: created_us / 1e6 };
}

function tokenInfo({ id, name, owner, scopes, cameras, created_us, expires_us, used_us }: FoundToken): TokenInfo {
  return {
    token_id: id, name, owner, scopes: JSON.parse(scopes) as Permission[], cameras: cameras === null ? null : JSON.parse(cameras) as string[],
    created_at: created_us / 1e6, expires_at: expires_us && expires_us / 1e6, last_used_at: used_us && used_us / 1e6,
  };
}
