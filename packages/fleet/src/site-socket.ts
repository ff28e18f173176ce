// The fleet process's own socket: what the server beside it asks about the site, and how it changes the site's cameras. NATS is spoken here alone.
import { setTimeout as delay } from 'node:timers/promises';
import { assertId, fleetSocketPath, RuthError, SiteCamera, SiteCameraChange, validator, type CameraAddresses, type ErrorBody, type NodeCamera } from '@ruth/protocol';
import { assertCameraUrls, listenOnSocket } from '@ruth/transport';
import fastify, { type FastifyInstance } from 'fastify';
import type { SiteCameras } from './site-cameras.ts';
import type { SiteWatch } from './site-watch.ts';

export interface SiteSocketParts {
  readonly watch: SiteWatch;
  readonly cameras: SiteCameras;
  /** Where cameras may be. */
  readonly addresses: CameraAddresses;
}

interface OfCamera { Params: { id: string } }
const siteCamera = validator(SiteCamera);
const siteCameraChange = validator(SiteCameraChange);
/** A scene has many points. */
const MOST_BYTES = 1 << 20;
/** What was written is heard of by then; who reads after a change finds it. */
const HEARD_WITHIN_MS = 2000;
const LOOK_EVERY_MS = 10;

/** Listens until it is closed. Throws `socket_in_use`. */
export async function serveSite(socketDirectory: string, parts: SiteSocketParts): Promise<FastifyInstance> {
  const app = fastify({ forceCloseConnections: true, bodyLimit: MOST_BYTES });
  app.setErrorHandler((cause, _request, reply) => {
    const status = (cause as { statusCode?: number }).statusCode;
    const error = RuthError.from(cause, status !== undefined && status < 500 ? 'bad_request' : 'internal');
    return reply.status(error.httpStatus).send({ error: error.message, error_code: error.code, advice: error.advice, ...(error.problems.length === 0 ? {} : { problems: [...error.problems] }) } satisfies ErrorBody);
  });
  app.get<{ Querystring: { known?: string } }>('/v1/site', async ({ query: { known } }, reply) => {
    const view = await parts.watch.view(known === undefined ? null : Number(known));
    return view ?? reply.code(204).send();
  });
  addCameras(app, parts);
  await app.ready();
  await listenOnSocket(app.server, fleetSocketPath(socketDirectory));
  return app;
}

function addCameras(app: FastifyInstance, { watch, cameras, addresses }: SiteSocketParts): void {
  const describe = (present: Parameters<SiteCameras['describe']>[0]): NodeCamera => cameras.describe(present, watch.whereabouts(present.value.camera.id));
  const heard = async (id: string, of: (revision: number | undefined) => boolean): Promise<void> => {
    for (const endsAt = performance.now() + HEARD_WITHIN_MS; performance.now() < endsAt && !of((await watch.cameras()).get(id)?.revision); await delay(LOOK_EVERY_MS));
  };
  /** Throws `unreachable`: what is asked of a connection that is lost would be done when it is back, and nobody would be told. */
  const assertThere = async (): Promise<void> => {
    if (watch.isConnected) await watch.cameras();
    if (!watch.isConnected) throw new RuthError('unreachable', 'NATS is away: cameras of the site cannot be changed at the moment, and nothing was; what is recorded goes on');
  };

  app.get('/v1/site/cameras', async () => [...(await watch.cameras()).values()].map(describe));
  app.get<OfCamera>('/v1/site/cameras/:id', async ({ params: { id } }) => {
    const present = (await watch.cameras()).get(id);
    if (!present) throw new RuthError('camera_not_found', `the site has no camera ${id}`);
    return describe(present);
  });
  app.post('/v1/site/cameras', async ({ body }, reply) => {
    const camera = siteCamera.parse(body);
    const { id } = camera.camera;
    await assertCameraUrls(camera.camera, addresses);
    await assertThere();
    const owner = watch.ownerOf(id);
    if (owner !== null) throw new RuthError('conflict', `the node ${owner} has a camera ${id} of its own; choose another id`);
    const present = await cameras.add(camera);
    await heard(id, (revision) => revision !== undefined && revision >= present.revision);
    return reply.code(201).send(describe(present));
  });
  app.patch<OfCamera>('/v1/site/cameras/:id', async ({ params, body }) => {
    const id = assertId(params.id, 'camera');
    const change = siteCameraChange.parse(body) as SiteCameraChange;
    await assertCameraUrls(change.camera ?? {}, addresses);
    await assertThere();
    const present = await cameras.change(id, change);
    await heard(id, (revision) => revision === undefined || revision >= present.revision);
    return describe(present);
  });
  app.delete<OfCamera & { Querystring: { revision?: string } }>('/v1/site/cameras/:id', async ({ params, query: { revision } }, reply) => {
    const id = assertId(params.id, 'camera');
    await assertThere();
    await cameras.remove(id, revision === undefined ? null : Number(revision));
    await heard(id, (known) => known === undefined);
    return reply.code(204).send();
  });
}
