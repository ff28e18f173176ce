// What the leader does: ends the lease of a node that is silent, and sees to it that each camera of the site has a node that lives. Whatever
// it does is written against what it has seen, so that one who leads no longer changes nothing.
import { RuthError, type CameraPlacement, type SiteNode } from '@ruth/protocol';
import { RepeatedWarning, type Logger } from '@ruth/transport';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { inParallel } from './bounded.ts';
import { LeaderView, type SeenNode, type SeenPlacement } from './leader-view.ts';
import { holderOf, isUncertain, mayRecord, nextPlacement, toldOf, type Told } from './moves.ts';
import { LEASE_TIMING, type LeaseTiming } from './node-lease.ts';
import { Overload } from './overload.ts';
import { Pause } from './pause.ts';
import { place, type PlaceableCamera } from './placement.ts';
import type { SiteStore } from './site-store.ts';
import { Tries } from './tries.ts';

/** What comes at once is placed at once. */
const SETTLE_MS = 50;
/** Between two looks whether a node is silent. */
const CHECK_EVERY_MS = 1000;
/** All is looked over once in so long, also where nothing is seen to have changed. */
const LOOK_OVER_EVERY_S = 10;
const WRITES_AT_ONCE = 64;
/** To one node: so much is held back there at once. */
const MOVES_AT_ONCE = 8;

export class Placer {
  readonly #store: SiteStore;
  readonly #logger: Logger;
  readonly #nowS: () => number;
  readonly #timing: LeaseTiming;
  readonly #view: LeaderView;
  readonly #overload: Overload;
  readonly #tries: Tries;
  readonly #warning: RepeatedWarning;
  /** Cameras without a node, and why, as the log was told. */
  #unplaced: ReadonlyMap<string, string> = new Map();
  /** Nodes whose rows were read, after a camera's row of that term was seen. */
  readonly #readAtTerm = new Map<string, number>();
  /** Moves that are under way, by term. */
  #movingSinceS: ReadonlyMap<number, number> = new Map();
  #observed: { readonly sinceS: number; readonly caughtUp: Promise<unknown>; failure: Error | null } | null = null;

  constructor(store: SiteStore, logger: Logger, nowS: () => number, timing: LeaseTiming = LEASE_TIMING) {
    this.#store = store;
    this.#logger = logger;
    this.#nowS = nowS;
    this.#timing = timing;
    this.#view = new LeaderView(store, nowS, timing);
    this.#overload = new Overload(nowS);
    this.#warning = new RepeatedWarning(logger);
    this.#tries = new Tries(nowS, timing.prepareS / 2);
  }

