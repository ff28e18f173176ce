// GET /api/v1/processes: what the supervisor says of the processes of its node. A node whose processes are watched by something else
// (systemd, Kubernetes) has no supervisor: `unreachable`.
import { ErrorBody, SupervisedProcessStatus, validator } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import type { Upstream } from '../upstream.ts';

const ProcessStatuses = Type.Array(SupervisedProcessStatus);
const processStatuses = validator(ProcessStatuses);

export function addProcesses(app: FastifyInstance, supervisor: Upstream): void {
  app.get('/api/v1/processes', { schema: { response: { 200: ProcessStatuses, default: ErrorBody } } }, () => supervisor.get('/v1/processes', processStatuses));
}
