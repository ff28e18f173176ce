// What the leader does: ends the lease of a node that is silent, and sees to it that each camera of the site has a node that lives. Whatever
// it does is written against what it knows, so that one who leads no longer changes nothing.
import { RuthError, type CameraPlacement, type NodePlacement, type SiteCamera, type SiteNode } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { inParallel } from './bounded.ts';
import { holderOf, isUncertain, mayRecord, nextPlacement, toldOf, type Seen, type Told } from './moves.ts';
import { LEASE_TIMING, type LeaseTiming } from './node-lease.ts';
import { Overload } from './overload.ts';
import { place, type PlaceableCamera } from './placement.ts';
import type { Entry, Records, SiteStore } from './site-store.ts';

/** Of a camera of which nothing is known yet: 1080p that is recorded and not decoded takes about this. */
const DEFAULT_COST_CORES = 0.05;
/** What comes at once is placed at once. */
const SETTLE_MS = 50;
/** Between two looks whether a node is silent. */
const CHECK_EVERY_MS = 1000;
/** All is looked over once in so long, also where nothing is seen to have changed. */
const LOOK_OVER_EVERY_S = 10;
const WRITES_AT_ONCE = 64;
/** To one node: so much is held back there at once. */
const MOVES_AT_ONCE = 8;
/** A node that holds no pictures of a camera by then will not: the camera moves all the same, with a gap. Longer than a camera may take to answer, and to send a keyframe. */
const PREPARE_S = 30;

interface KnownNode { readonly node: SiteNode; readonly revision: number; /** When its last change came, or nobody could be heard. */ readonly atS: number }

/** Renewals that nobody was heard to make, this node included: then it is NATS that is away, and no node is silent. */
const DEAF_RENEWALS = 3;

export class Placer {
  readonly #store: SiteStore;
  readonly #logger: Logger;
  readonly #nowS: () => number;
  readonly #timing: LeaseTiming;
  readonly #nodes = new Map<string, KnownNode>();
  readonly #cameras = new Map<string, { readonly camera: SiteCamera; readonly revision: number }>();
  readonly #placements = new Map<string, { readonly placement: CameraPlacement; readonly term: number }>();
  readonly #ofNodes = new Map<string, { readonly cameras: NodePlacement['cameras']; readonly revision: number }>();
  /** Cameras without a node, and why, as the log was told. */
  #unplaced: ReadonlyMap<string, string> = new Map();
  /** Something by which cameras are placed is not as it was when they were placed last. */
  #stale = true;
  #changed = Promise.withResolvers<void>();
  #observedSinceS = Infinity;
  /** What a camera's process took where it ran last, cores. */
  readonly #measured = new Map<string, number>();
  readonly #overload: Overload;
  /** Nodes whose rows were read, after a camera's row of that term was seen. */
  readonly #readAtTerm = new Map<string, number>();
  /** Moves that are under way, by term. */
  readonly #movingSinceS = new Map<number, number>();
  readonly #seen: Seen = { node: (id) => this.#nodes.get(id)?.node ?? null, told: (id) => this.#ofNodes.get(id) ?? null };
  /** When any node was heard of last. */
  #heardAtS = -Infinity;
  #watched: { readonly caughtUp: Promise<unknown>; readonly ended: Promise<void> } | null = null;

  constructor(store: SiteStore, logger: Logger, nowS: () => number, timing: LeaseTiming = LEASE_TIMING) {
    this.#store = store;
    this.#logger = logger;
    this.#nowS = nowS;
    this.#timing = timing;
    this.#overload = new Overload(nowS);
  }

