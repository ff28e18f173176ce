// What the supervisor says of its node: GET /api/v1/processes, and what the machine carries in GET /api/v1/system. A node whose processes are watched
// by something else (systemd, Kubernetes) has no supervisor: `unreachable`, and no capacity.
import { availableParallelism, totalmem } from 'node:os';
import { Capacity, ErrorBody, RuthError, SupervisedProcessStatus, SystemStatus, validator } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import packageJson from '../../package.json' with { type: 'json' };
import type { Upstream } from '../upstream.ts';

const ProcessStatuses = Type.Array(SupervisedProcessStatus);
const processStatuses = validator(ProcessStatuses);
const capacities = validator(Capacity);

export function addProcesses(app: FastifyInstance, supervisor: Upstream): void {
  app.get('/api/v1/processes', { schema: { response: { 200: ProcessStatuses, default: ErrorBody } } }, () => supervisor.get('/v1/processes', processStatuses));
  app.get('/api/v1/system', { schema: { response: { 200: SystemStatus, default: ErrorBody } } }, async (): Promise<SystemStatus> => {
    const capacity = await supervisor.get('/v1/capacity', capacities).catch((cause: unknown) => RuthError.from(cause));
    return {
      version: packageJson.version, node_version: process.version, platform: `${process.platform} ${process.arch}`, cores: availableParallelism(), memory_bytes: totalmem(),
      ...(capacity instanceof RuthError ? { capacity: null, capacity_error: capacity.message } : { capacity, capacity_error: null }),
    };
  });
}
