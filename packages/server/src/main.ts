// The server's process. `node packages/server/src/main.ts -c ruth.yaml`; DATABASE_URL names a PostgreSQL to remember things in.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProcess } from '@ruth/transport';
import { startServer } from './app.ts';
import { isLoopback } from './request-guard.ts';

/** Where neither events nor recordings have an age. */
const DEFAULT_EVENT_AGE_DAYS = 30;

await runProcess('server', async (context) => {
  const { settings, logger, signal } = context;
  const { host, port } = settings.http;
  const { DATABASE_URL: databaseUrl } = process.env;
  await using server = await startServer({
    host, port, socketDirectory: settings.socketDirectory, models: settings.models.map((model) => model.id), logger,
    store: databaseUrl ? { kind: 'postgres', url: databaseUrl } : { kind: 'sqlite', file: join(settings.dataDirectory, 'ruth.sqlite') },
    eventMaxAgeDays: settings.events.maxAgeDays ?? settings.recording?.maxAgeDays ?? DEFAULT_EVENT_AGE_DAYS,
    pageDirectory: fileURLToPath(new URL('../../web/dist', import.meta.url)),
  });
  if (!isLoopback(host)) logger.warn({ host }, 'listening beyond this machine, and there is no sign-in yet: whoever reaches this address sees every camera');
  context.ready({ url: server.url });
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
});
