// One node leads at a time, or for a moment two: what a leader writes is safe either way, so this only spares work. The record `leader` is
// renewed against its own revision; who sees it unchanged for long enough takes it over.
import { RuthError, type SiteLeader } from '@ruth/protocol';
import { LEASE_TIMING, type LeaseTiming } from './node-lease.ts';
import type { Entry, Records } from './records.ts';

const KEY = 'leader';
/** Times the silence after which a deputy takes over. */
const OTHERS_WAIT = 1.5;

export class Leadership {
  readonly #records: Records<SiteLeader>;
  readonly #self: Pick<SiteLeader, 'node' | 'incarnation'>;
  readonly #nowS: () => number;
  readonly #silenceS: number;
  #seen: { readonly revision: number; readonly atS: number; readonly leader: SiteLeader | null } | null = null;

  constructor(records: Records<SiteLeader>, self: Pick<SiteLeader, 'node' | 'incarnation'>, nowS: () => number, { silenceS }: LeaseTiming = LEASE_TIMING) {
    this.#records = records;
    this.#self = self;
    this.#nowS = nowS;
    this.#silenceS = silenceS;
  }

  /** Of the record's watch. */
  saw({ revision, value }: Entry<SiteLeader>): void {
    if (this.#seen && revision <= this.#seen.revision) return;
    this.#seen = { revision, atS: this.#nowS(), leader: value };
  }

  get leads(): boolean { return this.#seen?.leader?.incarnation === this.#self.incarnation; }

  /** This node is to look on while it does not lead. */
  get isDeputy(): boolean { return this.#seen?.leader?.deputies.includes(this.#self.node) ?? false; }

  /** The one that leads is silent, or nobody leads: others than deputies wait longer. */
  get vacant(): boolean {
    if (!this.#seen?.leader) return true;
    return this.#nowS() - this.#seen.atS >= this.#silenceS * (this.isDeputy ? 1 : OTHERS_WAIT);
  }

  /** True while this node leads. To be called as often as a lease is renewed, and where the place is vacant. Throws `unreachable`. */
  async renew(deputies: readonly string[]): Promise<boolean> {
    if (!this.leads && !this.vacant) return false;
    const leader = { ...this.#self, deputies: [...deputies] };
    try {
      this.#seen = { revision: await this.#records.put(KEY, leader, this.#seen?.revision ?? 0), atS: this.#nowS(), leader };
    } catch (cause) {
      const error = RuthError.from(cause);
      if (error.code !== 'conflict') throw error;
      // Somebody else was first: who that is stands there.
      const entry = await this.#records.get(KEY);
      this.#seen = { revision: entry?.revision ?? 0, atS: this.#nowS(), leader: entry?.value ?? null };
    }
    return this.leads;
  }

  /** Another node may lead at once. */
  async resign(): Promise<void> { if (this.leads) await this.#records.delete(KEY); }
}
