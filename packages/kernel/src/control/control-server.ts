// The kernel's HTTP API on its Unix socket. Schemas are protocol's; every error is an ErrorBody from the table.
import websocket from '@fastify/websocket';
import {
  ID_PATTERN, LeaseRequest, LiveStreamQuery, RuthError, validator, type CameraStatus, type ErrorBody, type LeaseGrant, type LiveStreamName, type ProcessHealth,
  type RecordingHealth,
} from '@ruth/protocol';
import fastify, { type FastifyInstance } from 'fastify';
import { addCameraRoutes, type CameraControl } from './camera-routes.ts';
import { addEventRoutes, type EventfulKernel } from './event-routes.ts';
import { addMetricsRoutes } from './metrics-routes.ts';
import { addPipeRoutes, type PipedKernel } from './pipe-routes.ts';
import { addPlacementRoutes, type PlacementControl } from './placement-routes.ts';
import { addRecordingRoutes, type RecordingControl } from './recording-routes.ts';
import { addVerificationRoutes } from './verification-routes.ts';
import { addWebRtcRoutes } from './webrtc-routes.ts';
import type { LiveRelay } from '../live/fmp4/live-relay.ts';
import packageJson from '../../package.json' with { type: 'json' };

/** What the API shows. `Kernel` is one. */
export interface ControlledKernel extends CameraControl, PipedKernel, RecordingControl, EventfulKernel {
  cameras(): CameraStatus[];
  camera(id: string): CameraStatus;
  live(id: string, stream?: LiveStreamName): LiveRelay;
  lease(leaseId: string, request: LeaseRequest): LeaseGrant;
  release(leaseId: string): void;
  readonly recordingHealth: RecordingHealth;
  readonly placed: PlacementControl;
}

const MAX_BODY_BYTES = 64 << 10;
const leaseRequest = validator(LeaseRequest);
const streamQuery = validator(LiveStreamQuery);
const idRegExp = new RegExp(ID_PATTERN);

const idOf = (params: unknown): string => {
  const { id } = params as { id: string };
  if (!idRegExp.test(id)) throw new RuthError('invalid_id', 'an id has 1 to 63 letters, digits, dots, underscores or dashes');
  return id;
};

export function controlServer(kernel: ControlledKernel): FastifyInstance {
  const server = fastify({ bodyLimit: MAX_BODY_BYTES, forceCloseConnections: true, requestTimeout: 10_000 });
  server.setErrorHandler((error, _request, reply) => {
    const known = RuthError.from(error, (error as { statusCode?: number }).statusCode === undefined ? 'internal' : 'bad_request');
    void reply.code(known.httpStatus).send(errorBody(known));
  });
  server.setNotFoundHandler((request, reply) => {
    const error = new RuthError('not_found', `there is no ${request.method} ${request.url}`);
    void reply.code(error.httpStatus).send(errorBody(error));
  });
  void server.register(websocket, { options: { maxPayload: MAX_BODY_BYTES } });
  void server.register(async (routes) => {
    routes.get('/v1/health', async (): Promise<ProcessHealth> => ({
      process: 'kernel', status: 'ready', version: packageJson.version, pid: process.pid, uptime_ms: Math.round(process.uptime() * 1000), recording: kernel.recordingHealth,
    }));
    routes.get('/v1/cameras', async () => kernel.cameras());
    routes.get('/v1/cameras/:id', async (request) => kernel.camera(idOf(request.params)));
    addCameraRoutes(routes, kernel);
    addMetricsRoutes(routes, kernel);
    addWebRtcRoutes(routes, kernel, idOf);
    addPipeRoutes(routes, kernel, idOf);
    addPlacementRoutes(routes, kernel.placed);
    addRecordingRoutes(routes, kernel);
    addVerificationRoutes(routes, kernel);
    addEventRoutes(routes, kernel);
    routes.put('/v1/leases/:id', async (request) => kernel.lease(idOf(request.params), leaseRequest.parse(request.body)));
    routes.delete('/v1/leases/:id', async (request, reply) => {
      kernel.release(idOf(request.params));
      return reply.code(204).send();
    });
    routes.get('/v1/cameras/:id/live', {
      websocket: true,
      // A wrong id is answered over HTTP, before the upgrade.
      preValidation: async (request) => {
        kernel.camera(idOf(request.params));
        streamQuery.parse(request.query);
      },
    }, (socket, request) => kernel.live(idOf(request.params), streamQuery.parse(request.query).stream).add(socket));
  });
  return server;
}

function errorBody(error: RuthError): ErrorBody {
  return { error: error.message, error_code: error.code, advice: error.advice };
}
