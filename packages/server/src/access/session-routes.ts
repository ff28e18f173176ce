// Signing in and out, and one's own password.
import { ErrorBody, PasswordChange, SessionInfo, SignInRequest, SignInWays, type OidcConfig } from '@ruth/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SESSION_COOKIE, SESSION_US, type Access, type From } from './access.ts';
import { RateLimited } from './attempts.ts';
import type { Audit } from './audit.ts';
import { DEVICE_COOKIE } from './device.ts';
import { identityOf } from './route-guard.ts';
import type { Identity } from './identity.ts';

/** As long as browsers keep a cookie. */
const DEVICE_S = 400 * 86_400;

export function addSessions(app: FastifyInstance, access: Access, audit: Audit, oidc: OidcConfig | null): void {
  app.get('/api/v1/session/ways', { schema: { response: { 200: SignInWays, default: ErrorBody } } }, () => ({ password: true, oidc: oidc && { title: oidc.title ?? new URL(oidc.issuer).hostname, url: '/api/v1/session/oidc' } }));
  app.post<{ Body: SignInRequest }>('/api/v1/session', { schema: { body: SignInRequest, response: { 200: SessionInfo, default: ErrorBody } } }, async (request, reply) => {
    const { body, ip: address } = request;
    const name = 'link' in body ? 'the link' : body.name;
    try {
      const before = request.cookies[SESSION_COOKIE];
      const { session, device } = 'link' in body ? await access.signInByLink(body.link, address) : await access.signIn(body.name, body.password, fromOf(request));
      if (before) await access.endSession(before);
      setSessionCookie(request, reply, session);
      setDeviceCookie(request, reply, device);
      request.cookies[SESSION_COOKIE] = session;
      delete request.headers.authorization;
      const identity = (await access.identify(request))!;
      audit.note(identity, { action: 'signed in', detail: 'link' in body ? 'by link' : '', address });
      return infoOf(identity);
    } catch (error) {
      // Whoever does not wait is told so each time, and noted once a minute.
      if (error instanceof RateLimited) audit.saw(name.slice(0, 63), { action: 'was kept from signing in', address });
      else audit.note(name.slice(0, 63), { action: 'failed to sign in', address });
      throw error;
    }
  });
  app.get('/api/v1/session', { schema: { response: { 200: SessionInfo, default: ErrorBody } } }, (request) => infoOf(identityOf(request)));
  app.delete('/api/v1/session', async (request, reply) => {
    const identity = identityOf(request);
    await access.signOut(identity);
    audit.note(identity, { action: 'signed out', address: request.ip });
    setCookie(request, reply, '', 0);
    return reply.code(204).send();
  });
  app.put<{ Body: PasswordChange }>('/api/v1/session/password', { schema: { body: PasswordChange } }, async (request, reply) => {
    const identity = identityOf(request);
    setDeviceCookie(request, reply, await access.changePassword(identity, request.body.current, request.body.next, fromOf(request)));
    audit.note(identity, { action: 'changed the password', address: request.ip });
    return reply.code(204).send();
  });
}

function infoOf({ name, kind, permissions, cameras, mustChange, hasOneTimePassword = false }: Identity): SessionInfo {
  return { name, kind, permissions: [...permissions], cameras: cameras && [...cameras], must_change_password: mustChange, ...(hasOneTimePassword ? { one_time_password: true } : {}) };
}

const fromOf = (request: FastifyRequest): From => ({ address: request.ip, device: request.cookies[DEVICE_COOKIE] });

export const setSessionCookie = (request: FastifyRequest, reply: FastifyReply, secret: string): void => setCookie(request, reply, secret, SESSION_US / 1e6);

function setDeviceCookie(request: FastifyRequest, reply: FastifyReply, device: string | null): void {
  if (device !== null) void reply.setCookie(DEVICE_COOKIE, device, { ...cookieOptions(request), path: '/api/v1/session', maxAge: DEVICE_S });
}

function setCookie(request: FastifyRequest, reply: FastifyReply, value: string, maxAge: number): void {
  void reply.setCookie(SESSION_COOKIE, value, { ...cookieOptions(request), path: '/', maxAge });
}

/** `Strict`: no other site's page can bring it along. Only over TLS where it was given over TLS, be it by a proxy in front. */
const cookieOptions = (request: FastifyRequest) => ({ httpOnly: true, sameSite: 'strict', secure: request.protocol === 'https' || request.headers['x-forwarded-proto'] === 'https' }) as const;
