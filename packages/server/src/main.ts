// The server's process. `node packages/server/src/main.ts -c ruth.yaml`; DATABASE_URL names a PostgreSQL to remember things in,
// RUTH_ADMIN_TOKEN a token that may do everything.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isLoopback, RuthError } from '@ruth/protocol';
import { nodeOfSite, runProcess, secretReader, startTelemetry } from '@ruth/transport';
import packageJson from '../package.json' with { type: 'json' };
import { startServer } from './app.ts';

/** Where neither events nor recordings have an age. */
const DEFAULT_EVENT_AGE_DAYS = 30;
const SHORTEST_TOKEN = 24;

await runProcess('server', async (context) => {
  const { settings, logger, signal } = context;
  const { host, port, tls, trustedProxies } = settings.http;
  const { DATABASE_URL: databaseUrl, RUTH_ADMIN_TOKEN: adminToken } = process.env;
  if (adminToken !== undefined && adminToken.length < SHORTEST_TOKEN) throw new RuthError('invalid_config', `RUTH_ADMIN_TOKEN is too short: give at least ${SHORTEST_TOKEN} characters, e.g. from: openssl rand -base64 33`);
  await using telemetry = await startTelemetry({ config: settings.telemetry, process: 'server', version: packageJson.version, logger, readSecret: secretReader(process.env) });
  await using server = await startServer({
    host, port, tls, trustedProxies, socketDirectory: settings.socketDirectory, models: settings.models.map((model) => model.id), logger, adminToken: adminToken ?? null,
    site: settings.site && { node: nodeOfSite(settings.site), caFile: settings.site.server_ca_file ?? null, pipesFromViewers: settings.live.webrtc === null ? 0 : settings.live.pipes?.fromViewers ?? 0 },
    environment: process.env, oidc: settings.oidc, mqtt: settings.mqtt, notifications: settings.notifications, timeZone: settings.timeZone, telemetry,
    store: databaseUrl ? { kind: 'postgres', url: databaseUrl, ...(settings.site && { node: nodeOfSite(settings.site) }) } : { kind: 'sqlite', file: join(settings.dataDirectory, 'ruth.sqlite') },
    eventMaxAgeDays: settings.events.maxAgeDays ?? settings.recording?.maxAgeDays ?? DEFAULT_EVENT_AGE_DAYS, eventsOutliveRecordings: settings.events.outliveRecordings, copies: settings.copies !== null,
    pageDirectory: fileURLToPath(new URL('../../web/dist', import.meta.url)),
  });
  if (!isLoopback(host) && tls === null) logger.warn({ host }, 'listening beyond this machine without TLS: set http.tls, or put a proxy with a certificate in front');
  // What nobody may read in a log goes to the terminal: through the supervisor, or straight.
  const firstAdmin = await server.access.makeFirstAdmin();
  const signInUrl = isLoopback(host) ? `${server.url}/sign-in#${server.access.makeLink()}` : null;
  if (firstAdmin && !context.supervised) process.stdout.write(`\nSign in as ${firstAdmin.name} with the password ${firstAdmin.password}: it works once, and is shown this once.\n\n`);
  context.ready({ url: server.url }, { signInUrl, firstAdmin });
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
});
