// The API under /api/v1 and the page, route by route, on what answers them.
import { copierSocketPath, ExportStatus, supervisorSocketPath, validator } from '@ruth/protocol';
import { secretReader } from '@ruth/transport';
import type { FastifyInstance } from 'fastify';
import { addPeople, addSessions, guardRoutes, keepAllowed, type Access, type Audit, type OpenConnections } from './access/index.ts';
import { addCopies } from './copies-route.ts';
import { addEvents } from './events/event-routes.ts';
import { RecordedMoments } from './events/recorded-moments.ts';
import { openHttp } from './http-app.ts';
import { addLive } from './live-routes.ts';
import { addMetrics, type ServerCounters } from './metrics.ts';
import { addNodeCameras } from './node/camera-routes.ts';
import { addNodeModels } from './node/model-routes.ts';
import { addModelUploads } from './node/model-upload-routes.ts';
import { addProcesses } from './node/process-routes.ts';
import { addRuleTests } from './node/rule-test-routes.ts';
import { addSite } from './node/site-routes.ts';
import { addStatus } from './node/status-routes.ts';
import { addOpenApi } from './openapi/openapi.ts';
import { addNotifications, type Notifications } from './outward/notifications.ts';
import { servePage } from './page.ts';
import { addRecordings } from './recordings-proxy.ts';
import { guardRequests } from './request-guard.ts';
import { traceRequests } from './request-traces.ts';
import type { ServerOptions } from './server-options.ts';
import type { SiteParts } from './site/index.ts';
import type { Store } from './store/index.ts';
import type { Certificate } from './tls.ts';
import { Upstream } from './upstream.ts';
import { addVerifications } from './verification-routes.ts';
import { addWhep } from './webrtc-proxy.ts';

const exportStatus = validator(ExportStatus);
export const SITE_NEEDS_DATABASE = 'the store of this node is its own: what other nodes of the site have is shown where all have the same DATABASE_URL, of a PostgreSQL';

/** What the routes stand on. */
export interface Parts {
  /** Null where this node is by itself. */
  readonly site: SiteParts | null;
  readonly kernel: Upstream;
  readonly core: Upstream;
  readonly counters: ServerCounters;
  readonly store: Store;
  readonly access: Access;
  readonly audit: Audit;
  readonly connections: OpenConnections;
  readonly notifications: Notifications;
}

/** Everything that is served, not listening yet. */
export async function buildApp(options: ServerOptions, certificate: Certificate | null, parts: Parts): Promise<FastifyInstance> {
  const { kernel, core, site, counters, store, access, audit, connections, notifications } = parts;
  const identify = options.identify ?? ((request) => access.identify(request));
  const app = await openHttp(options, certificate);
  if (options.telemetry) traceRequests(app, options.telemetry);
  guardRequests(app, { host: options.host, isEncrypted: certificate !== null, isBehindProxy: (options.trustedProxies ?? []).length > 0 });
  guardRoutes(app, { identify, audit, exportOf: (id, request) => (site ? site.passing.exportOf(id, request) : kernel.get(`/v1/exports/${id}`, exportStatus)) });
  app.decorateRequest('elsewhere', null);
  app.decorateRequest('isPiped', false);
  site?.passing.add(app);
  addOpenApi(app);
  addSessions(app, access, audit, options.oidc ?? null);
  // Its library is loaded where it is wanted.
  if (options.oidc) (await import('./access/oidc.ts')).addOidc(app, options.oidc, { access, audit, readSecret: secretReader(options.environment ?? {}) });
  addPeople(app, store, access, audit);
  const supervisor = new Upstream('supervisor', supervisorSocketPath(options.socketDirectory));
  app.addHook('onClose', () => supervisor[Symbol.asyncDispose]());
  addStatus(app, { ...parts, supervisor });
  addSite(app, site?.nodes ?? null, options.site ? SITE_NEEDS_DATABASE : null, audit);
  addEvents(app, store, new RecordedMoments(kernel, site, options.store.kind === 'postgres' ? options.store.node ?? null : null));
  addNotifications(app, store, notifications, audit);
  addProcesses(app, supervisor);
  const copier = options.copies === true ? new Upstream('copier', copierSocketPath(options.socketDirectory)) : null;
  addCopies(app, copier);
  addNodeCameras(app, { supervisor, core, audit, site });
  addNodeModels(app, { supervisor, audit });
  addModelUploads(app, { supervisor, audit });
  addRuleTests(app, core);
  addMetrics(app, { ...options, core, parts: [kernel, core, ...(site ? [site.outbox] : []), ...(copier ? [copier] : [])], counters });
  addLive(app, kernel, site, counters.hub, (request, socket, camera) => keepAllowed(connections, identify, request, socket, camera));
  addRecordings(app, kernel);
  addVerifications(app, kernel, audit);
  await app.register(async (routes) => addWhep(routes, kernel, site?.pipes.sessions ?? null, (request, session) => keepAllowed(connections, identify, request, session, (request.params as { id: string }).id)));
  await servePage(app, options.pageDirectory);
  return app;
}
