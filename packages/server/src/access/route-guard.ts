// The one place where it is decided whether a request may go on: who asks, what the route needs, which camera it is about.
import { assertId, isId, RuthError, type ExportStatus } from '@ruth/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Audit } from './audit.ts';
import { assertMay, assertMaySee, type Identity } from './identity.ts';
import type { OpenConnection, OpenConnections } from './open-connections.ts';
import { ruleOf, type RouteRule } from './route-table.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. Set wherever the route is not open to all. */
    identity: Identity | null;
  }
}

export type Identify = (request: Pick<FastifyRequest, 'headers' | 'cookies'>) => Promise<Identity | null>;

export interface RouteGuardOptions {
  readonly identify: Identify;
  readonly audit: Audit;
  /** Of whichever node has it. Throws `not_found`. */
  readonly exportOf: (id: string, request: FastifyRequest) => Promise<ExportStatus>;
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/** Before any route is added: one that the table does not name throws. */
export function guardRoutes(app: FastifyInstance, { identify, audit, exportOf }: RouteGuardOptions): void {
  app.decorateRequest('identity', null);
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (!ruleOf(one, url)) throw new RuthError('internal', `the route ${one} ${url} is not in route-table.ts`);
  });
  app.addHook('onRequest', async (request) => {
    const rule = ruleFor(request);
    if (!rule) return;
    if (rule.needs === 'open') {
      // A foreign page must not sign anybody in either: as somebody else, whose cameras they would then add.
      if (!SAFE_METHODS.includes(request.method) && isForeignPage(request)) throw new RuthError('forbidden', 'people sign in on this server\'s own page');
      // What is open may tell more to whoever is known.
      request.identity = await identify(request).catch(() => null);
      return;
    }
    const identity = request.identity = await identify(request);
    if (!identity) throw new RuthError('unauthorized', 'who are you?');
    if (identity.sessionHash !== null && !SAFE_METHODS.includes(request.method)) assertOwnPage(request);
    if (rule.needs !== 'known') assertMay(identity, rule.needs);
    // Before anything is said of what else the request holds.
    if (rule.camera === 'id') assertMaySee(identity, assertId((request.params as { id?: string }).id, 'camera'));
  });
  app.addHook('preHandler', async (request) => {
    const rule = ruleFor(request);
    if (!rule || rule.needs === 'open') return;
    const identity = identityOf(request);
    const camera = await cameraOf(rule, request, exportOf);
    if (camera !== null) assertMaySee(identity, camera);
    const deed = { ...(camera === null ? {} : { camera }), address: request.ip, detail: detailOf(request) };
    if (rule.saw !== undefined) audit.saw(identity, { ...deed, ...hourOf(request), action: `saw ${rule.saw}` });
    if (rule.did !== undefined) audit.note(identity, { ...deed, action: rule.did });
  });
}

/** To be called for what outlives its request, once it is open: it is closed when who opened it may not have it any more. `camera`: that it shows. */
export function keepAllowed(connections: OpenConnections, identify: Identify, request: FastifyRequest, connection: OpenConnection, camera: string | null): void {
  const { headers, cookies } = request;
  connections.add(connection, async () => {
    const identity = await identify({ headers, cookies });
    if (!identity) throw new RuthError('unauthorized', 'the session has ended');
    assertMay(identity, 'view');
    request.identity = identity;
    if (camera !== null) assertMaySee(identity, camera);
  });
}

/** Throws `unauthorized`, which no route behind the guard ever sees. */
export function identityOf(request: FastifyRequest): Identity {
  if (!request.identity) throw new RuthError('unauthorized', 'who are you?');
  return request.identity;
}

/** Null for an address that there is not: it is answered with 404. */
function ruleFor(request: FastifyRequest): RouteRule | null {
  const { url } = request.routeOptions;
  if (request.is404 || url === undefined) return null;
  const rule = ruleOf(request.method, url);
  if (!rule) throw new RuthError('forbidden', 'this is not served');
  return rule;
}

async function cameraOf({ camera }: RouteRule, request: FastifyRequest, exportOf: RouteGuardOptions['exportOf']): Promise<string | null> {
  const { id } = request.params as { id?: string };
  switch (camera) {
    case 'id': return assertId(id, 'camera');
    case 'query': return assertId((request.query as { camera?: unknown }).camera, 'camera');
    case 'body': {
      const named = (request.body as { camera_id?: unknown } | null)?.camera_id;
      if (!isId(named)) throw new RuthError('bad_request', 'camera_id must name a camera');
      return named;
    }
    case 'export': return (await exportOf(assertId(id, 'export'), request)).camera_id;
    default: return null;
  }
}

/** A cookie comes along with what a foreign page sends. Browsers say where a request comes from; who says nothing is no page of ours. */
function assertOwnPage(request: FastifyRequest): void {
  const { 'sec-fetch-site': site, origin } = request.headers;
  if ((site === undefined && origin === undefined) || isForeignPage(request)) throw new RuthError('forbidden', 'a session can change things from this server\'s own page only; programs use an API token');
}

/** Of a program, which says nothing of pages, it is not known. */
function isForeignPage({ headers: { 'sec-fetch-site': site, origin, host } }: FastifyRequest): boolean {
  if (site !== undefined) return site !== 'same-origin';
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host);
}

/** Of a span or an instant, where one is asked for. */
function detailOf(request: FastifyRequest): string {
  const { start, end, at } = spanOf(request);
  return Object.entries({ start, end, at }).filter(([, value]) => typeof value === 'number' || typeof value === 'string').map(([key, value]) => `${key}=${String(value).slice(0, 32)}`).join(' ');
}

function hourOf(request: FastifyRequest): { hour?: number } {
  const { start, at } = spanOf(request);
  const instantS = Number(at ?? start);
  return Number.isFinite(instantS) ? { hour: Math.floor(instantS / 3600) } : {};
}

/** Recorded files are named for the millisecond at which they begin. */
function spanOf({ query, body, params }: FastifyRequest): Readonly<Record<string, unknown>> {
  const { file, name } = params as { file?: string; name?: string };
  const fileMs = /^(\d{1,15})(\.mp4)?$/.exec(file ?? name ?? '')?.[1];
  return { ...(fileMs === undefined ? {} : { at: Number(fileMs) / 1000 }), ...query as object, ...(typeof body === 'object' ? body : {}) };
}
