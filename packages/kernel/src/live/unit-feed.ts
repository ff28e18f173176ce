// Hands the kernel a camera's pictures one by one for its RTSP server, only while a client wants them; begins with those since
// the last keyframe. What waits for the channel is bounded: when the kernel does not take it, pictures drop up to a keyframe.
import type { FromIngest } from '../ingest/messages.ts';
import { ticksToUs, type MediaPacket, type PacketConsumer, type StreamFormat } from '../media/media-packet.ts';
import type { PictureGroup } from '../media/picture-group.ts';

const MAX_WAITING_BYTES = 16 << 20;

export interface UnitFeedOptions {
  /** What it begins with; told of each packet before this feed is. */
  readonly group: PictureGroup;
  /** Resolves when the message has left the process. */
  readonly send: (message: FromIngest) => Promise<void>;
}

export class UnitFeed implements PacketConsumer {
  readonly #options: UnitFeedOptions;
  #wanted = false;
  #format: StreamFormat | null = null;
  #formatToldFor: StreamFormat | null = null;
  #awaitingKeyframe = true;
  #waitingBytes = 0;
  #dropped = 0;

  constructor(options: UnitFeedOptions) { this.#options = options; }

  /** Pictures that the kernel did not take in time; only where there are any. */
  get drops(): Record<string, number> { return this.#dropped > 0 ? { units_behind: this.#dropped } : {}; }

  begin(format: StreamFormat): void {
    this.#format = format;
    this.#awaitingKeyframe = true;
  }

  setWanted(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#formatToldFor = null;
    this.#awaitingKeyframe = true;
    if (wanted) for (const packet of this.#options.group.packets) this.accept(packet);
  }

  accept(packet: MediaPacket): void {
    if (!this.#wanted || this.#format === null) return;
    if (packet.keyframe) this.#awaitingKeyframe = false;
    if (this.#awaitingKeyframe || this.#waitingBytes > MAX_WAITING_BYTES) {
      this.#awaitingKeyframe = true;
      this.#dropped++;
      return;
    }
    const { codec, parameterSets } = this.#format;
    if (this.#formatToldFor !== this.#format) void this.#options.send({ type: 'unit-format', codec, parameterSets });
    this.#formatToldFor = this.#format;
    const { data, keyframe, epoch, ptsTicks } = packet;
    this.#waitingBytes += data.length;
    void this.#options.send({ type: 'unit', data, ptsUs: ticksToUs(ptsTicks), keyframe, epoch }).then(() => { this.#waitingBytes -= data.length; });
  }
}
