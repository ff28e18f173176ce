// Serves the page: the files that `npm run build -w packages/web` made, or a plain page that says to run it.
import { existsSync } from 'node:fs';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Ruth</title>
<h1>Ruth is running, but its page is not built</h1>
<p>Run <code>npm run build -w packages/web</code> and load this page again. The API is at <a href="/api/v1/health">/api/v1/health</a>.</p></html>`;

export async function servePage(app: FastifyInstance, directory: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: directory, serve: false, cacheControl: false,
  });
  app.get('/', async (_request, reply) => {
    reply.header('cache-control', 'no-cache');
    if (!existsSync(`${directory}/index.html`)) return reply.type('text/html').send(NOT_BUILT);
    return reply.sendFile('index.html');
  });
  app.get('/sign-in', async (_request, reply) => {
    reply.header('cache-control', 'no-cache');
    if (!existsSync(`${directory}/sign-in.html`)) return reply.type('text/html').send(NOT_BUILT);
    return reply.sendFile('sign-in.html');
  });
  app.get('/favicon.svg', (_request, reply) => reply.sendFile('favicon.svg'));
  // Names of assets carry a hash of their content.
  app.get('/assets/*', (request, reply) => {
    reply.header('cache-control', 'public, max-age=31536000, immutable');
    return reply.sendFile(`assets/${(request.params as { '*': string })['*']}`);
  });
}
