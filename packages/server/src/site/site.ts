// The rest of the site as this server knows it: which node has a camera, which have recordings of it, which are away. Asked of the fleet process
// of this node, at most once a second and only where somebody wants to know; while that one is away, what it said last counts.
import { RuthError, SiteView, validator, type TimelineAway } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { FastifyRequest } from 'fastify';
import type { Upstream } from '../upstream.ts';

const siteView = validator(SiteView);
const FRESH_MS = 1000;
/** A request that another node's server has passed on. It is answered here, whoever has what: so none goes round in circles. */
export const PASSED_ON_BY = 'x-ruth-passed-on-by';

export interface SiteNodeInfo {
  readonly id: string;
  readonly state: SiteView['nodes'][string]['state'];
  /** UTC; null while it lives. */
  readonly sinceS: number | null;
  readonly serverUrl: string | null;
}

/** What a site knows at one instant. */
export class SiteMap {
  readonly view: SiteView;
  readonly #nodeOf = new Map<string, string>();

  constructor(view: SiteView) {
    this.view = view;
    // A camera of a node's own is there, whatever else is said; one of this node's own is here.
    for (const [id, { node }] of Object.entries(view.cameras)) if (node !== null) this.#nodeOf.set(id, node);
    for (const [node, { own }] of Object.entries(view.nodes)) for (const id of own) this.#nodeOf.set(id, node);
    for (const id of view.nodes[view.node]?.own ?? []) this.#nodeOf.set(id, view.node);
  }

  /** All others, by their names. */
  get others(): SiteNodeInfo[] { return Object.keys(this.view.nodes).filter((id) => id !== this.view.node).map((id) => this.#info(id)); }

  /** Every camera that another node has, or should have. */
  camerasElsewhere(): { id: string; node: SiteNodeInfo }[] {
    return [...this.#nodeOf].filter(([, node]) => node !== this.view.node).map(([id, node]) => ({ id, node: this.#info(node) }));
  }

  /** The site decides where it is. */
  isOfSite(camera: string): boolean { return camera in this.view.cameras && !Object.values(this.view.nodes).some(({ own }) => own.includes(camera)); }

  /** Those of the site that no node has. */
  get unplaced(): string[] { return Object.entries(this.view.cameras).filter(([id, { node }]) => node === null && this.isOfSite(id)).map(([id]) => id); }

  /** Null: here, or nowhere. */
  nodeOf(camera: string): SiteNodeInfo | null {
    const node = this.#nodeOf.get(camera);
    return node === undefined || node === this.view.node ? null : this.#info(node);
  }

  /** Of a camera that this node does not record: whether another one has it, or the site still knows of it. */
  placeOf(camera: string): 'elsewhere' | 'unplaced' | 'gone' {
    if (this.nodeOf(camera)) return 'elsewhere';
    return camera in this.view.cameras || this.#nodeOf.has(camera) ? 'unplaced' : 'gone';
  }

  /** Those that have recordings of it, the one that has the camera first. Null stands for this node. */
  holdersOf(camera: string): (SiteNodeInfo | null)[] {
    const present = this.#nodeOf.get(camera) ?? this.view.node;
    const holders = Object.entries(this.view.nodes).filter(([id, { recorded }]) => id === present || recorded.includes(camera)).map(([id]) => id);
    return holders.toSorted((one, other) => Number(other === present) - Number(one === present)).map((id) => (id === this.view.node ? null : this.#info(id)));
  }

  /** Throws `not_found`. Null for this node. */
  node(id: string): SiteNodeInfo | null {
    if (id === this.view.node) return null;
    if (!(id in this.view.nodes)) throw new RuthError('not_found', `the site has no node ${JSON.stringify(id.slice(0, 64))}`);
    return this.#info(id);
  }

  #info(id: string): SiteNodeInfo {
    const node = this.view.nodes[id];
    return { id, state: node?.state ?? 'unknown', sinceS: node?.since ?? null, serverUrl: node?.server_url ?? null };
  }
}

export class Site {
  readonly #fleet: Upstream;
  readonly #logger: Logger;
  #map: SiteMap | null = null;
  #askedMs = -Infinity;
  #asking: Promise<SiteMap | null> | null = null;
  /** Why what is known may be old. */
  problem: string | null = null;

  constructor(fleet: Upstream, logger: Logger) {
    this.#fleet = fleet;
    this.#logger = logger;
  }

  /** Null where nothing was heard yet: then there is this node alone. */
  async map(): Promise<SiteMap | null> {
    if (performance.now() - this.#askedMs < FRESH_MS) return this.#map;
    return this.#asking ??= this.#ask().finally(() => { this.#asking = null; });
  }

  /** Nothing was heard yet, and not for want of asking. */
  get isUnheard(): boolean { return this.#map === null && this.problem !== null; }

  /** Something was changed: what is known is old. */
  forget(): void { this.#askedMs = -Infinity; }

  /** As `map`, for what is asked of this node alone. */
  async mapFor(request: FastifyRequest): Promise<SiteMap | null> { return request.headers[PASSED_ON_BY] === undefined ? this.map() : null; }

  async #ask(): Promise<SiteMap | null> {
    try {
      const known = this.#map === null ? '' : `?known=${this.#map.view.revision}`;
      const { statusCode, text } = await this.#fleet.ask('GET', `/v1/site${known}`);
      if (statusCode === 200) this.#map = new SiteMap(siteView.parse(JSON.parse(text), 'internal'));
      else if (statusCode !== 204) throw new RuthError('unreachable', `the fleet process answers ${statusCode}: ${text.slice(0, 200)}`);
      this.problem = null;
    } catch (cause) {
      const { message } = RuthError.from(cause);
      if (this.problem !== message) this.#logger.warn(`what the site is cannot be looked up: ${message}`);
      this.problem = message;
    }
    this.#askedMs = performance.now();
    return this.#map;
  }
}

/** Of a node that could not be asked. */
export function awayError({ id, state, sinceS }: SiteNodeInfo, why: string, cause?: unknown): RuthError {
  const since = state === 'away' && sinceS !== null ? ` (not heard of since ${new Date(sinceS * 1000).toISOString().slice(0, 19)}Z)` : '';
  return new RuthError('node_away', `the node ${id} cannot be asked${since}: ${why}`, { cause });
}

export const toldAway = ({ id, sinceS }: SiteNodeInfo, { message }: Error): TimelineAway => ({ node: id, since: sinceS, error: message });
