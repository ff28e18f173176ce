// Who may ask. Without sign-in (yet), what protects a server on loopback from a hostile web page is: the Host header
// must name loopback (DNS rebinding), a WebSocket's Origin must be the page's own, and nothing is readable across origins. A body that
// comes drop by drop holds its connection for some seconds only.
import type { IncomingMessage } from 'node:http';
import { isLoopback, RuthError } from '@ruth/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '::1'];
/** For headers, and for a body. */
export const REQUEST_TIMEOUT_MS = 10_000;
/** Of each request whose body has not come yet. */
const bodyLimits = new WeakMap<IncomingMessage, NodeJS.Timeout>();

/** `host` is the address that the server listens on; `isEncrypted`: by TLS of its own; `isBehindProxy`: one that is trusted. */
export function guardRequests(app: FastifyInstance, { host, isEncrypted, isBehindProxy }: { readonly host: string; readonly isEncrypted: boolean; readonly isBehindProxy: boolean }): void {
  let hasWarned = isBehindProxy;
  const names = isLoopback(host) ? new Set([...LOOPBACK_NAMES, host]) : null;
  app.addHook('onRequest', async (request) => {
    if ('transfer-encoding' in request.headers || Number(request.headers['content-length'] ?? 0) > 0) limitBody(request, REQUEST_TIMEOUT_MS);
    if (!hasWarned && request.headers['x-forwarded-for'] !== undefined) {
      hasWarned = true;
      request.log.warn(`${request.ip} says that it asks for others (X-Forwarded-For) and is not trusted: whatever comes through it counts as one, also for failed sign-ins. If it is a proxy of yours: http.trusted_proxies: ["${request.ip}"]`);
    }
    const authority = authorityOf(request.headers.host);
    if (!authority) throw new RuthError('bad_request', 'the Host header is missing or broken');
    if (names && !names.has(authority.hostname)) throw new RuthError('bad_request', `the Host header names ${authority.hostname}; this server answers to ${[...names].join(', ')} only`);
    if (request.ws && !isOwnOrigin(request)) throw new RuthError('bad_request', 'a WebSocket may be opened by this server\'s own page only');
  });
  app.addHook('onSend', async (request, reply) => { void reply.headers(guardingHeaders(request, reply, isEncrypted)); });
}

/** Of every answer. */
export function guardingHeaders(request: FastifyRequest, reply: FastifyReply, isEncrypted: boolean): Record<string, string> {
  const host = authorityOf(request.headers.host)?.host;
  // 'self' covers WebSockets in new browsers only.
  const sockets = host ? ` ws://${host} wss://${host}` : '';
  return {
    'content-security-policy': `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; media-src 'self' blob:; connect-src 'self'${sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
    // What is asked of the API belongs to who asks; a route that knows better has said so.
    ...(reply.hasHeader('cache-control') ? {} : { 'cache-control': 'no-store' }),
    ...(isEncrypted && { 'strict-transport-security': 'max-age=31536000' }),
  };
}

/** Ends the connection where the body has not come within that time from now; in place of the limit that was set before. */
export function limitBody({ raw }: FastifyRequest, timeoutMs: number): void {
  const before = bodyLimits.get(raw);
  const timer = setTimeout(() => raw.destroy(), timeoutMs).unref();
  bodyLimits.set(raw, timer);
  clearTimeout(before);
  if (before !== undefined) return;
  for (const end of ['end', 'close']) raw.once(end, () => clearTimeout(bodyLimits.get(raw)));
}

/** Programs that are no browser send no Origin; a browser always does, and a page cannot forge it. */
function isOwnOrigin(request: FastifyRequest): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === authorityOf(host)?.host;
}

function authorityOf(host: string | undefined): { host: string; hostname: string } | null {
  if (!host || !/^[A-Za-z0-9.\-_:[\]]+$/.test(host) || !URL.canParse(`http://${host}`)) return null;
  const url = new URL(`http://${host}`);
  return { host: url.host, hostname: url.hostname.replace(/^\[|\]$/g, '') };
}
