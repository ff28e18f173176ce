// The supervisor's control API, on its Unix socket: what runs and how it is, and the models of the node, which can be changed.
import { chmodSync } from 'node:fs';
import { AddModelRequest, assertId, ReplaceModelRequest, RuthError, supervisorSocketPath, validator, type ErrorBody, type ProcessHealth } from '@ruth/protocol';
import { claimSocketPath } from '@ruth/transport';
import fastify, { type FastifyInstance } from 'fastify';
import packageJson from '../../package.json' with { type: 'json' };
import type { NodeModels } from './node-models.ts';
import type { Supervisor } from './supervisor.ts';

const addRequest = validator(AddModelRequest);
const replaceRequest = validator(ReplaceModelRequest);
const MOST_BODY_BYTES = 64 * 1024;

/** The API, not yet listening. */
export function createControl(supervisor: Supervisor, models: NodeModels): FastifyInstance {
  const app = fastify({ forceCloseConnections: true, bodyLimit: MOST_BODY_BYTES });
  const startedAtMs = performance.now();
  app.setErrorHandler((cause, _request, reply) => {
    const status = (cause as { statusCode?: number }).statusCode;
    const error = RuthError.from(cause, status !== undefined && status < 500 ? 'bad_request' : 'internal');
    return reply.status(error.httpStatus).send({ error: error.message, error_code: error.code, advice: error.advice } satisfies ErrorBody);
  });
  app.setNotFoundHandler((request) => { throw new RuthError('not_found', `there is no ${request.method} ${request.url}`); });
  const idOf = (request: { params: unknown }): string => assertId((request.params as { id: string }).id, 'model');

  app.get('/v1/health', (): Omit<ProcessHealth, 'process'> & { process: string } => ({
    process: 'supervisor', status: 'ready', version: packageJson.version, pid: process.pid, uptime_ms: performance.now() - startedAtMs,
  }));
  app.get('/v1/processes', () => supervisor.statuses());
  app.get('/v1/models', () => models.list());
  app.post('/v1/models', async (request, reply) => {
    const { model_id: id, folder } = addRequest.parse(request.body, 'bad_request');
    await models.add(id, folder);
    return reply.code(204).send();
  });
  app.post('/v1/models/:id/replace', async (request, reply) => {
    await models.replace(idOf(request), replaceRequest.parse(request.body, 'bad_request').folder);
    return reply.code(204).send();
  });
  app.post('/v1/models/:id/disable', async (request, reply) => {
    await models.disable(idOf(request));
    return reply.code(204).send();
  });
  app.delete('/v1/models/:id', async (request, reply) => {
    await models.remove(idOf(request));
    return reply.code(204).send();
  });
  return app;
}

/** Listens for the owner of the node alone. Throws `socket_in_use`. */
export async function listenForControl(app: FastifyInstance, socketDirectory: string): Promise<void> {
  const path = supervisorSocketPath(socketDirectory);
  await claimSocketPath(path);
  const mask = process.umask(0o177);
  try {
    await app.listen({ path });
  } finally {
    process.umask(mask);
  }
  chmodSync(path, 0o600);
}
