// One node leads at a time, or for a moment two: what a leader writes is safe either way, so this only spares work. The record `leader` is
// renewed against its own revision; who sees it unchanged for long enough takes it over.
import { RuthError, type SiteLeader } from '@ruth/protocol';
import { LEASE_TIMING, type LeaseTiming } from './node-lease.ts';
import type { Entry, Records } from './site-store.ts';

const KEY = 'leader';

export class Leadership {
  readonly #records: Records<SiteLeader>;
  readonly #self: SiteLeader;
  readonly #nowS: () => number;
  readonly #silenceS: number;
  #seen: { revision: number; atS: number; self: boolean } | null = null;

  constructor(records: Records<SiteLeader>, self: SiteLeader, nowS: () => number, { silenceS }: LeaseTiming = LEASE_TIMING) {
    this.#records = records;
    this.#self = self;
    this.#nowS = nowS;
    this.#silenceS = silenceS;
  }

  /** Of the record's watch. */
  saw({ revision, value }: Entry<SiteLeader>): void {
    if (this.#seen && revision <= this.#seen.revision) return;
    this.#seen = { revision, atS: this.#nowS(), self: value?.incarnation === this.#self.incarnation };
  }

  /** True while this node leads. To be called as often as a lease is renewed. Throws `unreachable`. */
  async renew(): Promise<boolean> {
    const seen = this.#seen;
    if (seen && !seen.self && this.#nowS() - seen.atS < this.#silenceS) return false;
    try {
      const revision = await this.#records.put(KEY, this.#self, seen?.revision ?? 0);
      this.#seen = { revision, atS: this.#nowS(), self: true };
      return true;
    } catch (cause) {
      const error = RuthError.from(cause);
      if (error.code !== 'conflict') throw error;
      if (seen?.self) this.#seen = { ...seen, self: false, atS: this.#nowS() };
      // Deleted, or written before the watch told: what stands there is looked up.
      const entry = await this.#records.get(KEY);
      if (entry) this.saw(entry);
      return false;
    }
  }

  /** Another node may lead at once. */
  async resign(): Promise<void> { if (this.#seen?.self) await this.#records.delete(KEY); }
}
