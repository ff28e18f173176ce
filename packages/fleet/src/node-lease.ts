// The lease of this node, as it knows it itself: always shorter than as others see it; and how long a site waits for what. Times are seconds of the machine's clock since boot.

export interface LeaseTiming {
  /** From the moment a renewal was sent that was acknowledged. */
  readonly leaseS: number;
  readonly renewEveryS: number;
  /** Who sees no renewal for so long after the last one came takes the node for gone. Longer than a lease, for clocks that do not run alike. */
  readonly silenceS: number;
  /** A node whose kernel does not answer for so long lets its lease end, so that others record in its place. */
  readonly kernelSilenceS: number;
  /** A camera from which nothing came for so long is tried by another node. Longer than a camera takes to begin anew. */
  readonly unreachedS: number;
  /** A next node that holds no pictures of a camera by then will not. Longer than a camera may take to answer, and to send a keyframe. */
  readonly prepareS: number;
}

/** A cluster of NATS that lost its leader needs up to nine seconds for another one: a node must not stop for that. */
export const LEASE_TIMING: LeaseTiming = { leaseS: 12, renewEveryS: 2, silenceS: 13, kernelSilenceS: 10, unreachedS: 60, prepareS: 30 };

export class NodeLease {
  readonly incarnation: string;
  readonly #nowS: () => number;
  readonly #leaseS: number;
  #untilS: number | null = null;
  #ended = false;

  constructor(incarnation: string, nowS: () => number, { leaseS }: LeaseTiming = LEASE_TIMING) {
    this.#leaseS = leaseS;
    this.incarnation = incarnation;
    this.#nowS = nowS;
  }

  /** Until when this node may record what it was given; null where it may not. */
  get untilS(): number | null { return this.holds ? this.#untilS : null; }

  get holds(): boolean {
    if (this.#untilS !== null && this.#nowS() >= this.#untilS) this.#ended = true;
    return this.#untilS !== null && !this.#ended;
  }

  /** When it ends, or ended; null before it began. */
  get endS(): number | null { return this.#untilS; }

  /** It ran out, or was revoked: whatever is acknowledged from now on, only another one can follow. */
  get ended(): boolean {
    void this.holds;
    return this.#ended;
  }

  /** A renewal that was sent at `sentS` was acknowledged. One that comes when the lease has run out is too late. */
  renewed(sentS: number): void {
    if (!this.ended) this.#untilS = Math.max(this.#untilS ?? 0, sentS + this.#leaseS);
    void this.holds;
  }

  revoke(): void {
    if (this.#untilS !== null && !this.ended) this.#untilS = Math.min(this.#untilS, this.#nowS());
    this.#ended = true;
  }
}
