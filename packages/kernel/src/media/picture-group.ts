// The pictures since the last keyframe, kept so that whoever begins to look now begins at once. Bounded: a group that grows
// too large is let go, and a new viewer waits for the next keyframe.
import type { MediaPacket, PacketConsumer, StreamFormat } from './media-packet.ts';

const MAX_BYTES = 16 << 20;
/** Tiny pictures take more than their bytes. */
const MAX_PICTURES = 10_000;

export class PictureGroup implements PacketConsumer {
  readonly #packets: MediaPacket[] = [];
  #bytes = 0;

  /** Null before the first. */
  format: StreamFormat | null = null;

  /** Keyframe first; empty while none is held. */
  get packets(): readonly MediaPacket[] { return this.#packets; }

  begin(format: StreamFormat): void {
    this.format = format;
    this.forget();
  }

  /** The stream has ended: what was kept is not what is seen now. */
  forget(): void {
    this.#packets.length = 0;
    this.#bytes = 0;
  }

  accept(packet: MediaPacket): void {
    if (packet.keyframe || this.#packets[0]?.epoch !== packet.epoch) this.forget();
    if (!packet.keyframe && this.#packets.length === 0) return;
    this.#packets.push(packet);
    this.#bytes += packet.data.length;
    if (this.#bytes > MAX_BYTES || this.#packets.length > MAX_PICTURES) this.forget();
  }
}
