// The supervisor's control API, on its Unix socket: what runs and how it is, and the cameras and models of the node, which can be changed.
import { chmodSync, createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import {
  AddModelRequest, assertId, CameraChange, CameraConfig, CameraIntentChange, CameraProbe, CameraSearch, DiscoveredDevice, ModelJobRequest, ModelUploadQuery, ProbeReport, ReplaceModelRequest, RuthError, supervisorSocketPath, validator, type ErrorBody, type ProcessHealth,
} from '@ruth/protocol';
import { claimSocketPath } from '@ruth/transport';
import fastify, { type FastifyInstance } from 'fastify';
import packageJson from '../../package.json' with { type: 'json' };
import type { CapacityWatch } from './capacity/capacity-watch.ts';
import { childJob } from './child-job.ts';
import { entryOf } from './definitions.ts';
import { offeredModels, type ModelJobs } from './model-jobs.ts';
import type { ModelUploads } from './model-uploads.ts';
import type { NodeCameras } from './node-cameras.ts';
import type { NodeModels } from './node-models.ts';
import type { Supervisor } from './supervisor.ts';

const addRequest = validator(AddModelRequest);
const replaceRequest = validator(ReplaceModelRequest);
const jobRequest = validator(ModelJobRequest);
const uploadQuery = validator(ModelUploadQuery);
const cameraConfig = validator(CameraConfig);
const cameraChange = validator(CameraChange);
const intentChange = validator(CameraIntentChange);
const cameraProbe = validator(CameraProbe);
const cameraSearch = validator(CameraSearch);
const probeReport = validator(ProbeReport);
const discoveredDevice = validator(DiscoveredDevice);
const MOST_BODY_BYTES = 512 * 1024;
/** Opening may try three ways, of up to ten seconds each. */
const OPEN_LIMIT_MS = 45_000;
/** Devices are asked eight at a time, some of them in vain. */
const ASK_LIMIT_MS = 120_000;

/** The API, not yet listening. */
export function createControl(supervisor: Supervisor, models: NodeModels, cameras: NodeCameras, { jobs = null, uploads = null, capacity = null }: { jobs?: ModelJobs | null; uploads?: ModelUploads | null; capacity?: CapacityWatch | null } = {}): FastifyInstance {
  const app = fastify({ forceCloseConnections: true, bodyLimit: MOST_BODY_BYTES });
  const startedAtMs = performance.now();
  app.setErrorHandler((cause, _request, reply) => {
    const status = (cause as { statusCode?: number }).statusCode;
    const error = RuthError.from(cause, status !== undefined && status < 500 ? 'bad_request' : 'internal');
    return reply.status(error.httpStatus).send({ error: error.message, error_code: error.code, advice: error.advice, ...(error.problems.length === 0 ? {} : { problems: [...error.problems] }) } satisfies ErrorBody);
  });
  app.setNotFoundHandler((request) => { throw new RuthError('not_found', `there is no ${request.method} ${request.url}`); });
  const idOf = (request: { params: unknown }): string => assertId((request.params as { id: string }).id, 'model');

  app.get('/v1/health', (): Omit<ProcessHealth, 'process'> & { process: string } => ({
    process: 'supervisor', status: 'ready', version: packageJson.version, pid: process.pid, uptime_ms: performance.now() - startedAtMs,
  }));
  app.get('/v1/processes', () => supervisor.statuses());
  if (capacity) app.get('/v1/capacity', () => capacity.capacity());
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
  app.post('/v1/models/:id/enable', async (request, reply) => {
    await models.enable(idOf(request));
    return reply.code(204).send();
  });
  app.post('/v1/models/:id/rollback', async (request, reply) => {
    await models.rollback(idOf(request));
    return reply.code(204).send();
  });
  app.get('/v1/models/:id/preview', (request, reply) => reply.type('image/jpeg').send(createReadStream(models.preview(idOf(request)))));
  app.delete('/v1/models/:id', async (request, reply) => {
    await models.remove(idOf(request));
    return reply.code(204).send();
  });
  app.get('/v1/offered-models', () => offeredModels());
  if (jobs) addModelJobs(app, jobs);
  if (uploads) addModelUploads(app, uploads);
  addCameras(app, cameras);
  return app;
}

function addModelJobs(app: FastifyInstance, jobs: ModelJobs): void {
  const idOf = (request: { params: unknown }): string => assertId((request.params as { id: string }).id, 'job');
  app.get('/v1/model-jobs', () => jobs.list());
  app.post('/v1/model-jobs', (request, reply) => reply.code(202).send(jobs.start(jobRequest.parse(request.body))));
  app.get('/v1/model-jobs/:id', (request) => jobs.get(idOf(request)));
  app.get('/v1/model-jobs/:id/picture', (request, reply) => reply.type('image/jpeg').send(createReadStream(jobs.picture(idOf(request)))));
  app.delete('/v1/model-jobs/:id', async (request, reply) => {
    await jobs.cancel(idOf(request));
    return reply.code(204).send();
  });
}

function addModelUploads(app: FastifyInstance, uploads: ModelUploads): void {
  // The bytes go to the disk as they come.
  app.addContentTypeParser('application/octet-stream', (_request, body, done) => done(null, body));
  app.post<{ Body: Readable }>('/v1/model-uploads', async (request, reply) => {
    const length = request.headers['content-length'];
    return reply.code(201).send(await uploads.take(uploadQuery.parse(request.query).file_name, length === undefined ? null : Number(length), request.body ?? request.raw));
  });
  app.delete('/v1/model-uploads/:id', async (request, reply) => {
    uploads.discard(assertId((request.params as { id: string }).id, 'upload'));
    return reply.code(204).send();
  });
}

function addCameras(app: FastifyInstance, cameras: NodeCameras): void {
  const idOf = (request: { params: unknown }): string => assertId((request.params as { id: string }).id, 'camera');
  app.get('/v1/cameras', () => cameras.list());
  app.get('/v1/cameras/:id', (request) => cameras.get(idOf(request)));
  app.post('/v1/cameras', async (request, reply) => reply.code(201).send(await cameras.add(cameraConfig.parse(request.body))));
  app.patch('/v1/cameras/:id', (request) => cameras.change(idOf(request), cameraChange.parse(request.body) as CameraChange));
  app.patch('/v1/cameras/:id/intent', (request) => cameras.changeIntent(idOf(request), intentChange.parse(request.body)));
  app.delete('/v1/cameras/:id', async (request, reply) => {
    await cameras.remove(idOf(request));
    return reply.code(204).send();
  });
  // Found out by processes of their own: cameras answer anything.
  app.post('/v1/probe', async (request) => {
    const task = await cameras.probeTask(cameraProbe.parse(request.body));
    return probeReport.parse(await childJob(entryOf('@ruth/kernel', 'probe/probe-main.ts'), task, 'report', OPEN_LIMIT_MS + 3000 * task.seconds), 'internal');
  });
  app.post('/v1/discover', async (request) => {
    const task = cameras.searchTask(cameraSearch.parse(request.body));
    const devices = await childJob(entryOf('@ruth/kernel', 'onvif/discover-main.ts'), task, 'devices', task.timeout_ms + ASK_LIMIT_MS);
    if (!Array.isArray(devices)) throw new RuthError('internal', 'the search answered no list');
    return devices.map((device) => discoveredDevice.parse(device, 'internal'));
  });
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
