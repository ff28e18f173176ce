// Places a stream's own time on the node's wall clock. The packet that was delayed least says where: what is delayed more
// is jitter and moves nothing, a drift is followed slowly, a jump at once. So two streams of a camera can be compared.

const FOLLOW_US = 30e6;
const JUMP_US = 2e6;

export class ArrivalClock {
  #originUs: number | null = null;
  #newestUs = 0;

  /** Wall clock at the stream's time 0, us UTC; null before the first packet. */
  get originUs(): number | null { return this.#originUs; }

  /** When a packet with this time was captured, us UTC, never later than it came. */
  at(streamUs: number, arrivedAtUs: number): number {
    const originUs = arrivedAtUs - streamUs;
    const lateUs = this.#originUs === null ? 0 : originUs - this.#originUs;
    if (this.#originUs === null || lateUs < 0 || lateUs > JUMP_US) {
      this.#originUs = originUs;
      this.#newestUs = streamUs;
    } else if (streamUs > this.#newestUs) {
      this.#originUs += lateUs * Math.min(1, (streamUs - this.#newestUs) / FOLLOW_US);
      this.#newestUs = streamUs;
    }
    return Math.round(this.#originUs + streamUs);
  }

  clear(): void { this.#originUs = null; }
}
