// The server's process. `node packages/server/src/main.ts -c ruth.yaml`
import { fileURLToPath } from 'node:url';
import { runProcess } from '@ruth/transport';
import { startServer } from './app.ts';
import { isLoopback } from './request-guard.ts';

await runProcess('server', async (context) => {
  const { settings, logger, signal } = context;
  const { host, port } = settings.http;
  await using server = await startServer({
    host, port, socketDirectory: settings.socketDirectory, models: settings.models.map((model) => model.id), logger,
    pageDirectory: fileURLToPath(new URL('../../web/dist', import.meta.url)),
  });
  if (!isLoopback(host)) logger.warn({ host }, 'listening beyond this machine, and there is no sign-in yet: whoever reaches this address sees every camera');
  context.ready({ url: server.url });
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
});