  /** Nodes that live, in the order of their names. */
  get living(): string[] { return [...this.#nodes].filter(([, { node }]) => !node.revoked).map(([id]) => id).sort(); }

  /** Looks on until `signal` aborts: who has seen for how long a node is silent can lead at once. Rejects where JetStream ends a watch. */
  observe(signal: AbortSignal): Promise<void> {
    const { nodes, cameras, placements, ofNodes } = this.#store;
    this.#observedSinceS = this.#nowS();
    const watched = [
      this.#watch(nodes, signal, (entry) => this.#sawNode(entry)),
      this.#watch(cameras, signal, ({ key, value, revision }) => {
        if (value) this.#cameras.set(key, { camera: value, revision });
        else {
          this.#cameras.delete(key);
          this.#measured.delete(key);
        }
        return true;
      }),
      // What it wrote itself changes nothing: a new site would be looked at as a whole for each camera that it gets.
      this.#watch(placements, signal, ({ key, value, revision }) => {
        if (revision <= (this.#placements.get(key)?.term ?? 0)) return false;
        if (value) this.#placements.set(key, { placement: value, term: revision });
        else this.#placements.delete(key);
        return true;
      }),
      this.#watch(ofNodes, signal, ({ key, value, revision }) => {
        if (revision <= (this.#ofNodes.get(key)?.revision ?? 0)) return false;
        if (value) this.#ofNodes.set(key, { cameras: value.cameras, revision });
        else this.#ofNodes.delete(key);
        return true;
      }),
    ];
    const ended = Promise.race(watched.map((one) => one.ended));
    this.#watched = { caughtUp: Promise.all(watched.map((one) => one.caughtUp)), ended };
    return ended;
  }

