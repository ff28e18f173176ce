// The server: what it stands on is opened, followed and closed here; what it answers is in routes.ts. Kernel and core may come and go; what needs one
// that is away answers 503, everything else goes on.
import type { Server as HttpsServer } from 'node:https';
import { CoreEvent, KernelEvent, RuthError, coreSocketPath, kernelSocketPath, validator } from '@ruth/protocol';
import { secretReader } from '@ruth/transport';
import packageJson from '../package.json' with { type: 'json' };
import { Access, Audit, OpenConnections } from './access/index.ts';
import { EventIntake } from './events/event-intake.ts';
import { EventKeeper } from './events/event-keeper.ts';
import { LiveHub } from './events/live-hub.ts';
import { SiteIntake } from './events/site-intake.ts';
import { lookedAtNow, standingNow, startOf } from './events/standing-state.ts';
import { StoredEventTraces } from './events/stored-event-traces.ts';
import { MqttBridge } from './outward/mqtt/mqtt-bridge.ts';
import { Notifications } from './outward/notifications.ts';
import { buildApp, SITE_NEEDS_DATABASE } from './routes.ts';
import { isOfSite, type ServerOptions } from './server-options.ts';
import { openSite } from './site/index.ts';
import { describeAddress, openStore } from './store/index.ts';
import { followRenewal, readCertificate } from './tls.ts';
import { Upstream } from './upstream.ts';

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
  const mqtt = options.mqtt ? new MqttBridge({
    config: options.mqtt, kernel, coreBegan: () => startOf(core), lookedAt: () => lookedAtNow(core), logger, version: packageJson.version, readSecret, onConnected: () => notifications.poke(),
    site: options.site ? { node: options.site.node, placeOf: async (camera) => (await site?.site.map())?.placeOf(camera) ?? null } : null,
  }) : null;
  // Before anything that comes: it may end what stands.
  mqtt?.begin(await standingNow(store, kernel, core, logger));
  const notifications = new Notifications({ config: options.notifications ?? {}, broker: mqtt?.target ?? null, store, kernel, logger, timeZone: options.timeZone ?? null, isOfSite: isOfSite(options.store), readSecret });
  const onEvent = (event: CoreEvent | KernelEvent): void => mqtt?.take(event);
  const onStored = (): void => notifications.poke();
  const traces = telemetry && new StoredEventTraces(telemetry);
  const site = options.site && options.store.kind === 'postgres' ? await openSite({ socketDirectory: options.socketDirectory, ...options.site, kernel, logger }) : null;
  if (options.site && !site) logger.warn(SITE_NEEDS_DATABASE);
  const siteIntake = site && isOfSite(options.store) ? new SiteIntake({ store, outbox: site.outbox, logger, onStored }) : null;
  const filled = siteIntake && (() => siteIntake.filled());
  const intakes = await Promise.all([
    EventIntake.begin({ source: 'core', socketPath: core.socketPath, event: validator(CoreEvent), store, hub, logger, onEvent, onStored, traces, filled }),
    EventIntake.begin({ source: 'kernel', socketPath: kernel.socketPath, event: validator(KernelEvent), store, hub, logger, onEvent, onStored, filled }),
  ]);
  const keeper = new EventKeeper({ store, kernel, logger, maxAgeDays: options.eventMaxAgeDays ?? null, byAgeAlone: options.eventsOutliveRecordings === true || isOfSite(options.store), utcMs: Date.now });
  const counters = { hub, keeper, siteIntake, siteLive: site?.live ?? null, sitePipes: site?.pipes ?? null, siteMse: site?.mse ?? null, mqtt, couriers: notifications.couriers, courierTurns: notifications.turns, recorders: intakes.map(({ source, recorder }) => ({ source, recorder })) };
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
