// Order and time of the packets of one RTP stream: 16 and 32 bits that wrap, counted on.

/** Behind by less than this is a packet that came twice or late. */
const MAX_BEHIND = 0xff;

export class RtpClock {
  #sequence: number | null = null;
  #timestamp: number | null = null;

  /** Packets that did not arrive. */
  lost = 0;
  /** Of the newest packet, in the stream's own clock; 0 for the first. */
  ticks = 0;

  /** How many are missing before this one; null where it came twice or late and is of no use any more. */
  follow(sequence: number): number | null {
    const missing = this.#sequence === null ? 0 : (sequence - this.#sequence - 1) & 0xffff;
    if (missing > 0xffff - MAX_BEHIND) return null;
    this.#sequence = sequence;
    this.lost += missing;
    return missing;
  }

  /** Whether it is the time of the packet before. */
  same(timestamp: number): boolean { return timestamp === this.#timestamp; }

  /** A step of half the range or more is a step back. */
  advance(timestamp: number): void {
    this.ticks = this.ticksAt(timestamp) ?? 0;
    this.#timestamp = timestamp;
  }

  /** Any time stamp near the newest, in the same ticks; null before the first packet. */
  ticksAt(timestamp: number): number | null { return this.#timestamp === null ? null : this.ticks + ((timestamp - this.#timestamp) | 0); }
}
