// The models of the node, changed through its supervisor: what lies there, what can be had, what is being tried, and which version serves.
import { assertId, ErrorBody, ModelJob, ModelJobRequest, OfferedModel, SupervisedModel, validator } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { identityOf, type Audit } from '../access/index.ts';
import { checksBody } from '../request-body.ts';
import type { Upstream } from '../upstream.ts';

const [SupervisedModels, OfferedModels, Jobs] = [Type.Array(SupervisedModel), Type.Array(OfferedModel), Type.Array(ModelJob)];
const [supervisedModels, offeredModels, modelJobs, modelJob] = [validator(SupervisedModels), validator(OfferedModels), validator(Jobs), validator(ModelJob)];
/** A successor may take two minutes to be ready. */
const CHANGE_TIMEOUT_MS = 150_000;

interface ById { Params: { id: string } }
const answers = <S extends Type.TSchema>(schema: S) => ({ schema: { response: { 200: schema, default: ErrorBody } } });
const DEEDS = { enable: 'switched a model on', disable: 'switched a model off', rollback: 'put a model back' } as const;

export function addNodeModels(app: FastifyInstance, { supervisor, audit }: { supervisor: Upstream; audit: Audit }): void {
  app.get('/api/v1/models/installed', answers(SupervisedModels), () => supervisor.get('/v1/models', supervisedModels));
  app.get('/api/v1/models/offered', answers(OfferedModels), () => supervisor.get('/v1/offered-models', offeredModels));
  app.get<ById>('/api/v1/models/:id/preview.jpg', async ({ params }, reply) => reply.type('image/jpeg').send(await supervisor.bytes(`/v1/models/${assertId(params.id, 'model')}/preview`)));
  for (const change of ['enable', 'disable', 'rollback'] as const) {
    app.post<ById>(`/api/v1/models/:id/${change}`, async (request, reply) => {
      await supervisor.send('POST', `/v1/models/${assertId(request.params.id, 'model')}/${change}`, {}, null, CHANGE_TIMEOUT_MS);
      audit.note(identityOf(request), { action: DEEDS[change], detail: request.params.id, address: request.ip });
      return reply.code(204).send();
    });
  }
  app.delete<ById>('/api/v1/models/:id', async (request, reply) => {
    await supervisor.send('DELETE', `/v1/models/${assertId(request.params.id, 'model')}`, null, null, CHANGE_TIMEOUT_MS);
    audit.note(identityOf(request), { action: 'removed a model', detail: request.params.id, address: request.ip });
    return reply.code(204).send();
  });
  app.get('/api/v1/model-jobs', answers(Jobs), () => supervisor.get('/v1/model-jobs', modelJobs));
  app.post<{ Body: ModelJobRequest }>('/api/v1/model-jobs', checksBody(ModelJobRequest, { response: { 202: ModelJob, default: ErrorBody } }), async (request, reply) => {
    const { kind, model_id: id, accept_license: accepted } = request.body;
    const job = await supervisor.send('POST', '/v1/model-jobs', request.body, modelJob);
    audit.note(identityOf(request), { action: `began to ${kind} a model`, detail: `${id === undefined ? '' : `${id}: `}${job.source}${accepted === true ? ', licence accepted' : ''}`, address: request.ip });
    return reply.code(202).send(job);
  });
  app.get<ById>('/api/v1/model-jobs/:id', answers(ModelJob), ({ params }) => supervisor.get(`/v1/model-jobs/${assertId(params.id, 'model job')}`, modelJob));
  app.get<ById>('/api/v1/model-jobs/:id/picture.jpg', async ({ params }, reply) => reply.type('image/jpeg').send(await supervisor.bytes(`/v1/model-jobs/${assertId(params.id, 'model job')}/picture`)));
  app.delete<ById>('/api/v1/model-jobs/:id', async (request, reply) => {
    await supervisor.send('DELETE', `/v1/model-jobs/${assertId(request.params.id, 'model job')}`, null, null, CHANGE_TIMEOUT_MS);
    audit.note(identityOf(request), { action: 'cancelled a model job', detail: request.params.id, address: request.ip });
    return reply.code(204).send();
  });
}