  /** Leads until `signal` aborts, which it must when the leadership is lost. To be called while it observes. */
  async lead(signal: AbortSignal): Promise<void> {
    const { caughtUp, ended } = this.#watched!;
    await Promise.race([caughtUp, ended]);
    // Nodes that start together are to share: each that lives has been heard of by then.
    await delay(Math.max(0, this.#observedSinceS + 2 * this.#timing.renewEveryS - this.#nowS()) * 1000, undefined, { signal }).catch(() => undefined);
    let lookedOverAtS = -Infinity;
    while (!signal.aborted) {
      this.#changed = Promise.withResolvers<void>();
      try {
        await this.#revokeSilent();
        if (this.#stale || this.#movingSinceS.size > 0 || this.#nowS() - lookedOverAtS >= LOOK_OVER_EVERY_S) {
          this.#stale = false;
          lookedOverAtS = this.#nowS();
          await this.#converge();
        }
      } catch (cause) {
        this.#stale = true;
        const { code, message } = RuthError.from(cause);
        this.#logger.warn({ code }, `cameras of the site are not placed at the moment: ${message}`);
      }
      const pause = new AbortController();
      await Promise.race([this.#changed.promise, ended, delay(CHECK_EVERY_MS, undefined, { signal: AbortSignal.any([pause.signal, signal]) }).catch(() => undefined)]);
      pause.abort();
      if (!signal.aborted) await delay(SETTLE_MS);
    }
  }

  /** `onEntry` returns whether that changes what is to be done. */
  #watch<T>(records: Records<T>, signal: AbortSignal, onEntry: (entry: Entry<T>) => boolean): { caughtUp: Promise<void>; ended: Promise<void> } {
    const caughtUp = Promise.withResolvers<void>();
    const ended = records.watch((entry) => {
      if (!onEntry(entry)) return;
      this.#stale = true;
      this.#changed.resolve();
    }, { signal, caughtUp: caughtUp.resolve }).then(() => { if (!signal.aborted) throw new RuthError('unreachable', 'JetStream ended a watch'); });
    return { caughtUp: caughtUp.promise, ended };
  }

  /** Most of what nodes say says again what they said before: that they live. */
  #sawNode({ key, value, revision }: Entry<SiteNode>): boolean {
    const known = this.#nodes.get(key);
    // It was read since.
    if (known && revision < known.revision) return false;
    const atS = this.#nowS();
    if (this.#isDeaf) for (const [id, node] of this.#nodes) this.#nodes.set(id, { ...node, atS });
    this.#heardAtS = atS;
    if (value) this.#nodes.set(key, { node: value, revision, atS });
    else this.#nodes.delete(key);
    for (const [camera, { cost_cores: cores }] of Object.entries(value?.cameras ?? {})) if (cores !== null) this.#measured.set(camera, cores);
    return !known || !value || !isDeepStrictEqual({ ...value, cameras: null }, { ...known.node, cameras: null });
  }

  get #isDeaf(): boolean { return this.#nowS() - this.#heardAtS > DEAF_RENEWALS * this.#timing.renewEveryS; }

  async #revokeSilent(): Promise<void> {
    if (this.#isDeaf) return;
    const silent = [...this.#nodes].filter(([, { node, atS }]) => !node.revoked && this.#nowS() - atS >= this.#timing.silenceS);
    await inParallel(silent, WRITES_AT_ONCE, ([id, known]) => this.#revoke(id, known));
    if (silent.length > 0) this.#stale = true;
  }

  async #converge(): Promise<void> {
    const living = [...this.#nodes].filter(([, { node }]) => !node.revoked);
    this.#weigh(new Map(living.map(([id, { node }]) => [id, node])));
    const { placed, unplaced } = place(
      living.map(([id, { node }]) => ({ id, labels: node.labels, capacityCores: node.capacity_cores, draining: node.draining, refused: this.#refusedBy(node), overloaded: this.#overload.has(id) })),
      [...this.#cameras].map(([id, { camera }]) => this.#placeable(id, camera)),
    );
    for (const [id, why] of unplaced) if (this.#unplaced.get(id) !== why) this.#logger.warn({ camera: id }, `a camera of the site has no node: ${why}`);
    this.#unplaced = unplaced;
    const under = new Map<string, number>();
    for (const { placement } of this.#placements.values()) if (placement.from) under.set(placement.node, (under.get(placement.node) ?? 0) + 1);
    await inParallel([...placed], WRITES_AT_ONCE, ([camera, node]) => this.#settle(camera, node, under));
    await inParallel([...this.#placements.keys()].filter((id) => !this.#cameras.has(id)), WRITES_AT_ONCE, (id) => this.#forget(id));
    await this.#tellNodes(living.map(([id]) => id), placed);
  }

  #weigh(living: ReadonlyMap<string, SiteNode>): void {
    const costs = new Map([...living.keys()].map((id) => [id, 0]));
    for (const [id, { placement }] of this.#placements) {
      const known = this.#cameras.get(id);
      if (known && costs.has(placement.node)) costs.set(placement.node, costs.get(placement.node)! + this.#costOf(id, known.camera));
    }
    this.#overload.forgetBut(new Set(living.keys()));
    for (const [id, cores] of costs) this.#overload.saw(id, cores, living.get(id)!.capacity_cores);
  }

  /** One that was changed since is not the one that was refused. */
  #refusedBy({ refused, refused_settings: settings }: SiteNode): Set<string> {
    return new Set(Object.keys(refused).filter((id) => settings?.[id] === undefined || settings[id] === this.#cameras.get(id)?.revision));
  }

  /** What was stated counts, else what was measured last, wherever that was. */
  #costOf(id: string, { cost_cores: stated }: SiteCamera): number { return stated ?? this.#measured.get(id) ?? DEFAULT_COST_CORES; }

  #placeable(id: string, camera: SiteCamera): PlaceableCamera {
    const placement = this.#placements.get(id)?.placement;
    const { require = {}, prefer = {} } = camera;
    // Where the next node is gone, or refuses it, the one that has it still counts.
    const next = placement && this.#nodes.get(placement.node)?.node;
    const node = placement?.from && (!next || next.revoked || this.#refusedBy(next).has(id)) ? placement.from.node : placement?.node ?? null;
    const recordedAt = placement ? [...new Set([holderOf(placement, 0).node, ...placement.before ?? []])].filter((one) => this.#nodes.get(one)?.node.recorded?.includes(id)) : [];
    return { id, costCores: this.#costOf(id, camera), require, prefer, node, recordedAt };
  }

  /** After this no renewal of that lease is taken any more: they are written against the revision that this replaces. */
  async #revoke(id: string, { node, revision }: KnownNode): Promise<void> {
    await ifStill(async () => {
      const revoked = { ...node, revoked: true, cameras: {} };
      this.#nodes.set(id, { node: revoked, revision: await this.#store.nodes.put(id, revoked, revision), atS: this.#nowS() });
      this.#logger.warn({ node: id }, 'a node is silent: its cameras go to others');
    });
  }

  async #settle(camera: string, node: string, under: Map<string, number>): Promise<void> {
    const present = this.#placements.get(camera) ?? null;
    if (present) await this.#assure(present.placement, present.term, node);
    const { incarnation } = this.#nodes.get(node)!.node;
    const moves = under.get(node) ?? 0;
    const placement = nextPlacement(camera, present, { node, incarnation }, this.#seen, moves < MOVES_AT_ONCE);
    if (placement === null) return;
    if (placement.from) under.set(node, moves + 1);
    await ifStill(async () => { this.#placements.set(camera, { placement, term: await this.#store.placements.put(camera, placement, present?.term ?? 0) }); });
  }

  /** What is watched comes in an order for each kind of record alone. The row of a node is older than the camera's that names its incarnation: read now, it is not. */
  async #assure(placement: CameraPlacement, term: number, to?: string): Promise<void> {
    const holder = holderOf(placement, term);
    const known = this.#nodes.get(holder.node);
    if (holder.node === to || !isUncertain(holder, this.#seen) || (this.#readAtTerm.get(holder.node) ?? 0) >= term) return;
    const entry = await this.#store.nodes.get(holder.node);
    this.#readAtTerm.set(holder.node, term);
    if (entry?.value && entry.revision > (known?.revision ?? 0)) this.#sawNode(entry);
  }

  /** Its row stays until nobody records it any more. */
  async #forget(camera: string): Promise<void> {
    const { placement, term } = this.#placements.get(camera)!;
    await this.#assure(placement, term);
    if (mayRecord(camera, holderOf(placement, term), this.#seen)) return;
    await this.#store.placements.delete(camera);
    this.#placements.delete(camera);
  }

  /** The first node lets go when the next one holds pictures back, or cannot for too long. */
  #shallLeave(camera: string, { node }: CameraPlacement, term: number): boolean {
    const sinceS = this.#movingSinceS.get(term) ?? this.#nowS();
    this.#movingSinceS.set(term, sinceS);
    return this.#isAlone(camera) || this.#nodes.get(node)?.node.held?.[camera] === term || this.#nowS() - sinceS >= PREPARE_S;
  }

  #isAlone(camera: string): boolean { return this.#cameras.get(camera)?.camera.single_connection === true; }

  /** One record for each node, so that it watches one: of what the records of the cameras say. One that fits nowhere is not in it. */
  async #tellNodes(living: readonly string[], placed: ReadonlyMap<string, string>): Promise<void> {
    const wanted = new Map<string, Record<string, Told>>(living.map((id) => [id, {}]));
    const moving = new Set<number>();
    for (const [camera, { placement, term }] of this.#placements) {
      const settings = this.#cameras.get(camera)?.revision;
      if (!placed.has(camera) || settings === undefined) continue;
      if (placement.from) moving.add(term);
      for (const [node, told] of toldOf(placement, term, settings, this.#seen, placement.from !== undefined && this.#shallLeave(camera, placement, term), !this.#isAlone(camera))) wanted.get(node)![camera] = told;
    }
    for (const term of [...this.#movingSinceS.keys()]) if (!moving.has(term)) this.#movingSinceS.delete(term);
    await inParallel([...wanted], WRITES_AT_ONCE, async ([id, cameras]) => {
      const present = this.#ofNodes.get(id);
      if (present && isDeepStrictEqual(present.cameras, cameras)) return;
      await ifStill(async () => this.#ofNodes.set(id, { cameras, revision: await this.#store.ofNodes.put(id, { cameras }, present?.revision ?? 0) }));
    });
  }
}

/** What somebody else changed meanwhile is looked at anew in the next round: the watch tells. */
async function ifStill(write: () => Promise<unknown>): Promise<void> {
  await write().catch((cause: unknown) => {
    if (RuthError.from(cause).code !== 'conflict') throw cause;
  });
}
