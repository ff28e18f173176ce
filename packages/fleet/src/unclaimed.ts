// What a node goes on recording aside after its lease ended: until it is known who has those cameras now, and then what of it is this node's.
import { ASIDE_BEFORE_END_S, RuthError, type ClaimRequest, type ClaimResult, type PlacementStatus, type SiteCamera } from '@ruth/protocol';
import { RepeatedWarning, type Logger } from '@ruth/transport';
import { KEPT_TERMS, type SiteStore } from './site-store.ts';

export interface UnclaimedOptions {
  /** Of this node. */
  readonly id: string;
  readonly store: SiteStore;
  readonly kernel: { claim(request: ClaimRequest): Promise<ClaimResult> };
  readonly nowS: () => number;
  readonly logger: Logger;
}

const LOOK_EVERY_S = 2;
const CLAIM_EVERY_S = 5;
/** By so much the clocks of a node and of NATS may differ. Whoever takes a camera over needs longer to begin. */
const MARGIN_S = 2;

export class Unclaimed {
  readonly #options: UnclaimedOptions;
  /** Null where it is not known how it is set. */
  readonly #cameras = new Map<string, SiteCamera | null>();
  readonly #warning: RepeatedWarning;
  #busy = false;
  #lookedAtS = -Infinity;
  #claimedAtS = -Infinity;

  constructor(options: UnclaimedOptions) {
    this.#options = options;
    this.#warning = new RepeatedWarning(options.logger);
  }

  /** Those of which the settings are known. */
  get known(): ReadonlyMap<string, SiteCamera> { return new Map([...this.#cameras].flatMap(([id, camera]) => (camera ? [[id, camera] as const] : []))); }

  idsBut(own: ReadonlyMap<string, SiteCamera>): string[] { return [...this.#cameras.keys()].filter((id) => !own.has(id)); }

  add(own: ReadonlyMap<string, SiteCamera>): void { for (const [id, camera] of own) this.#cameras.set(id, camera); }

  found(ids: readonly string[]): void { for (const id of ids) if (!this.#cameras.has(id)) this.#cameras.set(id, null); }

  /** To be called while this node holds a lease: what another node has is let go, and what was recorded aside is claimed, up to where another one began. */
  async settle(own: ReadonlyMap<string, SiteCamera>, { unclaimed = {} }: PlacementStatus): Promise<void> {
    const { nowS } = this.#options;
    for (const id of own.keys()) this.#cameras.delete(id);
    if (this.#busy) return;
    this.#busy = true;
    try {
      if (this.#cameras.size > 0 && nowS() - this.#lookedAtS >= LOOK_EVERY_S) {
        this.#lookedAtS = nowS();
        await Promise.all([...this.#cameras.keys()].map((id) => this.#letGo(id)));
      }
      const claims = Object.entries(unclaimed).filter(([id]) => !this.#cameras.has(id));
      if (claims.length === 0 || nowS() - this.#claimedAtS < CLAIM_EVERY_S) return;
      this.#claimedAtS = nowS();
      for (const [id, { from }] of claims) await this.#claim(id, from);
      this.#warning.over();
    } catch (cause) {
      this.#warning.warn({ code: RuthError.from(cause).code }, `what was recorded aside could not be settled, and stays aside: ${(cause as Error).message}`);
    } finally {
      this.#busy = false;
    }
  }

  /** Where the site has no such camera any more, or another node has it. */
  async #letGo(id: string): Promise<void> {
    const { store, id: node } = this.#options;
    const [camera, placement] = await Promise.all([store.cameras.get(id), store.placements.get(id)]);
    if (!camera?.value || (placement?.value && placement.value.node !== node)) this.#cameras.delete(id);
  }

  async #claim(camera: string, fromS: number): Promise<void> {
    const { kernel, logger } = this.#options;
    const until = await this.#othersSince(camera, fromS);
    const { claimed_s: claimedS, deleted_files: deletedFiles, left_files: leftFiles } = await kernel.claim({ camera, until });
    if (claimedS > 0 || deletedFiles > 0) logger.warn({ camera, claimed_s: Math.round(claimedS), deleted_files: deletedFiles, left_files: leftFiles, until }, 'what was recorded without a lease is looked through: what no other node has is among the recordings');
  }

  /** UTC, seconds: when another node was given the camera (not: made ready for it) after this one recorded it; null where none was. */
  async #othersSince(camera: string, fromS: number): Promise<number | null> {
    const terms = await this.#options.store.placements.history(camera);
    const since = (fromS - ASIDE_BEFORE_END_S) * 1000;
    const others = terms.filter(({ value, createdMs }) => createdMs > since && value !== null && value.node !== this.#options.id && value.from === undefined).map(({ createdMs }) => createdMs);
    // Where so many followed that the first are forgotten, nobody can say who was before them.
    if (terms.length >= KEPT_TERMS && terms[0]!.createdMs > since) others.push(terms[0]!.createdMs);
    return others.length === 0 ? null : Math.max(0, Math.min(...others) / 1000 - MARGIN_S);
  }
}
