// What a node goes on recording aside after its lease ended: until it is known who has those cameras now, and then what of it is this node's.
import { CLOCKS_DIFFER_S, MOST_EDGES, RuthError, type ClaimRequest, type ClaimResult, type KeyframesFound, type KeyframesRequest, type PlacementStatus, type Holdings, type SiteCamera } from '@ruth/protocol';
import { RepeatedWarning, type Logger } from '@ruth/transport';
import { byThisClock, decide, doubtOf, rivalsOf, type Answer, type AsideOf } from './claims.ts';
import { askHoldings } from './holdings.ts';
import { LEASE_TIMING, type LeaseTiming } from './node-lease.ts';
import type { NodeClock } from './node-clock.ts';
import { allOf } from './records.ts';
import { KEPT_TERMS, type SiteStore } from './site-store.ts';

export interface UnclaimedOptions {
  /** Of this node. */
  readonly id: string;
  readonly store: SiteStore;
  readonly kernel: { claim(request: ClaimRequest): Promise<ClaimResult>; keyframes(request: KeyframesRequest): Promise<KeyframesFound> };
  readonly nowS: () => number;
  readonly clock: NodeClock;
  /** Not for a site whose other nodes have another one. */
  readonly timing?: LeaseTiming;
  readonly logger: Logger;
}

const LOOK_EVERY_S = 2;
/** As long as something comes of it; else ever more seldom. */
const CLAIM_EVERY_S = 5;
const CLAIM_EVERY_AT_MOST_S = 30;
/** What is younger waits for the next time: who is given a camera now may have begun by a clock that is behind. */
const YOUNGEST_S = 4;
/** The last picture of a file lasts longer than it takes to write it. */
const LAST_PICTURE_S = 5;

export class Unclaimed {
  readonly #options: UnclaimedOptions;
  /** Null where it is not known how it is set. */
  readonly #cameras = new Map<string, SiteCamera | null>();
  readonly #warning: RepeatedWarning;
  /** Of cameras that a node which lives is to have, and does not record yet. */
  readonly #livesSinceS = new Map<string, number>();
  /** By how much the clock of each node is ahead of this one, as it was last. */
  readonly #aheadS = new Map<string, number>();
  #busy = false;
  #lookedAtS = -Infinity;
  #claimedAtS = -Infinity;
  #claimEveryS = CLAIM_EVERY_S;
  /** What the kernel was told of each camera, and for whom it waits. */
  #decided = new Map<string, string>();

  constructor(options: UnclaimedOptions) {
    this.#options = options;
    this.#warning = new RepeatedWarning(options.logger);
  }

