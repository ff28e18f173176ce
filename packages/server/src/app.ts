// The server: the API under /api/v1, its two WebSockets, and the page. Kernel and core may come and go; what needs one
// that is away answers 503, everything else goes on.
import type { Server as HttpsServer } from 'node:https';
import { isIPv6 } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifyWebsocket from '@fastify/websocket';
import {
  CoreEvent, ExportStatus, KernelEvent, LiveQuery, RuthError,
  copierSocketPath, coreSocketPath, kernelSocketPath, redactUrls, supervisorSocketPath, validator, type ErrorBody, type ErrorCode, type MqttConfig, type NotificationsConfig, type OidcConfig, type TlsSettings,
} from '@ruth/protocol';
import { networks, secretReader, type Logger, type Telemetry } from '@ruth/transport';
import { fastify, LogController, type FastifyBaseLogger, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import packageJson from '../package.json' with { type: 'json' };
import { Access, addPeople, addSessions, Audit, guardRoutes, identityOf, keepAllowed, maySee, OpenConnections, type Identify } from './access/index.ts';
import { RateLimited } from './access/attempts.ts';
import { EventIntake } from './events/event-intake.ts';
import { EventKeeper } from './events/event-keeper.ts';
import { addEvents } from './events/event-routes.ts';
import { RecordedMoments } from './events/recorded-moments.ts';
import { LiveHub } from './events/live-hub.ts';
import { SiteIntake } from './events/site-intake.ts';
import { standingNow, startOf } from './events/standing-state.ts';
import { StoredEventTraces } from './events/stored-event-traces.ts';
import { addOpenApi } from './openapi/openapi.ts';
import { MqttBridge } from './outward/mqtt/mqtt-bridge.ts';
import { addNotifications, Notifications } from './outward/notifications.ts';
import { openSite, type SiteParts } from './site/index.ts';
import { proxyLive, type LiveSource } from './live-proxy.ts';
import { addMetrics, type ServerCounters } from './metrics.ts';
import { servePage } from './page.ts';
import { addCopies } from './copies-route.ts';
import { addNodeCameras } from './node/camera-routes.ts';
import { addNodeModels } from './node/model-routes.ts';
import { addModelUploads } from './node/model-upload-routes.ts';
import { addProcesses } from './node/process-routes.ts';
import { addRuleTests } from './node/rule-test-routes.ts';
import { addSiteInfo, addStatus } from './node/status-routes.ts';
import { addRecordings } from './recordings-proxy.ts';
import { guardingHeaders, guardRequests, REQUEST_TIMEOUT_MS } from './request-guard.ts';
import { traceRequests } from './request-traces.ts';
import { describeAddress, openStore, type Store, type StoreAddress } from './store/index.ts';
import { followRenewal, readCertificate, type Certificate } from './tls.ts';
import { Upstream } from './upstream.ts';
import { addVerifications } from './verification-routes.ts';
import { addWhep } from './webrtc-proxy.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Null: HTTP without encryption. */
  readonly tls?: TlsSettings | null;
  /** Addresses and networks of proxies in front, whose X-Forwarded-For counts. */
  readonly trustedProxies?: readonly string[];
  readonly socketDirectory: string;
  /** Ids of the models that shall run. */
  readonly models: readonly string[];
  /** Where the built page is. */
  readonly pageDirectory: string;
  readonly store: StoreAddress;
  /** Of events that no recording belongs to; null: kept for ever. */
  readonly eventMaxAgeDays?: number | null;
  /** Events stay until they are that old, although their recordings are gone. */
  readonly eventsOutliveRecordings?: boolean;
  /** What is kept is copied to a bucket. */
  readonly copies?: boolean;
  readonly logger: Logger;
  /** A broker that is told what happens. */
  readonly mqtt?: MqttConfig | null;
  readonly notifications?: NotificationsConfig;
  /** Where people sign in who have no password here. */
  readonly oidc?: OidcConfig | null;
  /** Of the process, for secrets that the settings name in it. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** IANA name in which quiet times are meant; null for that of the machine. */
  readonly timeZone?: string | null;
  /** RUTH_ADMIN_TOKEN: who sends it may do everything. */
  readonly adminToken?: string | null;
  /** This node is one of several; what the others have is shown too, where the store is PostgreSQL, which all of them share. */
  readonly site?: { readonly caFile: string | null } | null;
  /** Takes the place of sessions and tokens; for tests of other things. */
  readonly identify?: Identify;
  /** Where requests and the storing of events are traced; nowhere unless told. Whoever started it ends it. */
  readonly telemetry?: Telemetry | null;
}

