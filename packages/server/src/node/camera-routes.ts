// The cameras of the node, changed through its supervisor, which keeps ruth.yaml and tells kernel and core; those of the site through its fleet process. What is wrong
// with scene, rules and subscriptions is said here, all of it, each with its place. URLs that are told to anybody carry no credentials.
import {
  CameraIntentUpdate, CameraProbe, CameraRemoval, CameraSearch, CameraUpdate, DiscoveredDevice, ErrorBody, IntentStatus, isId, meaningProblems, NewCamera, NodeCamera, ProbeReport, redactUrls, RuthError, subscriptionProblem, validator,
  type CameraIntentChange, type RequestProblem,
} from '@ruth/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { identityOf, maySee, type Audit } from '../access/index.ts';
import { checksBody, problemsError } from '../request-body.ts';
import type { SiteParts } from '../site/index.ts';
import type { Upstream } from '../upstream.ts';

export interface NodeParts { readonly supervisor: Upstream; readonly core: Upstream; readonly audit: Audit; /** Null where this node is by itself. */ readonly site: Pick<SiteParts, 'lists' | 'cameras' | 'probes'> | null }

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

export function addNodeCameras(app: FastifyInstance, { supervisor, core, audit, site }: NodeParts): void {
  const own = async (request: FastifyRequest): Promise<NodeCamera[]> => (await supervisor.get('/v1/cameras', nodeCameras)).filter(({ config }) => maySee(identityOf(request), config.id));
  const isOfSite = async (id: string): Promise<boolean> => site !== null && isId(id) && await site.cameras.has(id);
  const present = async (id: string): Promise<NodeCamera> => (await isOfSite(id) ? site!.cameras.get(id) : supervisor.get(`/v1/cameras/${id}`, nodeCamera));
  app.get('/api/v1/camera-settings', { schema: { response: answers(NodeCameras) } }, (request, reply) => (site ? site.lists.settings(request, reply, () => own(request)) : own(request)));
  app.get<OfCamera>('/api/v1/cameras/:id/settings', { schema: { response: answers(NodeCamera) } }, ({ params }) => present(params.id));
  app.post<{ Body: NewCamera }>('/api/v1/cameras', checksBody(NewCamera, { response: { 201: NodeCamera, default: ErrorBody } }), async (request, reply) => {
    const { site: placing, ...config } = request.body;
    if (placing && !site) throw new RuthError('invalid_state', 'this server has no site that could decide where the camera is: that takes site in ruth.yaml, and DATABASE_URL of one PostgreSQL for all');
    await site?.cameras.assertFree(config.id);
    const camera = placing ? await site!.cameras.add({ ...config, site: placing }) : await supervisor.send('POST', '/v1/cameras', config, nodeCamera, CHANGE_TIMEOUT_MS);
    audit.note(identityOf(request), { action: placing ? 'added a camera to the site' : 'added a camera', camera: config.id, detail: redactUrls(config.url), address: request.ip });
    return reply.code(201).send(camera);
  });
  app.patch<OfCamera & { Body: CameraUpdate }>('/api/v1/cameras/:id', checksBody(CameraUpdate, { response: answers(NodeCamera) }), async (request) => {
    const { params: { id }, body } = request;
    const camera = await isOfSite(id) ? await site!.cameras.change(id, body) : await supervisor.send('PATCH', `/v1/cameras/${id}`, ofNode(body), nodeCamera, CHANGE_TIMEOUT_MS);
    audit.note(identityOf(request), { action: 'changed a camera', camera: id, detail: Object.keys(body).filter((key) => key !== 'revision').join(', '), address: request.ip });
    return camera;
  });
  app.delete<OfCamera & { Querystring: CameraRemoval }>('/api/v1/cameras/:id', { schema: { querystring: CameraRemoval } }, async (request, reply) => {
    const { params: { id }, query } = request;
    if (await isOfSite(id)) await site!.cameras.remove(id, query.revision);
    else {
      ofNode(query);
      await supervisor.send('DELETE', `/v1/cameras/${id}`, null, null, CHANGE_TIMEOUT_MS);
    }
    audit.note(identityOf(request), { action: 'removed a camera', camera: id, address: request.ip });
    return reply.code(204).send();
  });
  app.patch<OfCamera & { Body: CameraIntentUpdate }>('/api/v1/cameras/:id/intent', { bodyLimit: MOST_SCENE_BYTES, ...checksBody(CameraIntentUpdate, { response: answers(NodeCamera) }) }, async (request) => {
    const { params: { id }, body } = request;
    const ofSite = await isOfSite(id);
    if (!ofSite) await assertFileCounts(core, id);
    const change = ofSite ? body : ofNode(body);
    const problem = problemsError(problemsWith(change, await present(id)));
    if (problem) throw problem;
    const camera = ofSite ? await site!.cameras.changeIntent(id, change) : await supervisor.send('PATCH', `/v1/cameras/${id}/intent`, change, nodeCamera, CHANGE_TIMEOUT_MS);
    audit.note(identityOf(request), { action: 'changed what is looked for', camera: id, detail: Object.keys(body).filter((key) => key !== 'revision').join(', '), address: request.ip });
    return camera;
  });
  const probeHere = ({ site: _, ...probe }: CameraProbe): Promise<ProbeReport> => supervisor.send('POST', '/v1/probe', probe, probeReport, FIND_TIMEOUT_MS);
  app.post<{ Body: CameraProbe }>('/api/v1/cameras/probe', checksBody(CameraProbe, { response: answers(ProbeReport) }), (request) => (site ? site.probes.probe(request, request.body, probeHere) : probeHere(request.body)));
  app.post<{ Body: CameraSearch }>('/api/v1/cameras/discover', checksBody(CameraSearch, { response: answers(DiscoveredDevices) }), ({ body }) => supervisor.send('POST', '/v1/discover', body, devices, FIND_TIMEOUT_MS));
}

/** Throws `bad_request` for what only a camera of the site has. */
function ofNode<T extends CameraUpdate | CameraIntentUpdate | CameraRemoval>(change: T): T {
  const key = (['site', 'revision'] as const).find((one) => one in change);
  if (key === undefined) return change;
  const message = 'is of cameras of a site: this one is of its node\'s own ruth.yaml';
  throw new RuthError('bad_request', `${key} ${message}`, { problems: [{ pointer: `/${key}`, message }] });
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
