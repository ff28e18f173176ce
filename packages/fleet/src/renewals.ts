// The lease of this node, renewed by writing its row: always against the revision that it wrote itself, so that whoever ends the lease by a write ends it for good. And how the clock here stands
// against that of NATS, which such a write tells by the way.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isClockOff, RuthError, type SiteNode } from '@ruth/protocol';
import { RepeatedWarning, type Logger } from '@ruth/transport';
import type { NodeClock } from './node-clock.ts';
import { NodeLease, type LeaseTiming } from './node-lease.ts';
import type { SiteStore } from './site-store.ts';

export interface RenewalsOptions {
  /** Of this node. */
  readonly id: string;
  readonly machine: string;
  readonly store: SiteStore;
  readonly nowS: () => number;
  readonly timing: LeaseTiming;
  readonly clock: NodeClock;
  readonly logger: Logger;
}

/** Not while all begin; then each look is one question of JetStream. */
const CLOCK_AFTER_RENEWALS = 5;
const CLOCK_EVERY_S = 60;

export class Renewals {
  readonly #options: RenewalsOptions;
  readonly #clockWarning: RepeatedWarning;
  #lease: NodeLease;
  /** Of the row, as far as it was written or seen by this process. */
  #revision = 0;
  #clockDueS: number;

  constructor(options: RenewalsOptions) {
    this.#options = options;
    this.#clockWarning = new RepeatedWarning(options.logger);
    this.#clockDueS = options.nowS() + CLOCK_AFTER_RENEWALS * options.timing.renewEveryS;
    this.#lease = this.#newLease();
  }

  get lease(): NodeLease { return this.#lease; }

  /** Another lease, after one that ended. */
  beginAnew(): void { this.#lease = this.#newLease(); }

  /** False where the row was another one than was thought, which is known now: to be renewed again at once. Throws `unreachable`, and `conflict` where another machine is this node. */
  async renew(row: Omit<SiteNode, 'incarnation' | 'revoked' | 'machine'>): Promise<boolean> {
    const { store, id, machine, nowS, clock } = this.#options;
    const lease = this.#lease;
    const sentS = nowS();
    const sentWallS = clock.nowS;
    try {
      this.#revision = await store.nodes.put(id, { incarnation: lease.incarnation, revoked: false, machine, ...row }, this.#revision);
    } catch (cause) {
      if (RuthError.from(cause).code !== 'conflict') throw cause;
      await this.#yield(lease);
      return false;
    }
    lease.renewed(sentS);
    if (nowS() >= this.#clockDueS) void this.#lookAtClock(this.#revision, sentWallS, clock.nowS);
    return true;
  }

  #newLease(): NodeLease { return new NodeLease(randomUUID(), this.#options.nowS, this.#options.timing); }

  /** Somebody else wrote the row: whoever ended the lease, an agent before this one, or a node of the same name. */
  async #yield(lease: NodeLease): Promise<void> {
    const { store, id, machine, timing } = this.#options;
    const entry = await store.nodes.get(id);
    if (entry?.value?.incarnation === lease.incarnation && !entry.value.revoked) {
      // It was this one: a renewal was taken, and the answer lost. The lease lasts as long as it did, until one is answered.
      this.#revision = entry.revision;
      return;
    }
    if (lease.untilS !== null) lease.revoke();
    if (entry?.value && !entry.value.revoked && entry.value.machine !== machine) {
      // It may still live: silent for long enough, it does not.
      await delay(timing.silenceS * 1000);
      if ((await store.nodes.get(id))?.revision !== entry.revision) throw new RuthError('conflict', `another machine is the node ${id} of this site; give this one another name: site.node in ruth.yaml`);
    }
    this.#revision = entry?.revision ?? 0;
  }

  /** When JetStream stored what was sent and acknowledged between these. */
  async #lookAtClock(revision: number, sentS: number, receivedS: number): Promise<void> {
    const { store, id, nowS, clock } = this.#options;
    this.#clockDueS = nowS() + CLOCK_EVERY_S;
    const entry = await store.nodes.get(id, revision).catch(() => null);
    if (entry?.revision !== revision) return;
    clock.stored({ sentS, receivedS, storedS: entry.createdMs / 1000 });
    const ofNats = clock.ofNats!;
    if (isClockOff(ofNats)) this.#clockWarning.warn(ofNats, 'the clock of this node is not that of NATS, and recordings are dated by it: run NTP on all nodes, and where NATS runs');
    else this.#clockWarning.over();
  }
}
