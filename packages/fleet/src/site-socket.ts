// The fleet process's own socket: what the server beside it asks about the site. NATS is spoken here alone.
import { fleetSocketPath, RuthError, type ErrorBody } from '@ruth/protocol';
import { listenOnSocket } from '@ruth/transport';
import fastify, { type FastifyInstance } from 'fastify';
import type { SiteWatch } from './site-watch.ts';

/** Listens until it is closed. Throws `socket_in_use`. */
export async function serveSite(socketDirectory: string, watch: SiteWatch): Promise<FastifyInstance> {
  const app = fastify({ forceCloseConnections: true });
  app.setErrorHandler((cause, _request, reply) => {
    const status = (cause as { statusCode?: number }).statusCode;
    const error = RuthError.from(cause, status !== undefined && status < 500 ? 'bad_request' : 'internal');
    return reply.status(error.httpStatus).send({ error: error.message, error_code: error.code, advice: error.advice } satisfies ErrorBody);
  });
  app.get<{ Querystring: { known?: string } }>('/v1/site', async ({ query: { known } }, reply) => {
    const view = await watch.view(known === undefined ? null : Number(known));
    return view ?? reply.code(204).send();
  });
  await app.ready();
  await listenOnSocket(app.server, fleetSocketPath(socketDirectory));
  return app;
}
