// How the wall clock of this node goes, by which its recordings are dated: by how much it is ahead of the one of NATS, and by how much it was set meanwhile. No camera is placed by it, and no lease ends by it;
// what lies aside is claimed with more care where it is wrong. Times are UTC seconds, unless said.
import type { SiteClock } from '@ruth/protocol';
import { NOTHING_KEPT, type KeptOffsets } from './clock-file.ts';

/** What drifts is no news; what is set is. */
const SET_S = 0.1;
const MOST_SET = 256;

/** A question to another clock, and its answer: by this clock `sent` and `received`, by that one `asked` and `answered`. */
export interface ClockAnswer { readonly sentS: number; readonly receivedS: number; readonly askedS: number; readonly answeredS: number }

/** By how much that clock is ahead of this one, and how wrong that may be. */
export function differenceOf({ sentS, receivedS, askedS, answeredS }: ClockAnswer): SiteClock {
  return { ahead_s: (askedS - sentS + (answeredS - receivedS)) / 2, within_s: Math.max(0, (receivedS - sentS - (answeredS - askedS)) / 2) };
}

export class NodeClock {
  readonly #wallS: () => number;
  readonly #bootS: () => number;
  /** The wall clock less the one since boot, and since when (by that one) it is so; oldest first. */
  readonly #offsets: { readonly atS: number; readonly offsetS: number }[];
  #measured: (SiteClock & { readonly offsetS: number }) | null = null;

  readonly #kept: KeptOffsets;

  /** `bootS`: seconds since the machine booted. `kept`: by a process before this one, and for one after it. */
  constructor(bootS: () => number, wallS: () => number = () => Date.now() / 1000, kept: KeptOffsets = NOTHING_KEPT) {
    this.#bootS = bootS;
    this.#wallS = wallS;
    this.#kept = kept;
    this.#offsets = [...kept.offsets];
    this.look();
  }

  get nowS(): number { return this.#wallS(); }

  /** To be called every few seconds: whether it was set. */
  look(): void {
    const atS = this.#bootS();
    const offsetS = this.#wallS() - atS;
    const last = this.#offsets.at(-1);
    if (last && Math.abs(last.offsetS - offsetS) < SET_S) return;
    this.#offsets.push({ atS, offsetS });
    if (this.#offsets.length > MOST_SET) this.#offsets.shift();
    this.#kept.keep(this.#offsets);
  }

  /** Something was sent to NATS, stored, and acknowledged. */
  stored({ sentS, receivedS, storedS }: { readonly sentS: number; readonly receivedS: number; readonly storedS: number }): void {
    const { ahead_s: behindS, within_s: withinS } = differenceOf({ sentS, receivedS, askedS: storedS, answeredS: storedS });
    this.look();
    this.#measured = { ahead_s: -behindS, within_s: withinS, offsetS: this.#offsets.at(-1)!.offsetS };
  }

  /** By how much it is ahead of the clock of NATS; null until that was measured. */
  get ofNats(): SiteClock | null {
    if (this.#measured === null) return null;
    this.look();
    const { ahead_s: aheadS, within_s: withinS, offsetS } = this.#measured;
    return { ahead_s: aheadS + this.#offsets.at(-1)!.offsetS - offsetS, within_s: withinS };
  }

  /** By how much it was set since that time, as far as is known: what was dated by it may be wrong by so much. */
  setSince(utcS: number): number {
    this.look();
    const sinceS = this.#bootS() - (this.#wallS() - utcS);
    const from = Math.max(0, this.#offsets.findLastIndex(({ atS }) => atS <= sinceS));
    const offsets = this.#offsets.slice(from).map(({ offsetS }) => offsetS);
    return Math.max(...offsets) - Math.min(...offsets);
  }
}
