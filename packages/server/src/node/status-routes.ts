// How the node is and what is at it, as kernel and core tell it, of the cameras that whoever asks may see.
import {
  CameraStatus, ErrorBody, Look, LookLatencies, ModelStatus, redactUrls, SceneConfig, SubscriptionStatus, SystemHealth, validator, type ProcessHealth,
} from '@ruth/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import packageJson from '../../package.json' with { type: 'json' };
import { identityOf, maySee } from '../access/index.ts';
import { LatestQuery } from '../openapi/operations.ts';
import type { SiteParts } from '../site/index.ts';
import type { Store } from '../store/store.ts';
import { lookAtSystem, withoutReasons } from '../system-health.ts';
import type { Upstream } from '../upstream.ts';

const answers = <S extends Type.TSchema>(schema: S) => ({ response: { 200: schema, default: ErrorBody } });
const CameraStatuses = Type.Array(CameraStatus);
const ModelStatuses = Type.Array(ModelStatus);
const SubscriptionStatuses = Type.Array(SubscriptionStatus);
const Looks = Type.Array(Look);
const cameraStatuses = validator(CameraStatuses);
const modelStatuses = validator(ModelStatuses);
const subscriptionStatuses = validator(SubscriptionStatuses);
const looks = validator(Looks);
const scenes = validator(SceneConfig);
const lookLatencies = validator(LookLatencies);

/** Of this node, and where it is one of a site, of all that can be asked. */
export function addStatus(app: FastifyInstance, { kernel, core, supervisor, site, store }: { readonly kernel: Upstream; readonly core: Upstream; readonly supervisor: Upstream; readonly site: SiteParts | null; readonly store: Store }): void {
  const startedAt = performance.now();
  const ownHealth = (): ProcessHealth => ({ process: 'server', status: 'ready', version: packageJson.version, pid: process.pid, uptime_ms: performance.now() - startedAt });
  // The HTTP status says whether the server answers, the body what it found: a load balancer must not restart a server whose kernel is away.
  app.get('/api/v1/health', { schema: answers(SystemHealth) }, async (request) => {
    const health = await lookAtSystem({ kernel, core, supervisor }, ownHealth(), store.health());
    return request.identity ? health : withoutReasons(health);
  });
  const own = async (request: FastifyRequest): Promise<CameraStatus[]> => {
    const cameras = await kernel.get('/v1/cameras', cameraStatuses);
    return cameras.filter(({ camera_id }) => maySee(identityOf(request), camera_id)).map((camera): CameraStatus => ({
      ...camera, url: redactUrls(camera.url), last_error: camera.last_error && { ...camera.last_error, message: redactUrls(camera.last_error.message) },
    }));
  };
  app.get('/api/v1/cameras', { schema: answers(CameraStatuses) }, (request, reply) => (site ? site.lists.cameras(request, reply, () => own(request)) : own(request)));
  app.get('/api/v1/models', { schema: answers(ModelStatuses) }, () => core.get('/v1/models', modelStatuses));
  const ownSubscriptions = async (request: FastifyRequest): Promise<SubscriptionStatus[]> => (
    (await core.get('/v1/subscriptions', subscriptionStatuses)).filter(({ camera_id }) => maySee(identityOf(request), camera_id))
  );
  app.get('/api/v1/subscriptions', { schema: answers(SubscriptionStatuses) }, (request, reply) => (site ? site.lists.subscriptions(request, reply, () => ownSubscriptions(request)) : ownSubscriptions(request)));
  app.get('/api/v1/latencies', { schema: answers(LookLatencies) }, () => core.get('/v1/latencies', lookLatencies));
  app.get<{ Params: { id: string } }>('/api/v1/cameras/:id/scene', { schema: answers(SceneConfig) }, (request) => core.get(`/v1/cameras/${request.params.id}/scene`, scenes));
  app.get<{ Querystring: { camera: string } }>('/api/v1/detections/latest', { schema: { querystring: LatestQuery, ...answers(Looks) } }, (request) => (
    core.get(`/v1/detections/latest?camera=${encodeURIComponent(request.query.camera)}`, looks)
  ));
}
