// The cameras of the node, changed through its supervisor, which keeps ruth.yaml and tells kernel and core. What is wrong with scene,
// rules and subscriptions is said here, all of it, each with its place. URLs that are told to anybody carry no credentials.
import {
  CameraChange, CameraConfig, CameraIntentChange, CameraProbe, CameraSearch, DiscoveredDevice, ErrorBody, IntentStatus, isId, meaningProblems, NodeCamera, ProbeReport, redactUrls, RuthError, subscriptionProblem, validator,
  type RequestProblem,
} from '@ruth/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { identityOf, maySee, type Audit } from '../access/index.ts';
import { checksBody, problemsError } from '../request-body.ts';
import type { ListsOfSite } from '../site/index.ts';
import type { Upstream } from '../upstream.ts';

export interface NodeParts { readonly supervisor: Upstream; readonly core: Upstream; readonly audit: Audit; /** Null where this node is by itself. */ readonly lists: ListsOfSite | null }

const NodeCameras = Type.Array(NodeCamera);
const DiscoveredDevices = Type.Array(DiscoveredDevice);
const nodeCamera = validator(NodeCamera);
const nodeCameras = validator(NodeCameras);
const probeReport = validator(ProbeReport);
const devices = validator(DiscoveredDevices);
const intentStatus = validator(IntentStatus);
/** The kernel lets go of a camera that hangs after some seconds. */
const CHANGE_TIMEOUT_MS = 25_000;
const FIND_TIMEOUT_MS = 150_000;
const MOST_SCENE_BYTES = 512 * 1024;

interface OfCamera { Params: { id: string } }
const answers = <S extends Type.TSchema>(schema: S) => ({ 200: schema, default: ErrorBody });

export function addNodeCameras(app: FastifyInstance, { supervisor, core, audit, lists }: NodeParts): void {
  const own = async (request: FastifyRequest): Promise<NodeCamera[]> => (await supervisor.get('/v1/cameras', nodeCameras)).filter(({ config }) => maySee(identityOf(request), config.id));
  app.get('/api/v1/camera-settings', { schema: { response: answers(NodeCameras) } }, (request) => (lists ? lists.settings(request, () => own(request)) : own(request)));
  app.get<OfCamera>('/api/v1/cameras/:id/settings', { schema: { response: answers(NodeCamera) } }, ({ params }) => supervisor.get(`/v1/cameras/${params.id}`, nodeCamera));
  app.post<{ Body: CameraConfig }>('/api/v1/cameras', checksBody(CameraConfig, { response: { 201: NodeCamera, default: ErrorBody } }), async (request, reply) => {
    const camera = await supervisor.send('POST', '/v1/cameras', request.body, nodeCamera, CHANGE_TIMEOUT_MS);
    audit.note(identityOf(request), { action: 'added a camera', camera: request.body.id, detail: redactUrls(request.body.url), address: request.ip });
    return reply.code(201).send(camera);
  });
  app.patch<OfCamera & { Body: CameraChange }>('/api/v1/cameras/:id', checksBody(CameraChange, { response: answers(NodeCamera) }), async (request) => {
    const camera = await supervisor.send('PATCH', `/v1/cameras/${request.params.id}`, request.body, nodeCamera, CHANGE_TIMEOUT_MS);
    audit.note(identityOf(request), { action: 'changed a camera', camera: request.params.id, detail: Object.keys(request.body).join(', '), address: request.ip });
    return camera;
  });
  app.delete<OfCamera>('/api/v1/cameras/:id', async (request, reply) => {
    await supervisor.send('DELETE', `/v1/cameras/${request.params.id}`, null, null, CHANGE_TIMEOUT_MS);
    audit.note(identityOf(request), { action: 'removed a camera', camera: request.params.id, address: request.ip });
    return reply.code(204).send();
  });
  app.patch<OfCamera & { Body: CameraIntentChange }>('/api/v1/cameras/:id/intent', { bodyLimit: MOST_SCENE_BYTES, ...checksBody(CameraIntentChange, { response: answers(NodeCamera) }) }, async (request) => {
    const { params: { id }, body: change } = request;
    await assertFileCounts(core, id);
    const problem = problemsError(problemsWith(change, await supervisor.get(`/v1/cameras/${id}`, nodeCamera)));
    if (problem) throw problem;
    const camera = await supervisor.send('PATCH', `/v1/cameras/${id}/intent`, change, nodeCamera, CHANGE_TIMEOUT_MS);
    audit.note(identityOf(request), { action: 'changed what is looked for', camera: id, detail: Object.keys(change).join(', '), address: request.ip });
    return camera;
  });
  app.post<{ Body: CameraProbe }>('/api/v1/cameras/probe', checksBody(CameraProbe, { response: answers(ProbeReport) }), ({ body }) => supervisor.send('POST', '/v1/probe', body, probeReport, FIND_TIMEOUT_MS));
  app.post<{ Body: CameraSearch }>('/api/v1/cameras/discover', checksBody(CameraSearch, { response: answers(DiscoveredDevices) }), ({ body }) => supervisor.send('POST', '/v1/discover', body, devices, FIND_TIMEOUT_MS));
}

/** What the schema cannot see, of what would then be at the camera. */
function problemsWith(change: CameraIntentChange, present: NodeCamera): RequestProblem[] {
  const { scene, rules, subscriptions } = { ...present, ...change };
  const shared = new Set(present.shared_rules.map(({ id }) => id));
  const taken = rules.flatMap(({ id }, index) => (shared.has(id) ? [{ pointer: `/rules/${index}/id`, message: `${id} is taken by a rule for all cameras; choose another id` }] : []));
  const ofSubscriptions = subscriptionProblem(subscriptions, (scene.zones ?? []).map(({ id }) => id));
  return [
    ...meaningProblems({ scene, rules }).map(({ path, message }) => ({ pointer: `/${path.join('/')}`, message })), ...taken,
    ...(ofSubscriptions === null ? [] : [{ pointer: `/subscriptions/${ofSubscriptions.index}/${ofSubscriptions.key}`, message: ofSubscriptions.message }]),
  ];
}

/** Throws `invalid_state` where somebody else's word counts for the camera. A core that is away is no reason not to keep a change. */
async function assertFileCounts(core: Upstream, id: string): Promise<void> {
  const status = await core.get('/v1/intent', intentStatus).catch((error: unknown) => {
    if (RuthError.from(error).code === 'unreachable') return null;
    throw error;
  });
  if (isId(id) && status?.cameras[id]?.source === 'intent') throw new RuthError('invalid_state', `an intent was put to core (revision ${status.revision}) that speaks of ${id}: whoever put it changes it there`);
}
