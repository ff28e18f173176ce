// Lists of what all nodes have, each entry with its node, filtered by each node for who asks. What a node that is away has is told too: as that, or, where nobody
// can say what that is, in a header beside the list: what could not be looked at is never left out without a word.
import { CameraStatus, MOST_NOT_ASKED, NodeCamera, NOT_ASKED_HEADER, RuthError, SubscriptionStatus, validator, type NotAsked, type Validator } from '@ruth/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { identityOf, maySee } from '../access/index.ts';
import type { CamerasOfSite } from './cameras-of-site.ts';
import type { NodeAnswer, OtherNodes } from './other-nodes.ts';
import { awayError, PASSED_ON_BY, type Site, type SiteMap, type SiteNodeInfo } from './site.ts';

const cameraStatuses = validator(Type.Array(CameraStatus));
const nodeCameras = validator(Type.Array(NodeCamera));
const subscriptionStatuses = validator(Type.Array(SubscriptionStatus));
/** Characters of a reason in the header. */
const MOST_TOLD = 160;

type Missing = NotAsked['parts'][number];

export class ListsOfSite {
  readonly #site: Site;
  readonly #others: OtherNodes;
  readonly #cameras: CamerasOfSite;

  constructor(site: Site, others: OtherNodes, cameras: CamerasOfSite) {
    this.#site = site;
    this.#others = others;
    this.#cameras = cameras;
  }

  /** `own`: those of this node. Cameras of which no node can tell stand there as `down`, with why. Throws what `own` throws, where nobody else could be asked. */
  async cameras(request: FastifyRequest, reply: FastifyReply, own: () => Promise<CameraStatus[]>): Promise<CameraStatus[]> {
    const map = await this.#site.mapFor(request);
    if (!map) return this.#alone(request, reply, own);
    const { here, answers } = await this.#askAllAndHere(map, request, own, '/api/v1/cameras', cameraStatuses);
    const listed = [
      ...(here instanceof RuthError ? [] : here.map((camera) => ({ ...camera, node: map.view.node }))),
      ...answers.flatMap(({ node, value }) => (value instanceof RuthError ? [] : value.map((camera) => ({ ...camera, node: node.id })))),
    ];
    const told = new Set(listed.map(({ camera_id: id }) => id));
    const failures = new Map(answers.flatMap(({ node, value }) => (value instanceof RuthError ? [[node.id, value]] : [])));
    const missing = map.camerasElsewhere().filter(({ id }) => !told.has(id) && maySee(identityOf(request), id));
    const unplaced = map.unplaced.filter((id) => !told.has(id) && maySee(identityOf(request), id));
    this.#tell(reply, here instanceof RuthError ? [{ node: map.view.node, error: here.message }] : []);
    return [...listed, ...missing.map(({ id, node }) => awayCamera(map, id, node, failures.get(node.id) ?? null)), ...unplaced.map((id) => unplacedCamera(map, id))];
  }

  /** Of nodes that could be asked. Throws as `cameras`. */
  async subscriptions(request: FastifyRequest, reply: FastifyReply, own: () => Promise<SubscriptionStatus[]>): Promise<SubscriptionStatus[]> {
    const map = await this.#site.mapFor(request);
    if (!map) return this.#alone(request, reply, own);
    const { list, missing } = await this.#joined(map, request, own, '/api/v1/subscriptions', subscriptionStatuses);
    this.#tell(reply, missing);
    return list;
  }

  /** Likewise, and of the cameras of the site. */
  async settings(request: FastifyRequest, reply: FastifyReply, own: () => Promise<NodeCamera[]>): Promise<NodeCamera[]> {
    const map = await this.#site.mapFor(request);
    if (!map) return this.#alone(request, reply, own);
    const [{ list, missing }, ofSite] = await Promise.all([this.#joined(map, request, own, '/api/v1/camera-settings', nodeCameras), this.#cameras.list(map).catch((cause: unknown) => RuthError.from(cause))]);
    this.#tell(reply, [...missing, ...(ofSite instanceof RuthError ? [{ node: null, error: ofSite.message }] : [])]);
    return [...list, ...(ofSite instanceof RuthError ? [] : ofSite.filter(({ config }) => maySee(identityOf(request), config.id)))];
  }

  /** Nothing is known of other nodes, or this one alone is asked for. */
  async #alone<T>(request: FastifyRequest, reply: FastifyReply, own: () => Promise<T>): Promise<T> {
    if (request.headers[PASSED_ON_BY] === undefined) this.#tell(reply, []);
    return own();
  }

  /** In a header: `missing`, and that what is known of the site may be old. */
  #tell(reply: FastifyReply, missing: readonly Missing[]): void {
    const { problem } = this.#site;
    const parts = [...(problem === null ? [] : [{ node: null, error: problem }]), ...missing];
    if (parts.length === 0) return;
    const told: NotAsked = { parts: parts.slice(0, MOST_NOT_ASKED).map(({ node, error }) => ({ node, error: error.slice(0, MOST_TOLD) })), more: Math.max(0, parts.length - MOST_NOT_ASKED) };
    void reply.header(NOT_ASKED_HEADER, inAscii(JSON.stringify(told)));
  }

