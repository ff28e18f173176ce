// Finds out who asks: by the cookie of a session, by an API token, or by the fixed token of RUTH_ADMIN_TOKEN. Signs people in and out.
// Answers are remembered for some seconds, and forgotten at once where anything about people, sessions or tokens changes here.
import { isId, PERMISSIONS, ROLE_PERMISSIONS, RuthError, type Permission, type Role } from '@ruth/protocol';
import type { FastifyRequest } from 'fastify';
import type { FoundUser, Store } from '../store/index.ts';
import { SignInAttempts } from './attempts.ts';
import { deviceOf, newDevice } from './device.ts';
import type { Identity } from './identity.ts';
import { hashPassword, isPassword } from './password.ts';
import { hashOf, isSame, newOneTimePassword, newSecret } from './secret.ts';

export const SESSION_COOKIE = 'ruth_session';
const SESSION_IDLE_US = 7 * 86_400e6;
export const SESSION_US = 30 * 86_400e6;
const SEEN_EVERY_US = 300e6;
const REMEMBERED_MS = 5000;
const MOST_REMEMBERED = 4096;
const LINK_MS = 60 * 60_000;
const FIRST_ADMIN = 'admin';

/** Where a request comes from; `device`: its cookie. */
export interface From { readonly address: string; readonly device: string | undefined }
/** Values of cookies; no `device` where nothing would prove it. */
export interface SignedIn { readonly session: string; readonly device: string | null }

interface Remembered { readonly identity: Identity; readonly untilMs: number }

export class Access {
  readonly #store: Store;
  readonly #adminToken: string | null;
  readonly #attempts = new SignInAttempts(() => performance.now());
  readonly #remembered = new Map<string, Remembered>();
  readonly #listeners = new Set<() => void>();
  #link: { readonly hash: string; readonly untilMs: number } | null = null;

  /** `adminToken`: RUTH_ADMIN_TOKEN, where it is set. */
  constructor(store: Store, adminToken: string | null) {
    this.#store = store;
    this.#adminToken = adminToken;
  }

