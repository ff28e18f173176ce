// Whether the recordings of moments are (still) there: asked of the kernel's index, and of the nodes of the site that have recordings of the camera,
// all moments at once. A node that cannot be asked holds nobody up: what it may have is then `unknown`.
import { RecordedAnswer, RuthError, validator, type RecordedAt } from '@ruth/protocol';
import type { FastifyRequest } from 'fastify';
import { PASSED_ON_BY, type SiteMap, type SiteNodeInfo, type SiteParts } from '../site/index.ts';
import type { Upstream } from '../upstream.ts';

/** UTC, seconds. `node`: whose kernel or core told of it, where several share the store. */
export interface Moment { readonly camera: string; readonly at: number; readonly node: string | null }

const ANSWER_TIMEOUT_MS = 1500;
const recordedAnswer = validator(RecordedAnswer);
type Holder = SiteNodeInfo | null;

export class RecordedMoments {
  readonly #kernel: Upstream;
  readonly #site: SiteParts | null;
  readonly #ownNode: string | null;

  /** `ownNode`: its name in the store that nodes share; null where this one is by itself. */
  constructor(kernel: Upstream, site: SiteParts | null, ownNode: string | null) {
    this.#kernel = kernel;
    this.#site = site;
    this.#ownNode = ownNode;
  }

  /** In the order of `moments`, at most MOST_INSTANTS. Never throws. */
  async of(request: FastifyRequest, moments: readonly Moment[]): Promise<RecordedAt[]> {
    if (moments.length === 0) return [];
    const map = await this.#site?.site.mapFor(request) ?? null;
    const asked = new Map<string | null, { readonly holder: Holder; readonly indices: number[] }>();
    for (const [index, { camera }] of moments.entries()) {
      for (const holder of map?.holdersOf(camera) ?? [null]) {
        const id = holder?.id ?? null;
        if (!asked.has(id)) asked.set(id, { holder, indices: [] });
        asked.get(id)!.indices.push(index);
      }
    }
    const answers: RecordedAt[] = moments.map(({ node }) => this.#mayLieUnseen(map, request, node) ? 'unknown' : false);
    const told = await Promise.all([...asked.values()].map(async ({ holder, indices }) => ({ indices, values: await this.#ask(request, holder, indices.map((index) => moments[index]!)) })));
    for (const { indices, values } of told) for (const [place, index] of indices.entries()) answers[index] = either(answers[index]!, values[place]!);
    return answers;
  }

  /** Of another node that is not asked: as this one does not know the site (yet), or that one has left it. A node that asks for another knows whom it asks. */
  #mayLieUnseen(map: SiteMap | null, { headers }: FastifyRequest, node: string | null): boolean {
    if (PASSED_ON_BY in headers || (node !== null && node === this.#ownNode)) return false;
    // Of an instant that no event tells of, any node may have it.
    return node === null ? this.#site !== null && map === null : map === null || !(node in map.view.nodes);
  }

  async #ask(request: FastifyRequest, holder: Holder, moments: readonly Moment[]): Promise<RecordedAt[]> {
    const unknown = moments.map((): RecordedAt => 'unknown');
    if (holder?.state === 'away') return unknown;
    const byCamera = Map.groupBy(moments.keys(), (index) => moments[index]!.camera);
    const body = { cameras: Object.fromEntries([...byCamera].map(([camera, indices]) => [camera, indices.map((index) => moments[index]!.at)])) };
    try {
      const { cameras } = holder === null ? await this.#kernel.send('POST', '/v1/recorded', body, recordedAnswer, ANSWER_TIMEOUT_MS)
        : await this.#site!.others.post(holder, request, '/api/v1/recorded', body, recordedAnswer, ANSWER_TIMEOUT_MS);
      for (const [camera, indices] of byCamera) for (const [place, index] of indices.entries()) unknown[index] = cameras[camera]?.[place] ?? 'unknown';
    } catch (cause) {
      request.log.debug(`what is recorded could not be looked up${holder ? ` at ${holder.id}` : ''}: ${RuthError.from(cause).message}`);
    }
    return unknown;
  }
}

/** Of two places, each of which may have it. */
function either(one: RecordedAt, other: RecordedAt): RecordedAt {
  if (one === true || other === true) return true;
  return one === 'unknown' || other === 'unknown' ? 'unknown' : false;
}
