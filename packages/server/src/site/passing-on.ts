// Where a request is answered: here, or by the server of another node, which it is then passed on to as it is. One hook, behind the guard, by what
// route-table.ts says of each route.
import type { Readable } from 'node:stream';
import { ExportStatus, RuthError, validator, type ErrorBody } from '@ruth/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ruleOf, type RouteRule } from '../access/index.ts';
import type { Upstream } from '../upstream.ts';
import type { LivePipes } from './live-pipes.ts';
import type { OtherNodes } from './other-nodes.ts';
import type { RecordingsOfSite } from './recordings-of-site.ts';
import { PASSED_ON_BY, type Site, type SiteMap, type SiteNodeInfo } from './site.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of a WebSocket: the node that has what is asked for; null for this one. HTTP has been passed on before a route sees it. */
    elsewhere: SiteNodeInfo | null;
    /** Of WHEP: another node has the camera, and it comes over a pipe. */
    isPiped: boolean;
  }
}

export interface PassingParts { readonly site: Site; readonly others: OtherNodes; readonly recordings: RecordingsOfSite; readonly kernel: Upstream; readonly pipes: LivePipes }

const exportStatus = validator(ExportStatus);
/** Exports whose node is remembered. */
const MOST_EXPORTS = 1024;

/** To be added behind the guard and before any route. */
export class PassingOn {
  readonly #parts: PassingParts;
  readonly #exports = new Map<string, string>();