  /** Nodes that live, in the order of their names. */
  get living(): string[] { return this.#view.living.map(([id]) => id).sort(); }

  /** Looks on until `signal` aborts: who has seen for how long a node is silent can lead at once. Rejects where JetStream ends a watch. */
  async observe(signal: AbortSignal): Promise<void> {
    const { caughtUp, ended } = this.#view.observe(signal);
    const observed = this.#observed = { sinceS: this.#nowS(), caughtUp: Promise.race([caughtUp, ended]), failure: null as Error | null };
    observed.caughtUp.catch(() => undefined);
    return ended.catch((cause: Error) => {
      observed.failure = cause;
      this.#view.onChange();
      throw cause;
    });
  }

  /** Leads until `signal` aborts, which it must when the leadership is lost. To be called while it observes; rejects where that ended. */
  async lead(signal: AbortSignal): Promise<void> {
    const observed = this.#observed!;
    await observed.caughtUp;
    const view = this.#view;
    const pause = new Pause(signal);
    // Nodes that start together are to share: each that lives has been heard of by then.
    await delay(Math.max(0, observed.sinceS + 2 * this.#timing.renewEveryS - this.#nowS()) * 1000, undefined, { signal }).catch(() => undefined);
    view.onChange = () => pause.end();
    let lookedOverAtS = -Infinity;
    while (!signal.aborted) {
      if (observed.failure) throw observed.failure;
      try {
        await this.#revokeSilent();
        if (view.stale || this.#movingSinceS.size > 0 || this.#nowS() - lookedOverAtS >= LOOK_OVER_EVERY_S) {
          view.stale = false;
          lookedOverAtS = this.#nowS();
          await this.#converge();
          this.#warning.over();
        }
      } catch (cause) {
        view.stale = true;
        const { code, message } = RuthError.from(cause);
        this.#warning.warn({ code }, `cameras of the site are not placed at the moment: ${message}`);
      }
      await pause.lasting(CHECK_EVERY_MS);
      if (!signal.aborted) await delay(SETTLE_MS);
    }
  }

  async #revokeSilent(): Promise<void> {
    const { silent } = this.#view;
    await inParallel(silent, WRITES_AT_ONCE, ([id, seen]) => this.#revoke(id, seen));
    if (silent.length > 0) this.#view.stale = true;
  }

  async #converge(): Promise<void> {
    const { living, cameras, placements } = this.#view;
    const nowS = this.#nowS();
    this.#weigh(new Map(living));
    const placeable = [...cameras.keys()].map((id) => this.#placeable(id, nowS));
    const { placed, unplaced } = place(
      living.map(([id, node]) => ({ id, labels: node.labels, capacityCores: node.capacity_cores, draining: node.draining, refused: this.#view.refusedBy(node), overloaded: this.#overload.has(id) })),
      placeable,
    );
    for (const { id, node, unreachedAt } of placeable) if (unreachedAt && placed.get(id) === node) this.#tries.beginAgain(id);
    for (const [id, why] of unplaced) if (this.#unplaced.get(id) !== why) this.#logger.warn({ camera: id }, `a camera of the site has no node: ${why}`);
    this.#unplaced = unplaced;
    const under = new Map<string, number>();
    for (const { placement } of placements.values()) if (placement.from) under.set(placement.node, (under.get(placement.node) ?? 0) + 1);
    await inParallel([...placed], WRITES_AT_ONCE, ([camera, node]) => this.#settle(camera, node, under));
    await inParallel([...placements.keys()].filter((id) => !cameras.has(id)), WRITES_AT_ONCE, (id) => this.#forget(id));
    await this.#tellNodes(living.map(([id]) => id), placed, nowS);
  }

  #weigh(living: ReadonlyMap<string, SiteNode>): void {
    const costs = new Map([...living.keys()].map((id) => [id, 0]));
    for (const [id, { placement }] of this.#view.placements) {
      if (this.#view.cameras.has(id) && costs.has(placement.node)) costs.set(placement.node, costs.get(placement.node)! + this.#view.costOf(id));
    }
    this.#overload.forgetBut(new Set(living.keys()));
    for (const [id, cores] of costs) this.#overload.saw(id, cores, living.get(id)!.capacity_cores);
  }

  #placeable(id: string, nowS: number): PlaceableCamera {
    const view = this.#view;
    const { require = {}, prefer = {} } = view.cameras.get(id)!.camera;
    const present = view.placements.get(id);
    const asked = { id, costCores: view.costOf(id), require, prefer };
    if (!present) return { ...asked, node: null };
    const { placement, placement: { from }, term } = present;
    const holder = holderOf(placement, term).node;
    const isUnreached = this.#followTry(id, present, view.isUnreached(id, holder), nowS);
    const next = view.node(placement.node);
    // Where the next node is gone, refuses it or cannot reach it, the one that has it still counts.
    const node = from && (!next || next.revoked || view.refusedBy(next).has(id) || this.#tries.hasFailed(id, placement.node)) ? from.node : placement.node;
    const recordedAt = [...new Set([holder, ...placement.before ?? []])].filter((one) => view.node(one)?.recorded?.includes(id));
    const failed = isUnreached && node === holder ? this.#tries.without(id) : null;
    return { ...asked, node, recordedAt, ...(failed && { unreachedAt: new Set([holder, ...failed]) }) };
  }

  /** What is tried for a camera that the node which has it cannot reach. One that is tried moves only where the next one holds its pictures. */
  #followTry(id: string, { placement, term }: SeenPlacement, isUnreached: boolean, nowS: number): boolean {
    const holder = holderOf(placement, term).node;
    if (isUnreached && this.#tries.begin(id)) this.#logger.warn({ camera: id, node: holder }, 'a node cannot reach a camera: another one is to try, where there is one');
    if (!this.#tries.isTried(id)) return false;
    if (!placement.from) {
      if (!isUnreached) this.#tries.end(id);
    } else if (!this.#isHeld(id, placement, term) && (!isUnreached || this.#isLate(term, nowS))) this.#tries.failed(id, placement.node);
    return isUnreached;
  }

  /** After this no renewal of that lease is taken any more: they are written against the revision that this replaces. */
  async #revoke(id: string, { node, revision }: SeenNode): Promise<void> {
    await ifStill(async () => {
      const revoked = { ...node, revoked: true, cameras: {} };
      this.#view.nodes.set(id, { node: revoked, revision: await this.#store.nodes.put(id, revoked, revision), atS: this.#nowS() });
      this.#logger.warn({ node: id }, 'a node is silent: its cameras go to others');
    });
  }

  async #settle(camera: string, node: string, under: Map<string, number>): Promise<void> {
    const view = this.#view;
    const present = view.placements.get(camera) ?? null;
    if (present) await this.#assure(present, node);
    const { incarnation } = view.node(node)!;
    const moves = under.get(node) ?? 0;
    const placement = nextPlacement(camera, present, { node, incarnation }, view, moves < MOVES_AT_ONCE);
    if (placement === null) return;
    if (placement.from) under.set(node, moves + 1);
    await ifStill(async () => { view.placements.set(camera, { placement, term: await this.#store.placements.put(camera, placement, present?.term ?? 0) }); });
  }

  /** What is watched comes in an order for each kind of record alone. The row of a node is older than the camera's that names its incarnation: read now, it is not. */
  async #assure({ placement, term }: SeenPlacement, to?: string): Promise<void> {
    const holder = holderOf(placement, term);
    if (holder.node === to || !isUncertain(holder, this.#view) || (this.#readAtTerm.get(holder.node) ?? 0) >= term) return;
    const entry = await this.#store.nodes.get(holder.node);
    this.#readAtTerm.set(holder.node, term);
    if (entry?.value && entry.revision > (this.#view.nodes.get(holder.node)?.revision ?? 0)) this.#view.sawNode(entry);
  }

  /** Its row stays until nobody records it any more. */
  async #forget(camera: string): Promise<void> {
    const present = this.#view.placements.get(camera)!;
    await this.#assure(present);
    if (mayRecord(camera, holderOf(present.placement, present.term), this.#view)) return;
    await this.#store.placements.delete(camera);
    this.#tries.end(camera);
    this.#view.placements.delete(camera);
  }

  #isHeld(camera: string, { node }: CameraPlacement, term: number): boolean { return this.#view.node(node)?.held?.[camera] === term; }

  #isLate(term: number, nowS: number): boolean { return nowS - (this.#movingSinceS.get(term) ?? nowS) >= this.#timing.prepareS; }

  /** It serves one connection, which the node that has it has. */
  #isAlone(camera: string): boolean { return this.#view.cameras.get(camera)?.camera.single_connection === true && !this.#tries.isTried(camera); }

  /** One record for each node, so that it watches one: of what the records of the cameras say. One that fits nowhere is not in it. */
  async #tellNodes(living: readonly string[], placed: ReadonlyMap<string, string>, nowS: number): Promise<void> {
    const wanted = new Map<string, Record<string, Told>>(living.map((id) => [id, {}]));
    const moving = new Map<number, number>();
    for (const [camera, { placement, term }] of this.#view.placements) {
      const settings = this.#view.cameras.get(camera)?.revision;
      if (!placed.has(camera) || settings === undefined) continue;
      if (placement.from) moving.set(term, this.#movingSinceS.get(term) ?? nowS);
      // The first node lets go when the next one holds pictures back, or cannot for too long.
      const leaves = placed.get(camera) === placement.node && (this.#isAlone(camera) || this.#isHeld(camera, placement, term) || this.#isLate(term, nowS));
      for (const [node, told] of toldOf(placement, term, settings, this.#view, leaves, !this.#isAlone(camera))) wanted.get(node)![camera] = told;
    }
    this.#movingSinceS = moving;
    await inParallel([...wanted], WRITES_AT_ONCE, async ([id, cameras]) => {
      const present = this.#view.ofNodes.get(id);
      if (present && isDeepStrictEqual(present.cameras, cameras)) return;
      await ifStill(async () => this.#view.ofNodes.set(id, { cameras, revision: await this.#store.tell(id, { cameras }, present?.revision ?? 0) }));
    });
  }
}

/** What somebody else changed meanwhile is looked at anew in the next round: the watch tells. */
async function ifStill(write: () => Promise<unknown>): Promise<void> {
  await write().catch((cause: unknown) => {
    if (RuthError.from(cause).code !== 'conflict') throw cause;
  });
}