export interface RunningServer extends AsyncDisposable {
  /** E.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly hub: LiveHub;
  readonly access: Access;
}

/** Starts to listen. Throws `socket_in_use` where the port is taken, `store_unavailable`, and `invalid_config` where the certificate is none. Disposing it ends every connection. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { logger, tls = null, telemetry = null } = options;
  const certificate = tls && readCertificate(tls);
  const kernel = new Upstream('kernel', kernelSocketPath(options.socketDirectory));
  const core = new Upstream('core', coreSocketPath(options.socketDirectory));
  const hub = new LiveHub();
  const store = await openStore(options.store);
  logger.info(`the store is ${describeAddress(options.store)}`);
  const readSecret = secretReader(options.environment ?? {});
  const mqtt = options.mqtt ? new MqttBridge({ config: options.mqtt, kernel, coreBegan: () => startOf(core), ownsPrefix: !options.site, logger, version: packageJson.version, readSecret }) : null;
  // Before anything that comes: it may end what stands.
  mqtt?.begin(await standingNow(store, kernel, core, logger));
  const notifications = new Notifications({ config: options.notifications ?? {}, store, kernel, logger, timeZone: options.timeZone ?? null, readSecret });
  const onEvent = (event: CoreEvent | KernelEvent): void => {
    mqtt?.take(event);
    if (event.type !== 'detection' && event.type !== 'track.updated') notifications.poke();
  };
  const traces = telemetry && new StoredEventTraces(telemetry);
  const site = options.site && options.store.kind === 'postgres' ? openSite({ socketDirectory: options.socketDirectory, caFile: options.site.caFile, kernel, logger }) : null;
  if (options.site && !site) logger.warn(SITE_NEEDS_DATABASE);
  const siteIntake = site && isOfSite(options.store) ? new SiteIntake({ store, outbox: site.outbox, logger, onStored: () => notifications.poke() }) : null;
  const filled = siteIntake && (() => siteIntake.filled());
  const intakes = await Promise.all([
    EventIntake.begin({ source: 'core', socketPath: core.socketPath, event: validator(CoreEvent), store, hub, logger, onEvent, traces, filled }),
    EventIntake.begin({ source: 'kernel', socketPath: kernel.socketPath, event: validator(KernelEvent), store, hub, logger, onEvent, filled }),
  ]);
  const keeper = new EventKeeper({ store, kernel, logger, maxAgeDays: options.eventMaxAgeDays ?? null, byAgeAlone: options.eventsOutliveRecordings === true || isOfSite(options.store), utcMs: Date.now });
  const counters = { hub, keeper, siteIntake, siteLive: site?.live ?? null, mqtt, couriers: notifications.couriers, recorders: intakes.map(({ source, recorder }) => ({ source, recorder })) };
  const access = new Access(store, options.adminToken ?? null);
  const audit = new Audit(store, logger);
  const connections = new OpenConnections();
  access.onChange(() => connections.check());
  const app = await buildApp(options, certificate, { kernel, site, core, counters, store, access, audit, connections, notifications });
  const stop = new AbortController();
  if (tls) stop.signal.addEventListener('abort', followRenewal(app.server as HttpsServer, tls, logger));
  let url: string;
  try {
    url = await app.listen({ host: options.host, port: options.port });
  } catch (cause) {
    stop.abort();
    await app.close();
    connections[Symbol.dispose]();
    await audit[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
    throw new RuthError('socket_in_use', `port ${options.port} of ${options.host} is taken; set http.port or RUTH_HTTP_PORT to another one, or to 0 for any`, { cause });
  }
  const following = Promise.all([...intakes, keeper, notifications, ...(mqtt ? [mqtt] : []), ...(siteIntake ? [siteIntake] : [])].map((task) => task.run(stop.signal)));
  return {
    url, hub, access,
    async [Symbol.asyncDispose]() {
      stop.abort();
      for (const client of app.websocketServer.clients) client.terminate();
      await app.close();
      connections[Symbol.dispose]();
      await following;
      await audit[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await site?.[Symbol.asyncDispose]();
      await Promise.all([kernel[Symbol.asyncDispose](), core[Symbol.asyncDispose]()]);
    },
  };
}

const isOfSite = (store: StoreAddress): boolean => store.kind === 'postgres' && store.node !== undefined;

/** What the routes stand on. */
interface Parts {
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

async function buildApp(options: ServerOptions, certificate: Certificate | null, parts: Parts): Promise<FastifyInstance> {
  const { kernel, core, site, counters, store, access, audit, connections, notifications } = parts;
  const identify = options.identify ?? ((request) => access.identify(request));
  const loggerInstance: FastifyBaseLogger = options.logger;
  const { trustedProxies: proxies = [] } = options;
  const app = fastify({
    ...(certificate && { https: certificate }),
    loggerInstance, logController: new LogController({ disableRequestLogging: true }), bodyLimit: 64 * 1024, forceCloseConnections: true,
    // Of an address that cannot be read: no hook sees it.
    frameworkErrors: (_error: unknown, request: FastifyRequest, reply: FastifyReply) => void reply.code(400).headers(guardingHeaders(request, reply, certificate !== null)).send(errorBody(new RuthError('bad_request', 'the address cannot be read: % must be followed by two hexadecimal digits'))),
    ...(proxies.length > 0 && { trustProxy: trusting(proxies) }),
    // What a request says beyond its schema is a mistake to be told, not to be dropped.
    ajv: { customOptions: { removeAdditional: false } },
  }) as unknown as FastifyInstance;
  // Of bodies, request-guard.ts has the limit.
  app.server.headersTimeout = REQUEST_TIMEOUT_MS;
  app.setErrorHandler((error: FastifyError | RuthError, request, reply) => {
    const known = error instanceof RuthError ? error : new RuthError(codeOfStatus(error.statusCode), error.message, { cause: error });
    if (known.code === 'internal') request.log.error({ err: error }, known.message);
    if (known instanceof RateLimited) void reply.header('retry-after', known.retryAfterS);
    // What nobody foresaw may name files, hosts or rows: it is in the log, and for whoever administers.
    const isTold = known.code !== 'internal' || request.identity?.permissions.has('administer') === true;
    return reply.code(known.httpStatus).send(errorBody(known, isTold));
  });
  app.setNotFoundHandler((request) => { throw new RuthError('not_found', `there is nothing at ${request.url.slice(0, 200)}`); });
  await app.register(fastifyWebsocket, { options: { maxPayload: 64 * 1024, perMessageDeflate: false } });
  await app.register(fastifyCookie);
  if (options.telemetry) traceRequests(app, options.telemetry);
  guardRequests(app, { host: options.host, isEncrypted: certificate !== null, isBehindProxy: proxies.length > 0 });
  guardRoutes(app, { identify, audit, exportOf: (id, request) => (site ? site.passing.exportOf(id, request) : kernel.get(`/v1/exports/${id}`, exportStatus)) });
  app.decorateRequest('elsewhere', null);
  site?.passing.add(app);
  addOpenApi(app);
  addSessions(app, access, audit, options.oidc ?? null);
  // Its library is loaded where it is wanted.
  if (options.oidc) (await import('./access/oidc.ts')).addOidc(app, options.oidc, { access, audit, readSecret: secretReader(options.environment ?? {}) });
  addPeople(app, store, access, audit);
  addStatus(app, options.models, parts);
  addSiteInfo(app, site?.lists ?? null, options.site ? SITE_NEEDS_DATABASE : null);
  addEvents(app, store, new RecordedMoments(kernel, site, options.store.kind === 'postgres' ? options.store.node ?? null : null));
  addNotifications(app, store, notifications, audit);
  const supervisor = new Upstream('supervisor', supervisorSocketPath(options.socketDirectory));
  app.addHook('onClose', () => supervisor[Symbol.asyncDispose]());
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
  await app.register(async (routes) => addWhep(routes, kernel, (request, session) => keepAllowed(connections, identify, request, session, (request.params as { id: string }).id)));
  await servePage(app, options.pageDirectory);
  return app;
}

const exportStatus = validator(ExportStatus);
const SITE_NEEDS_DATABASE = 'the store of this node is its own: what other nodes of the site have is shown where all have the same DATABASE_URL, of a PostgreSQL';

type KeepAllowed = (request: FastifyRequest, socket: WebSocket, camera: string | null) => void;

function addLive(app: FastifyInstance, kernel: Upstream, site: SiteParts | null, hub: LiveHub, keep: KeepAllowed): void {
  const counters = { opened: 0, pauses: 0, disconnectedSlow: 0 };
  app.get<{ Querystring: LiveQuery }>('/api/v1/live', { websocket: true, schema: { querystring: LiveQuery } }, (socket, request) => {
    keep(request, socket, null);
    const { core_after: core, kernel_after: kernelId, node_after: nodes = [], camera } = request.query;
    const wanted = camera === undefined ? null : new Set([camera].flat());
    const mayHave = (cameraId: string): boolean => (wanted === null || wanted.has(cameraId)) && maySee(identityOf(request), cameraId);
    const others = [nodes].flat().map((text): [string, number] => [`${text.slice(0, text.indexOf(':'))}/core`, Number(text.slice(text.indexOf(':') + 1))]);
    const client = hub.add(socket, mayHave, { ...(core !== undefined && { core }), ...(kernelId !== undefined && { kernel: kernelId }), ...Object.fromEntries(others) });
    if (client) site?.live.follow(socket, client, request, mayHave);
  });
  for (const way of ['live', 'webrtc']) {
    app.get<{ Params: { id: string } }>(`/api/v1/cameras/:id/${way}`, { websocket: true }, (socket, request) => {
      keep(request, socket, request.params.id);
      const own: LiveSource = { address: `ws+unix:${kernel.socketPath}:/v1/cameras/${request.params.id}/${way}`, name: 'the kernel' };
      proxyLive(socket, site && request.elsewhere ? site.others.live(request.elsewhere, request) : own, counters);
    });
  }
}

function errorBody({ code, message, advice, problems }: RuthError, isTold = true): ErrorBody {
  return {
    error: isTold ? redactUrls(message) : 'something went wrong inside; the log of the server says what', error_code: code, advice,
    ...(problems.length === 0 ? {} : { problems: problems.map((problem) => ({ pointer: problem.pointer, message: redactUrls(problem.message) })) }),
  };
}

/** Throws `invalid_config`. */
function trusting(proxies: readonly string[]): (address: string) => boolean {
  const list = networks(proxies);
  return (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function codeOfStatus(status: number | undefined): ErrorCode {
  if (status === 404) return 'not_found';
  if (status === 401) return 'unauthorized';
  if (status === 413) return 'message_too_large';
  return status !== undefined && status < 500 ? 'bad_request' : 'internal';
}
