// What the cameras of a site cost its nodes, how much room that leaves, and why a camera is nowhere: by the rules of placement.ts, from what one node has heard of the site.
import type { CameraPlacement, SiteCamera, SiteDrain, SiteDraining, SiteNode, SiteNodeDetails, SiteOutbox } from '@ruth/protocol';
import { refusedBy, type CameraCosts } from './camera-costs.ts';
import { obstacleTo, type PlaceableNode } from './placement.ts';
import type { Present } from './records.ts';

/** As it was heard of last. */
export interface KnownSite {
  readonly nodes: ReadonlyMap<string, { readonly node: SiteNode }>;
  readonly cameras: ReadonlyMap<string, Present<SiteCamera>>;
  readonly placements: ReadonlyMap<string, CameraPlacement>;
  readonly costs: CameraCosts;
  readonly drains: ReadonlyMap<string, SiteDrain>;
  readonly outboxes: ReadonlyMap<string, { readonly outbox: SiteOutbox; readonly toldMs: number }>;
  readonly leader: string | null;
}

interface Sum { used: number; measured: number; /** Those that it has, and no other node takes at the moment. */ readonly resting: string[]; /** All that it has. */ count: number }

export class SiteReckoning {
  readonly #known: KnownSite;
  readonly #sums = new Map<string, Sum>();
  readonly #living: readonly PlaceableNode[];
  /** Of cameras that nobody refused, by what they ask for: a thousand without a node ask for the same. */
  readonly #obstacles = new Map<string, string | null>();

  constructor(known: KnownSite) {
    this.#known = known;
    for (const id of known.nodes.keys()) this.#sums.set(id, { used: 0, measured: 0, resting: [], count: 0 });
    for (const [id, { value }] of known.cameras) {
      const placement = known.placements.get(id);
      const target = placement && this.#sums.get(placement.node);
      if (target) {
        target.used += known.costs.of(id, value);
        if (value.cost_cores === undefined) target.measured += known.costs.measured(id) ?? 0;
      }
      const holder = placement && this.#sums.get(placement.from?.node ?? placement.node);
      if (!holder) continue;
      holder.count++;
      if (!placement.from) holder.resting.push(id);
    }
    this.#living = [...known.nodes].filter(([, { node }]) => !node.revoked).map(([id, { node }]) => ({ id, labels: node.labels, capacityCores: node.capacity_cores, draining: known.drains.has(id), refused: refusedBy(node, known.cameras) }));
  }

  /** Why no node that lives has a camera of the site; null where one has it, or will. */
  obstacleOf(id: string): string | null {
    const camera = this.#known.cameras.get(id)?.value;
    const placement = this.#known.placements.get(id);
    const lives = (node: string | undefined): boolean => node !== undefined && this.#known.nodes.get(node)?.node.revoked === false;
    return camera === undefined || lives(placement?.node) || lives(placement?.from?.node) ? null : this.#obstacle(id, camera, null);
  }

  detailsOf(id: string): SiteNodeDetails {
    const { nodes, outboxes, leader } = this.#known;
    const { labels, capacity_cores: capacity, unclaimed, clock } = nodes.get(id)!.node;
    const { used, measured } = this.#sums.get(id)!;
    const told = outboxes.get(id);
    return { leads: leader === id, labels, capacity_cores: capacity, used_cores: used, measured_cores: measured, draining: this.#drainingOf(id), outbox: told ? { ...told.outbox, told_at: told.toldMs / 1000 } : null, ...(unclaimed && { unclaimed }), ...(clock && { clock }) };
  }

  #drainingOf(id: string): SiteDraining | null {
    const drain = this.#known.drains.get(id);
    if (drain === undefined) return null;
    const { count, resting } = this.#sums.get(id)!;
    const obstacles = new Set(resting.flatMap((camera) => this.#obstacle(camera, this.#known.cameras.get(camera)!.value, id) ?? []));
    return { since: drain.since, cameras: drain.cameras ?? null, left: count, staying: obstacles.size === 0 ? null : [...obstacles].slice(0, 3).join('; or ') };
  }

  /** `but`: another node than that. */
  #obstacle(id: string, camera: SiteCamera, but: string | null): string | null {
    const { require = {} } = camera;
    const costCores = this.#known.costs.of(id, camera);
    const nodes = this.#living.filter((node) => node.id !== but);
    const look = (): string | null => obstacleTo({ id, require, costCores }, nodes, (node) => this.#known.nodes.get(node)!.node.capacity_cores - this.#sums.get(node)!.used);
    if (nodes.some(({ refused }) => refused.has(id))) return look();
    const key = JSON.stringify([but, costCores, Object.entries(require).toSorted()]);
    if (!this.#obstacles.has(key)) this.#obstacles.set(key, look());
    return this.#obstacles.get(key)!;
  }
}