  /** On the first start of all there is nobody: makes the first admin and gives the password, which works once. Null later on. */
  async makeFirstAdmin(): Promise<{ name: string; password: string } | null> {
    if ((await this.#store.write('users')).length > 0) return null;
    const password = newOneTimePassword();
    const isNew = await this.#store.write('addUser', { name: FIRST_ADMIN, password: await hashPassword(password), is_one_time: 1, role: 'admin', cameras: null, active: 1, created_us: Date.now() * 1000 });
    return isNew ? { name: FIRST_ADMIN, password } : null;
  }

  /** A code that signs in the first admin there is, once, within an hour. */
  makeLink(): string {
    const code = newSecret();
    this.#link = { hash: hashOf(code), untilMs: performance.now() + LINK_MS };
    return code;
  }

  /** Null where nobody is named. Throws `unauthorized` where who is named is not known (any more), `store_unavailable`. */
  async identify(request: Pick<FastifyRequest, 'headers' | 'cookies'>): Promise<Identity | null> {
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined) return this.#byToken(bearer);
    const cookie = request.cookies[SESSION_COOKIE];
    return cookie === undefined || cookie === '' ? null : this.#bySession(cookie);
  }

  /** The cookies of a new session, and of the device. Throws `unauthorized`, `rate_limited`, `overloaded`. */
  async signIn(name: string, password: string, { address, device: deviceCookie }: From): Promise<SignedIn> {
    const user = isId(name) ? await this.#store.read('user', name) : null;
    const attempt = { name, address, device: deviceOf(deviceCookie, user) };
    this.#attempts.assertMayTry(attempt);
    // Counted before it is looked at, so that many tries at once are many.
    this.#attempts.failed(attempt);
    const isRight = await isPassword(password, user?.password ?? '');
    const isTaken = isRight && user?.is_one_time === 1 && !await this.#store.write('takeOneTimePassword', user.id, user.password);
    if (!user || !isRight || isTaken || user.active !== 1) throw new RuthError('unauthorized', 'name or password is wrong');
    this.#attempts.succeeded(attempt);
    return { session: await this.#beginSession(user, user.is_one_time === 1), device: user.is_one_time === 1 ? null : newDevice(user) };
  }

  /** Throws `unauthorized` where the link is not the newest, was used, or is too old. Nobody guesses 256 bits: failures of others do not keep the right one out. */
  async signInByLink(code: string, address: string): Promise<SignedIn> {
    const link = this.#link;
    if (!link || link.untilMs < performance.now() || !isSame(hashOf(code), link.hash)) {
      const attempt = { name: '', address, device: null };
      this.#attempts.assertMayTry(attempt);
      this.#attempts.failed(attempt);
      throw new RuthError('unauthorized', 'this link does not work any more: it does once, within an hour; start Ruth again for a new one, or sign in with a password');
    }
    this.#link = null;
    const admin = (await this.#store.read('users')).find(({ role, active }) => role === 'admin' && active === 1);
    if (!admin) throw new RuthError('unauthorized', 'there is no admin');
    return { session: await this.#beginSession(admin, false), device: null };
  }

  /** Somebody whom an OpenID Connect provider knows. Throws `conflict` where somebody else has the name, `forbidden` where they were switched off. */
  async signInFromProvider({ subject, name, role }: { readonly subject: string; readonly name: string; readonly role: Role }): Promise<string> {
    const user = await this.#store.write('personFromProvider', { subject, name, role, nowUs: Date.now() * 1000 });
    if (user === 'conflict') throw new RuthError('conflict', `there is somebody else named ${name} here; an administrator can rename one of the two`);
    if (user.active !== 1) throw new RuthError('forbidden', `${name} was switched off`);
    this.changed();
    return this.#beginSession(user, false);
  }

  /** Of a browser that signs in anew: what it had before does not live on beside it. */
  async endSession(secret: string): Promise<void> {
    await this.#store.write('removeSession', hashOf(secret));
    this.changed();
  }

  async signOut({ sessionHash }: Identity): Promise<void> {
    if (sessionHash !== null) await this.#store.write('removeSession', sessionHash);
    this.changed();
  }

  /** Ends all other sessions of the person; gives the cookie of the device. Throws `forbidden` where the present one is wrong, `invalid_state` for a token. */
  async changePassword(identity: Identity, current: string | undefined, next: string, { address, device: deviceCookie }: From): Promise<string | null> {
    if (identity.sessionHash === null || identity.userId === null) throw new RuthError('invalid_state', 'a token has no password');
    const session = await this.#store.read('session', identity.sessionHash);
    if (!session) throw new RuthError('unauthorized', 'the session has ended');
    // Nobody has to know a password that was for one time, be it used or not.
    if (session.user.is_one_time !== 1) {
      const attempt = { name: session.user.name, address, device: deviceOf(deviceCookie, session.user) };
      this.#attempts.assertMayTry(attempt);
      if (!await isPassword(current ?? '', session.user.password)) {
        this.#attempts.failed(attempt);
        throw new RuthError('forbidden', 'the present password is wrong');
      }
    }
    const password = await hashPassword(next);
    await this.#store.write('setPassword', identity.userId, password, identity.sessionHash);
    this.changed();
    return newDevice({ password });
  }

  /** Something about people, sessions or tokens is another than before. */
  changed(): void {
    this.#remembered.clear();
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): void { this.#listeners.add(listener); }

  async #beginSession(user: FoundUser, mustChange: boolean): Promise<string> {
    const secret = newSecret();
    const nowUs = Date.now() * 1000;
    await this.#store.write('forgetSessions', nowUs - SESSION_US, nowUs - SESSION_IDLE_US);
    await this.#store.write('addSession', hashOf(secret), user.id, mustChange, nowUs);
    return secret;
  }

  async #bySession(secret: string): Promise<Identity> {
    const hash = hashOf(secret);
    return this.#remember(`session ${hash}`, async () => {
      const session = await this.#store.read('session', hash);
      const nowUs = Date.now() * 1000;
      if (!session || session.user.active !== 1 || session.createdUs < nowUs - SESSION_US || session.seenUs < nowUs - SESSION_IDLE_US) throw new RuthError('unauthorized', 'the session has ended');
      if (session.seenUs < nowUs - SEEN_EVERY_US) void this.#store.write('sawSession', hash, nowUs).catch(() => undefined);
      const { user, mustChange } = session;
      return { name: user.name, kind: 'person', userId: user.id, permissions: mustChange ? new Set() : new Set(permissionsOf(user)), cameras: camerasOf(user.cameras), mustChange, hasOneTimePassword: user.is_one_time === 1, sessionHash: hash };
    });
  }

  async #byToken(secret: string): Promise<Identity> {
    if (this.#adminToken !== null && isSame(secret, this.#adminToken)) {
      return { name: 'token RUTH_ADMIN_TOKEN', kind: 'token', userId: null, permissions: new Set(PERMISSIONS), cameras: null, mustChange: false, sessionHash: null };
    }
    const hash = hashOf(secret);
    return this.#remember(`token ${hash}`, async () => {
      const found = await this.#store.read('token', hash);
      const nowUs = Date.now() * 1000;
      if (!found || found.user.active !== 1 || (found.token.expires_us !== null && found.token.expires_us <= nowUs)) throw new RuthError('unauthorized', 'the token is not known, or has expired');
      const { token, user } = found;
      if ((token.used_us ?? 0) < nowUs - SEEN_EVERY_US) void this.#store.write('usedToken', hash, nowUs).catch(() => undefined);
      const owners = new Set(permissionsOf(user));
      const permissions = (JSON.parse(token.scopes) as Permission[]).filter((scope) => owners.has(scope));
      const [own, ofOwner] = [camerasOf(token.cameras), camerasOf(user.cameras)];
      return { name: `token ${token.name}`, kind: 'token', userId: user.id, permissions: new Set(permissions), cameras: own && ofOwner ? new Set([...own].filter((camera) => ofOwner.has(camera))) : own ?? ofOwner, mustChange: false, sessionHash: null };
    });
  }

  async #remember(key: string, find: () => Promise<Identity>): Promise<Identity> {
    const known = this.#remembered.get(key);
    if (known && known.untilMs > performance.now()) return known.identity;
    this.#remembered.delete(key);
    const identity = await find();
    this.#remembered.set(key, { identity, untilMs: performance.now() + REMEMBERED_MS });
    if (this.#remembered.size > MOST_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!);
    return identity;
  }
}

const permissionsOf = ({ role }: FoundUser): readonly Permission[] => ROLE_PERMISSIONS[role as Role];
const camerasOf = (text: string | null): ReadonlySet<string> | null => (text === null ? null : new Set(JSON.parse(text) as string[]));