  constructor(parts: PassingParts) { this.#parts = parts; }

  add(app: FastifyInstance): void {
    app.addHook('preHandler', async (request, reply) => {
      const rule = request.is404 || request.routeOptions.url === undefined ? undefined : ruleOf(request.method, request.routeOptions.url);
      const map = rule && mayLieElsewhere(rule, request) ? await this.#parts.site.mapFor(request) : null;
      if (!rule || !map) return;
      if (rule.recorded === 'joined' && namedNode(request) === null) return this.#joined(map, request, reply);
      if (rule.recorded === 'each') return this.#each(map, request, reply);
      if (rule.ofSite === 'here' && map.isOfSite(cameraIdOf(rule.camera, request)!)) return;
      const node = await this.#nodeFor(rule, map, request);
      if (node === null) return;
      if (request.ws) request.elsewhere = node;
      else return this.#passOn(node, request, reply);
    });
    app.addHook('onSend', async (request, reply, payload: unknown) => (reply.statusCode === 404 && !request.is404 ? this.#notKnown(request, reply, payload) : payload));
  }

  /** Undefined where it is answered here. */
  async #passOn(node: SiteNodeInfo, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { others, pipes } = this.#parts;
    if (!isWhep(request)) return others.passOn(node, request, reply);
    const instead = request.method === 'POST' ? () => pipes.takesRefusedWhep(node, request) : null;
    const answer = await pipes.takesWhep(node, request) ? null : await others.passOnOr(instead, node, request, reply);
    request.isPiped = answer === null;
    return answer ?? undefined;
  }

  /** While this server has not heard of any other node, what is not here is not known to be nowhere. */
  #notKnown(request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
    const { site } = this.#parts;
    const { camera } = ruleOf(request.method, request.routeOptions.url!) ?? {};
    if (!site.isUnheard || PASSED_ON_BY in request.headers || camera === undefined || camera === 'each') return payload;
    if (typeof (payload as Readable | null)?.destroy === 'function') (payload as Readable).destroy();
    const { httpStatus, message, code, advice } = new RuthError('node_away', `it is not here, and whether another node has it is not known: ${site.problem}`);
    void reply.code(httpStatus).removeHeader('content-length').type('application/json; charset=utf-8');
    return JSON.stringify({ error: message, error_code: code, advice } satisfies ErrorBody);
  }

  /** Of whichever node has it: all that are there are asked for one that this node has not. Throws `not_found`. */
  async exportOf(id: string, request: FastifyRequest): Promise<ExportStatus> {
    const { kernel, site, others } = this.#parts;
    const map = await site.mapFor(request);
    const own = kernel.get(`/v1/exports/${id}`, exportStatus);
    if (!map) return own;
    const found = await own.catch((cause: unknown) => {
      if (!['not_found', 'recording_off', 'unreachable'].includes(RuthError.from(cause).code)) throw cause;
      return RuthError.from(cause);
    });
    if (!(found instanceof RuthError)) return found;
    const known = this.#exports.get(id);
    const nodes = map.others.filter((node) => known === undefined || node.id === known);
    const answers = await Promise.allSettled(nodes.map(async (node) => ({ node, status: await others.get(node, request, `/api/v1/exports/${id}`, exportStatus) })));
    const there = answers.find((answer) => answer.status === 'fulfilled');
    if (there) {
      this.#exports.set(id, there.value.node.id);
      if (this.#exports.size > MOST_EXPORTS) this.#exports.delete(this.#exports.keys().next().value!);
      return there.value.status;
    }
    // Who may not see it there is told so; that a node is away only where nobody says more.
    const causes = answers.map((answer) => RuthError.from((answer as PromiseRejectedResult).reason));
    throw causes.find(({ code }) => code === 'forbidden') ?? causes.find(({ code }) => code === 'node_away') ?? found;
  }

  async #nodeFor({ camera, recorded }: RouteRule, map: SiteMap, request: FastifyRequest): Promise<SiteNodeInfo | null> {
    const { recordings } = this.#parts;
    const { start, end, at, pre_s: pre, post_s: post } = asked(request);
    const node = namedNode(request);
    if (node !== null) return map.node(node);
    const { id, file, name } = request.params as { id?: string; file?: string; name?: string };
    if (camera === 'export') return map.node(this.#exports.get(id!) ?? map.view.node);
    const cameraId = cameraIdOf(camera, request);
    if (cameraId === null) return null;
    const holders = recorded === undefined ? [map.nodeOf(cameraId)] : map.holdersOf(cameraId);
    if (holders.length === 1) return holders[0]!;
    if (recorded === 'span') return recordings.holderOf(map, request, cameraId, Number(start ?? Number(at) - Number(pre)), Number(end ?? Number(at) + Number(post)));
    // Files are named for the millisecond at which they begin.
    const instantS = recorded === 'file' ? Number.parseInt(file ?? name ?? '') / 1000 + 0.001 : Number(at);
    return at === undefined && recorded !== 'file' || !Number.isFinite(instantS) ? map.nodeOf(cameraId) : recordings.holderAt(map, request, cameraId, instantS);
  }

  async #joined(map: SiteMap, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { others, recordings } = this.#parts;
    const { id } = request.params as { id: string };
    const holders = map.holdersOf(id);
    if (holders.length === 1) return holders[0] === null ? undefined : others.passOn(holders[0]!, request, reply);
    const { url } = request.routeOptions;
    if (url!.endsWith('/timeline')) return reply.send(await recordings.timeline(map, request, id));
    if (url!.endsWith('/keyframes')) return reply.send(await recordings.keyframes(map, request, id));
    return reply.header('cache-control', 'no-store').type('application/vnd.apple.mpegurl').send(await recordings.playlist(map, request, id));
  }

  /** Every node that has recordings of it does it; this one last, by its own route. Throws `node_away` when the others have done it. */
  async #each(map: SiteMap, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { others } = this.#parts;
    const holders = map.holdersOf((request.params as { id: string }).id);
    if (holders.length === 1 && holders[0] !== null) return others.passOn(holders[0]!, request, reply);
    const done = await Promise.allSettled(holders.filter((holder) => holder !== null).map((holder) => others.repeat(holder, request)));
    const causes = done.flatMap((one) => (one.status === 'rejected' ? [RuthError.from(one.reason)] : [])).filter(({ code }) => code !== 'camera_not_found' && code !== 'recording_off');
    if (causes.length > 0) throw causes[0]!;
    return holders.includes(null) ? undefined : reply.code(204).send();
  }
}

const isWhep = ({ routeOptions }: FastifyRequest): boolean => routeOptions.url?.startsWith('/api/v1/cameras/:id/whep') === true;

/** Lists join by themselves; people, events and audit are in the database that all nodes share. */
function mayLieElsewhere({ needs, camera }: RouteRule, request: FastifyRequest): boolean {
  if (needs === 'open' || needs === 'known' || camera === 'each') return false;
  return camera !== undefined || namedNode(request) !== null;
}

/** `?node=`: whoever asks knows which one. */
function namedNode({ query }: FastifyRequest): string | null {
  const { node } = query as { node?: unknown };
  return typeof node === 'string' ? node : null;
}

function asked({ query, body }: FastifyRequest): Readonly<Record<string, unknown>> {
  return { ...(typeof body === 'object' ? body : {}), ...query as object };
}

function cameraIdOf(camera: RouteRule['camera'], { params, query, body }: FastifyRequest): string | null {
  if (camera === 'id') return (params as { id: string }).id;
  if (camera === 'query') return String((query as { camera: unknown }).camera);
  return camera === 'body' ? String((body as { camera_id: unknown }).camera_id) : null;
}