  async #joined<T>(map: SiteMap, request: FastifyRequest, own: () => Promise<T[]>, path: string, schema: Validator<T[]>): Promise<{ list: T[]; missing: Missing[] }> {
    const { here, answers } = await this.#askAllAndHere(map, request, own, path, schema);
    const all = [{ node: map.view.node, value: here }, ...answers.map(({ node, value }) => ({ node: node.id, value }))];
    return {
      list: all.flatMap(({ value }) => (value instanceof RuthError ? [] : value)),
      missing: all.flatMap(({ node, value }) => (value instanceof RuthError ? [{ node, error: value.message }] : [])),
    };
  }

  /** Where this node's own part is away the others are told all the same. Throws where nobody could be asked. */
  async #askAllAndHere<T>(map: SiteMap, request: FastifyRequest, own: () => Promise<T>, path: string, schema: Validator<T>): Promise<{ here: T | RuthError; answers: NodeAnswer<T>[] }> {
    const [here, answers] = await Promise.all([own().catch((cause: unknown) => RuthError.from(cause)), this.#others.all(map.others, request, path, schema)]);
    if (here instanceof RuthError && answers.every(({ value }) => value instanceof RuthError)) throw here;
    return { here, answers };
  }
}

/** Nobody can look at it now: that is all that is known. `failure`: what its node said when it was asked; null where it answered, and does not have it yet. */
function awayCamera(map: SiteMap, id: string, node: SiteNodeInfo, failure: RuthError | null): CameraStatus {
  const { refused, unplaced } = map.view.cameras[id] ?? {};
  if (failure === null && (refused !== undefined || unplaced !== undefined)) return unplacedCamera(map, id);
  const { code, message } = failure ?? awayError(node, 'it does not have the camera yet');
  return { ...unseenCamera(map, id), last_error: { code, message: unplaced === undefined ? message : `${message}; and no other node can take it: ${unplaced}`, at: node.sinceS ?? Date.now() / 1000 }, node: node.id };
}

/** No node has it. */
function unplacedCamera(map: SiteMap, id: string): CameraStatus {
  const { refused, unplaced } = map.view.cameras[id]!;
  const message = refused !== undefined ? `no node of the site can take it: ${refused}` : unplaced !== undefined ? `it is recorded nowhere: ${unplaced}` : 'no node of the site has it yet';
  return { ...unseenCamera(map, id), last_error: { code: 'invalid_state', message, at: Date.now() / 1000 } };
}

function unseenCamera(map: SiteMap, id: string): CameraStatus {
  const { name, url } = map.view.cameras[id] ?? { name: id, url: '' };
  return {
    camera_id: id, name, note: null, url, state: 'down', last_error: null, codec: null, width: null, height: null, fps: null, decode_level: 'none', leased_fps: 0,
    frame_reference: null, viewers: 0, counters: { packets: 0, keyframes: 0, bytes: 0, decoded: 0, published: 0, reconnects: 0, decode_errors: 0, restarts: 0 }, drops: {}, pid: null, bitrate_bps: null,
    keyframe_interval_s: null, packets_lost: 0, audio_codec: null, decoder: null, detect: null, recording: { state: 'off', cause: null, bytes_written: 0, segments: 0, drops: {} }, live: { mse_viewers: 0, webrtc_viewers: 0, rtsp_clients: 0 },
  };
}

/** As JSON may say it: headers hold nothing else. */
const inAscii = (json: string): string => json.replaceAll(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