  /** Those of which the settings are known. */
  get known(): ReadonlyMap<string, SiteCamera> { return new Map([...this.#cameras].flatMap(([id, camera]) => (camera ? [[id, camera] as const] : []))); }

  idsBut(own: ReadonlyMap<string, SiteCamera>): string[] { return [...this.#cameras.keys()].filter((id) => !own.has(id)); }

  add(own: ReadonlyMap<string, SiteCamera>): void { for (const [id, camera] of own) this.#cameras.set(id, camera); }

  found(ids: readonly string[]): void { for (const id of ids) if (!this.#cameras.has(id)) this.#cameras.set(id, null); }

  /** To be called while this node holds a lease: what another node has is let go, and what was recorded aside is claimed where no other node has recorded it. */
  async settle(own: ReadonlyMap<string, SiteCamera>, { unclaimed = {} }: PlacementStatus): Promise<void> {
    const { nowS } = this.#options;
    for (const id of own.keys()) this.#forget(id);
    if (this.#busy) return;
    this.#busy = true;
    try {
      if (this.#cameras.size > 0 && nowS() - this.#lookedAtS >= LOOK_EVERY_S) {
        this.#lookedAtS = nowS();
        await Promise.all([...this.#cameras.keys()].map((id) => this.#letGo(id)));
      }
      const claims = Object.entries(unclaimed).filter(([id]) => !this.#cameras.has(id));
      if (claims.some(([id]) => !this.#decided.has(id))) this.#claimEveryS = CLAIM_EVERY_S;
      this.#decided = new Map([...this.#decided].filter(([id]) => unclaimed[id]));
      if (claims.length === 0 || nowS() - this.#claimedAtS < this.#claimEveryS) return;
      this.#claimedAtS = nowS();
      const silent = new Set<string>();
      let done = false;
      for (const [id, span] of claims) done = await this.#claim(id, span, silent) || done;
      this.#claimEveryS = done ? CLAIM_EVERY_S : Math.min(CLAIM_EVERY_AT_MOST_S, this.#claimEveryS * 2);
      this.#warning.over();
    } catch (cause) {
      this.#warning.warn({ code: RuthError.from(cause).code }, `what was recorded aside could not be settled, and stays aside: ${(cause as Error).message}`);
    } finally {
      this.#busy = false;
    }
  }

  /** Where the site has no such camera any more, or another node records it: one that is named may be dead by now, or not reach the camera. */
  async #letGo(id: string): Promise<void> {
    const { store, id: node, nowS } = this.#options;
    const [camera, placement] = await Promise.all([store.cameras.get(id), store.placements.get(id)]);
    if (!camera?.value) return this.#forget(id);
    if (!placement?.value || placement.value.node === node) return void this.#livesSinceS.delete(id);
    const { node: other, incarnation } = placement.value.from ?? placement.value;
    const row = (await store.nodes.get(other))?.value;
    if (!row || row.revoked || row.incarnation !== incarnation) return void this.#livesSinceS.delete(id);
    if (!this.#livesSinceS.has(id)) this.#livesSinceS.set(id, nowS());
    // `off` is also what a process says that has not begun yet.
    const needsNobody = row.cameras[id]?.state === 'recording' || camera.value.camera.recording?.active === false;
    // A camera may serve one connection alone, and not say so.
    if (camera.value.single_connection || needsNobody || nowS() - this.#livesSinceS.get(id)! >= this.#stayS) this.#forget(id);
  }

  /** So long it is recorded aside all the same where the node that is to have it lives, and does not record it: by then the leader has had this node try, which is then its next one. */
  get #stayS(): number {
    const { unreachedS, prepareS } = this.#options.timing ?? LEASE_TIMING;
    return unreachedS + 2 * prepareS;
  }

  /** By the clock of this node. One whose clock turns out to be another than was thought is asked once more, for the right time. */
  async #ask(rival: string, camera: string, { start, end }: Pick<AsideOf, 'start' | 'end'>): Promise<Answer | null> {
    const ask = async (aheadS: number): ReturnType<typeof askHoldings> => askHoldings(this.#options.store, rival, { camera, start: Math.max(0, start + aheadS - CLOCKS_DIFFER_S), end: end + aheadS + CLOCKS_DIFFER_S }, this.#options.clock);
    const thoughtS = this.#aheadS.get(rival) ?? 0;
    let answer = await ask(thoughtS);
    if (!answer?.clock) return answer?.holdings ?? null;
    const { ahead_s: aheadS } = answer.clock;
    this.#aheadS.set(rival, aheadS);
    if (Math.abs(aheadS - thoughtS) > CLOCKS_DIFFER_S / 2) {
      this.#options.logger.warn({ node: rival, ahead_s: aheadS }, 'the clock of another node differs from the one here, and recordings are dated by them: run NTP on both. What was recorded aside is compared by the difference');
      answer = await ask(aheadS);
    }
    return answer && (answer.clock ? byThisClock(answer.holdings, answer.clock) : answer.holdings);
  }

  /** Where its recordings begin and end among what lies aside here, as far as that can be found. */
  async #located(camera: string, answer: Holdings): Promise<Answer> {
    const keyframes = [...answer.firsts ?? [], ...answer.lasts ?? []].slice(0, MOST_EDGES);
    return keyframes.length === 0 ? answer : { ...answer, ...await this.#options.kernel.keyframes({ camera, keyframes }) };
  }

  #forget(id: string): void {
    this.#cameras.delete(id);
    this.#livesSinceS.delete(id);
  }

  /** `silent`: those that did not answer just before. True where something was decided. */
  async #claim(camera: string, { from, to }: { readonly from: number; readonly to: number }, silent: Set<string>): Promise<boolean> {
    const { kernel, logger, store, id: node } = this.#options;
    const terms = await store.placements.history(camera);
    const ofNats = this.#options.clock.ofNats ?? { ahead_s: 0, within_s: 0 };
    const aheadOfNatsS = Math.abs(ofNats.ahead_s) <= ofNats.within_s ? 0 : ofNats.ahead_s;
    const aside: AsideOf = {
      doubtS: doubtOf(ofNats.within_s + this.#options.clock.setSince(from)),
      node, start: from, end: Math.min(to + LAST_PICTURE_S, Date.now() / 1000 - YOUNGEST_S), forgotten: terms.length >= KEPT_TERMS, nodes: terms.length >= KEPT_TERMS ? [...(await allOf(store.nodes)).keys()] : [],
      terms: terms.map(({ value, createdMs }) => ({ createdS: createdMs / 1000 + aheadOfNatsS, placement: value })),
    };
    if (aside.end <= aside.start) return true;
    const answers = new Map<string, Answer>();
    for (const rival of rivalsOf(aside)) {
      const answer = silent.has(rival) ? null : await this.#ask(rival, camera, aside);
      if (answer) answers.set(rival, await this.#located(camera, answer));
      else silent.add(rival);
    }
    const { waitsFor, ...decision } = decide(aside, answers);
    const decided = JSON.stringify([aside.start, aside.end, waitsFor, decision]);
    if (this.#decided.get(camera) === decided && waitsFor.length > 0) return false;
    if (waitsFor.length > 0 && !this.#decided.has(camera)) logger.warn({ camera, waits_for: waitsFor }, 'what of this camera was recorded without a lease, while others may have recorded it, stays aside until these nodes say what they have');
    this.#decided.set(camera, decided);
    if (decision.claim.length === 0 && decision.delete.length === 0) return false;
    const { claimed_s: claimedS, deleted_files: deletedFiles, left_files: leftFiles } = await kernel.claim({ camera, ...decision });
    if (claimedS > 0 || deletedFiles > 0) logger.warn({ camera, claimed_s: Math.round(claimedS), deleted_files: deletedFiles, left_files: leftFiles, waits_for: waitsFor }, 'what was recorded without a lease is looked through: what no other node has is among the recordings');
    return true;
  }
}
