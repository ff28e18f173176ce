// The fleet process's own socket: what the server beside it asks about the site, and how it changes the site's cameras and drains its nodes. NATS is spoken here alone.
import { setTimeout as delay } from 'node:timers/promises';
import { assertId, fleetSocketPath, RuthError, SiteCamera, SiteCameraChange, SiteCameraProbe, SiteNodeChange, validator, type CameraAddresses, type CameraProbe, type ErrorBody, type NodeCamera, type ProbeReport } from '@ruth/protocol';
import { assertCameraUrls, listenOnSocket } from '@ruth/transport';
import fastify, { type FastifyInstance } from 'fastify';
import type { SiteCameras } from './site-cameras.ts';
import type { SiteDrains } from './site-drains.ts';
import type { SiteWatch } from './site-watch.ts';

export interface SiteSocketParts {
  readonly watch: SiteWatch;
  readonly cameras: SiteCameras;
  readonly drains: SiteDrains;
  /** Where cameras may be. */
  readonly addresses: CameraAddresses;
  /** Looks at a camera from this node. What it is told has the password of the camera, and goes to this node's supervisor alone. */
  readonly probe: (probe: CameraProbe) => Promise<ProbeReport>;
}

interface OfOne { Params: { id: string } }
const siteCamera = validator(SiteCamera);
const siteCameraChange = validator(SiteCameraChange);
const siteCameraProbe = validator(SiteCameraProbe);
const siteNodeChange = validator(SiteNodeChange);
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
  addNodes(app, parts);
  addCameras(app, parts);
  await app.ready();
  await listenOnSocket(app.server, fleetSocketPath(socketDirectory));
  return app;
}

/** Throws `unreachable`: what is asked of a connection that is lost would be done when it is back, and nobody would be told. */
async function assertThere(watch: SiteWatch, what: string): Promise<void> {
  if (watch.isConnected) await watch.cameras();
  if (!watch.isConnected) throw new RuthError('unreachable', `NATS is away: ${what} cannot be changed at the moment, and nothing was; what is recorded goes on`);
}

/** Who reads after a change finds it. */
async function heardOf(isHeard: () => boolean | Promise<boolean>): Promise<void> {
  for (const endsAt = performance.now() + HEARD_WITHIN_MS; performance.now() < endsAt && !await isHeard(); await delay(LOOK_EVERY_MS));
}

function addNodes(app: FastifyInstance, { watch, drains }: SiteSocketParts): void {
  app.get('/v1/site/nodes', () => watch.details());
  app.patch<OfOne>('/v1/site/nodes/:id', async ({ params, body }, reply) => {
    const id = assertId(params.id, 'node');
    const { draining } = siteNodeChange.parse(body);
    await assertThere(watch, 'nodes of the site');
    await (draining ? drains.drain(id) : drains.undrain(id));
    await heardOf(() => watch.isDraining(id) === draining);
    return reply.code(204).send();
  });
}

function addCameras(app: FastifyInstance, { watch, cameras, addresses, probe }: SiteSocketParts): void {
  type OfCamera = Parameters<SiteCameras['describe']>[0];
  const describe = (present: OfCamera): NodeCamera => cameras.describe(present, watch.whereabouts(present.value.camera.id));
  const heard = (id: string, of: (revision: number | undefined) => boolean): Promise<void> => heardOf(async () => of((await watch.cameras()).get(id)?.revision));
  const assertChangeable = (): Promise<void> => assertThere(watch, 'cameras of the site');

  app.get('/v1/site/cameras', async () => {
    const all = [...(await watch.cameras()).values()];
    const reckoning = watch.reckon();
    return all.map((present) => cameras.describe(present, watch.whereabouts(present.value.camera.id, reckoning)));
  });
  const present = async (id: string): Promise<OfCamera> => {
    const found = (await watch.cameras()).get(id);
    if (!found) throw new RuthError('camera_not_found', `the site has no camera ${id}`);
    return found;
  };
  app.get<OfOne>('/v1/site/cameras/:id', async ({ params: { id } }) => describe(await present(id)));
  app.post<OfOne>('/v1/site/cameras/:id/probe', async ({ params: { id }, body }) => probe(cameras.probeOf((await present(id)).value, siteCameraProbe.parse(body))));
  app.post('/v1/site/cameras', async ({ body }, reply) => {
    const camera = siteCamera.parse(body);
    const { id } = camera.camera;
    await assertCameraUrls(camera.camera, addresses);
    await assertChangeable();
    const owner = watch.ownerOf(id);
    if (owner !== null) throw new RuthError('conflict', `the node ${owner} has a camera ${id} of its own; choose another id`);
    const present = await cameras.add(camera);
    await heard(id, (revision) => revision !== undefined && revision >= present.revision);
    return reply.code(201).send(describe(present));
  });
  app.patch<OfOne>('/v1/site/cameras/:id', async ({ params, body }) => {
    const id = assertId(params.id, 'camera');
    const change = siteCameraChange.parse(body) as SiteCameraChange;
    await assertCameraUrls(change.camera ?? {}, addresses);
    await assertChangeable();
    const present = await cameras.change(id, change);
    await heard(id, (revision) => revision === undefined || revision >= present.revision);
    return describe(present);
  });
  app.delete<OfOne & { Querystring: { revision?: string } }>('/v1/site/cameras/:id', async ({ params, query: { revision } }, reply) => {
    const id = assertId(params.id, 'camera');
    await assertChangeable();
    await cameras.remove(id, revision === undefined ? null : Number(revision));
    await heard(id, (known) => known === undefined);
    return reply.code(204).send();
  });
}
