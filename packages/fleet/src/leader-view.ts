// What a leader, or a deputy of one, has seen of the site: nodes, cameras, who has which, and what nodes were told. Comes by watches, in an order for each kind of
// record alone; what was written here is known at once.
import { RuthError, UNREACHABLE, type CameraPlacement, type NodePlacement, type SiteCamera, type SiteNode } from '@ruth/protocol';
import { isDeepStrictEqual } from 'node:util';
import type { Seen } from './moves.ts';
import type { LeaseTiming } from './node-lease.ts';
import { CameraCosts, refusedBy } from './camera-costs.ts';
import type { Entry, Records } from './records.ts';
import type { SiteStore } from './site-store.ts';

/** Renewals that nobody was heard to make, this node included: then it is NATS that is away, and no node is silent. */
const DEAF_RENEWALS = 3;

export interface SeenNode { readonly node: SiteNode; readonly revision: number; /** When its last change came, or nobody could be heard. */ readonly atS: number }
export interface SeenPlacement { readonly placement: CameraPlacement; readonly term: number }

export class LeaderView implements Seen {
  readonly nodes = new Map<string, SeenNode>();
  readonly cameras = new Map<string, { readonly camera: SiteCamera; readonly revision: number }>();
  readonly placements = new Map<string, SeenPlacement>();
  readonly ofNodes = new Map<string, { readonly cameras: NodePlacement['cameras']; readonly revision: number }>();
  readonly #store: SiteStore;
  readonly #nowS: () => number;
  readonly #timing: LeaseTiming;
  readonly #costs = new CameraCosts();
  /** When any node was heard of last. */
  #heardAtS = -Infinity;
  /** Something by which cameras are placed is not as it was when this was set to false. */
  stale = true;
  /** Told of each such change. */
  onChange: () => void = () => undefined;

  constructor(store: SiteStore, nowS: () => number, timing: LeaseTiming) {
    this.#store = store;
    this.#nowS = nowS;
    this.#timing = timing;
  }

  node(id: string): SiteNode | null { return this.nodes.get(id)?.node ?? null; }
  told(id: string): { readonly cameras: NodePlacement['cameras']; readonly revision: number } | null { return this.ofNodes.get(id) ?? null; }

  get living(): [id: string, node: SiteNode][] { return [...this.nodes].flatMap(([id, { node }]) => (node.revoked ? [] : [[id, node]])); }

  costOf(camera: string): number { return this.#costs.of(camera, this.cameras.get(camera)?.camera); }

  refusedBy(node: SiteNode): Set<string> { return refusedBy(node, this.cameras); }

  /** Nothing comes from it there, for so long that another node is to try. One that is being drained gives it away whatever comes. */
  isUnreached(camera: string, id: string): boolean {
    const node = this.node(id);
    return node !== null && !node.revoked && !node.draining && node.cameras[camera]?.state === UNREACHABLE;
  }

  /** Nodes whose leases are over for sure; none while nobody can be heard. */
  get silent(): [id: string, seen: SeenNode][] {
    const nowS = this.#nowS();
    return this.#isDeaf ? [] : [...this.nodes].filter(([, { node, atS }]) => !node.revoked && nowS - atS >= this.#timing.silenceS);
  }

  /** Until `signal` aborts. `caughtUp`: all is seen that was there; `ended` rejects where JetStream ends a watch. */
  observe(signal: AbortSignal): { caughtUp: Promise<unknown>; ended: Promise<void> } {
    const { nodes, cameras, placements, ofNodes } = this.#store;
    const watched = [
      this.#watch(nodes, signal, (entry) => this.sawNode(entry)),
      this.#watch(cameras, signal, ({ key, value, revision }) => {
        keep(this.cameras, key, value && { camera: value, revision });
        if (!value) this.#costs.forget(key);
        return true;
      }),
      // What it wrote itself changes nothing: a new site would be looked at as a whole for each camera that it gets.
      this.#watch(placements, signal, ({ key, value, revision }) => {
        if (revision <= (this.placements.get(key)?.term ?? 0)) return false;
        keep(this.placements, key, value && { placement: value, term: revision });
        return true;
      }),
      this.#watch(ofNodes, signal, ({ key, value, revision }) => {
        if (revision <= (this.ofNodes.get(key)?.revision ?? 0)) return false;
        keep(this.ofNodes, key, value && { cameras: value.cameras, revision });
        return true;
      }),
    ];
    return { caughtUp: Promise.all(watched.map((one) => one.caughtUp)), ended: Promise.race(watched.map((one) => one.ended)) };
  }

  /** True where it changes what is to be done. Most of what nodes say says again what they said before: that they live. */
  sawNode({ key, value, revision }: Entry<SiteNode>): boolean {
    const known = this.nodes.get(key);
    // It was read since, or is told once more as the connection is there again: a node that is silent says nothing by that.
    if (known && revision <= known.revision) return false;
    const atS = this.#nowS();
    if (this.#isDeaf) for (const [id, node] of this.nodes) this.nodes.set(id, { ...node, atS });
    this.#heardAtS = atS;
    keep(this.nodes, key, value && { node: value, revision, atS });
    if (value) this.#costs.saw(value);
    return !known || !value || !isDeepStrictEqual({ ...value, cameras: unreachedOf(value) }, { ...known.node, cameras: unreachedOf(known.node) });
  }

  get #isDeaf(): boolean { return this.#nowS() - this.#heardAtS > DEAF_RENEWALS * this.#timing.renewEveryS; }

  /** `onEntry` returns whether that changes what is to be done. */
  #watch<T>(records: Records<T>, signal: AbortSignal, onEntry: (entry: Entry<T>) => boolean): { caughtUp: Promise<void>; ended: Promise<void> } {
    const caughtUp = Promise.withResolvers<void>();
    const ended = records.watch((entry) => {
      if (!onEntry(entry)) return;
      this.stale = true;
      this.onChange();
    }, { signal, caughtUp: caughtUp.resolve }).then(() => { if (!signal.aborted) throw new RuthError('unreachable', 'JetStream ended a watch'); });
    return { caughtUp: caughtUp.promise, ended };
  }
}

function keep<T>(known: Map<string, T>, key: string, value: T | null): void {
  if (value === null) known.delete(key);
  else known.set(key, value);
}

const unreachedOf = ({ cameras }: SiteNode): string[] => Object.keys(cameras).filter((id) => cameras[id]!.state === UNREACHABLE);
