// Signing in through an OpenID Connect provider: authorization code with PKCE, state and nonce, by openid-client. Who comes from there is a person of Ruth's own, known by
// issuer and subject; the role follows from the claims at each sign-in. Nobody who has a password here is taken over by a name from there.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { RuthError, type OidcConfig, type Role } from '@ruth/protocol';
import type { ReadSecret } from '@ruth/transport';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import * as oidc from 'openid-client';
import type { Access } from './access.ts';
import type { Audit } from './audit.ts';
import { setSessionCookie } from './session-routes.ts';

const PATH = '/api/v1/session/oidc';
/** Holds what was begun, sealed: nothing is kept here that strangers could crowd out, and the browser that comes back is the one that left. Lax: it must come along when the provider sends the browser back. */
const COOKIE = 'ruth_oidc';
const PENDING_MS = 10 * 60_000;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const DISCOVERY_TIMEOUT_S = 10;

/** `untilMs`: UTC. */
interface Pending { readonly state: string; readonly verifier: string; readonly nonce: string; readonly redirectUri: string; readonly untilMs: number }
/** Claims of the ID token, and of userinfo. */
type Claims = Readonly<Record<string, unknown>>;

export function addOidc(app: FastifyInstance, config: OidcConfig, { access, audit, readSecret }: { readonly access: Access; readonly audit: Audit; readonly readSecret: ReadSecret }): void {
  const key = randomBytes(32);
  /** Asked for when it is needed first; one that is away is asked again. */
  let provider: Promise<oidc.Configuration> | null = null;
  const discovered = (): Promise<oidc.Configuration> => provider ??= discover(config, readSecret).catch((error: unknown) => { provider = null; throw error; });

  app.get(PATH, async (request, reply) => {
    const server = await discovered();
    const [state, verifier, nonce] = [oidc.randomState(), oidc.randomPKCECodeVerifier(), oidc.randomNonce()];
    const redirectUri = `${originOf(request)}${PATH}/callback`;
    const url = oidc.buildAuthorizationUrl(server, { redirect_uri: redirectUri, scope: config.scopes ?? 'openid profile email', code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', state, nonce });
    void reply.setCookie(COOKIE, seal({ state, verifier, nonce, redirectUri, untilMs: Date.now() + PENDING_MS }, key), { path: PATH, httpOnly: true, sameSite: 'lax', secure: originOf(request).startsWith('https:'), maxAge: PENDING_MS / 1000 });
    return reply.redirect(url.href);
  });

  app.get(`${PATH}/callback`, async (request, reply) => {
    const begun = unsealed(request.cookies[COOKIE] ?? '', key);
    void reply.clearCookie(COOKIE, { path: PATH });
    try {
      if (!begun || begun.untilMs < Date.now()) throw new RuthError('unauthorized', 'this sign-in was not begun here, or too long ago; begin anew');
      const claims = await claimsOf(await discovered(), new URL(request.url, begun.redirectUri), begun);
      const name = nameOf(config, claims);
      const role = roleOf(config, claims);
      if (role === null) throw new RuthError('forbidden', `${name} has none of the groups that may come in here`);
      const secret = await access.signInFromProvider({ subject: `${String(claims.iss)} ${String(claims.sub)}`, name, role });
      setSessionCookie(request, reply, secret);
      audit.note(name, { action: 'signed in', detail: 'by OpenID Connect', address: request.ip });
    } catch (cause) {
      const error = RuthError.from(cause, 'unauthorized');
      audit.note('OpenID Connect', { action: 'failed to sign in', detail: error.message.slice(0, 200), address: request.ip });
      throw error;
    }
    // A cookie of the same site alone is not sent along on the way from another site: a page of ours goes on.
    return reply.type('text/html').send('<!doctype html><meta charset="utf-8"><title>Ruth</title><meta http-equiv="refresh" content="0;url=/">');
  });
}

function seal(pending: Pending, key: Buffer): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(pending)), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** Null for what was not sealed with that key. */
function unsealed(text: string, key: Buffer): Pending | null {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length <= IV_BYTES + TAG_BYTES) return null;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES }).setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString()) as Pending;
  } catch {
    return null;
  }
}

/** Throws `unreachable`. */
async function discover({ issuer, client_id: id, client_secret: secret }: OidcConfig, readSecret: ReadSecret): Promise<oidc.Configuration> {
  const url = new URL(issuer);
  try {
    const authentication = secret === undefined ? oidc.None() : oidc.ClientSecretPost(await readSecret(secret));
    // In plain to this machine alone; the schema lets nothing else through.
    return await oidc.discovery(url, id, undefined, authentication, { timeout: DISCOVERY_TIMEOUT_S, ...(url.protocol === 'http:' ? { execute: [oidc.allowInsecureRequests] } : {}) });
  } catch (cause) {
    if (cause instanceof RuthError) throw cause;
    throw new RuthError('unreachable', `the OpenID Connect provider ${url.host} cannot be asked: ${(cause as Error).message}`, { cause });
  }
}

/** Throws `unauthorized`. */
async function claimsOf(server: oidc.Configuration, url: URL, { state, verifier, nonce }: Pending): Promise<Claims> {
  try {
    const tokens = await oidc.authorizationCodeGrant(server, url, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });
    const claims = tokens.claims()!;
    const more = server.serverMetadata().userinfo_endpoint === undefined ? {} : await oidc.fetchUserInfo(server, tokens.access_token, claims.sub);
    return { ...more, ...claims };
  } catch (cause) {
    throw new RuthError('unauthorized', `the provider did not sign anybody in: ${(cause as Error).message}`, { cause });
  }
}

/** As Ruth names people. Throws `unauthorized`. */
function nameOf({ name_claim: claim = 'preferred_username' }: OidcConfig, claims: Claims): string {
  const given = claims[claim] ?? claims.email ?? claims.sub;
  const name = String(typeof given === 'string' ? given : '').replaceAll(/[^A-Za-z0-9._-]/g, '_').replace(/^[^A-Za-z0-9]+/, '').slice(0, 63);
  if (name === '') throw new RuthError('unauthorized', `the provider tells no ${claim}`);
  return name;
}

/** The first that fits; null where none does. */
function roleOf({ roles_claim: claim = 'groups', roles }: OidcConfig, claims: Claims): Role | null {
  const has = [claims[claim]].flat().filter((value) => typeof value === 'string');
  return roles.find(({ group }) => group === '*' || has.includes(group))?.role ?? null;
}

function originOf(request: FastifyRequest): string {
  const isHttps = request.protocol === 'https' || request.headers['x-forwarded-proto'] === 'https';
  return `${isHttps ? 'https' : 'http'}://${request.headers.host}`;
}
