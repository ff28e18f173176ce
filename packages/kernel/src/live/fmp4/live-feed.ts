// Makes the live fMP4 of one camera, only while somebody watches. Keeps the packets since the last keyframe, so that a first
// viewer sees a picture at once. Its queue is bounded: when the kernel does not take the fragments, it drops to a keyframe.
import type { Packet } from 'node-av/lib';
import { codecString } from '../../ingest/parameter-sets.ts';
import { ticksToUs, type MediaPacket, type PacketConsumer, type StreamFormat } from '../../ingest/media-packet.ts';
import type { FromIngest } from '../../ingest/messages.ts';
import type { HeldPicture } from '../../ingest/packet-source.ts';
import { FragmentMuxer } from './fragment-muxer.ts';

const MAX_GOP_BYTES = 16 << 20;
const MAX_QUEUED_BYTES = 16 << 20;

interface Kept {
  readonly picture: HeldPicture;
  readonly format: StreamFormat;
  readonly ptsTicks: number;
  readonly bytes: number;
  readonly keyframe: boolean;
  readonly epoch: number;
}

interface Queued extends Kept {
  readonly packet: Packet;
  /** Which time of being watched it is for: each begins with a new init segment. */
  readonly view: number;
}

export interface LiveFeedOptions {
  readonly cameraId: string;
  /** Resolves when the message has left the process. */
  readonly send: (message: FromIngest) => Promise<void>;
}

export class LiveFeed implements PacketConsumer, AsyncDisposable {
  readonly #options: LiveFeedOptions;
  readonly #gop: Kept[] = [];
  readonly #queue: Queued[] = [];
  #gopBytes = 0;
  #queuedBytes = 0;
  #format: StreamFormat | null = null;
  #wanted = false;
  #view = 0;
  #awaitingKeyframe = true;
  #muxer: { readonly muxer: FragmentMuxer; readonly of: Queued } | null = null;
  #working: Promise<void> | null = null;

  /** Packets that no viewer got because the kernel did not take them in time. */
  dropped = 0;

  constructor(options: LiveFeedOptions) { this.#options = options; }

  begin(format: StreamFormat): void {
    this.#format = format;
    this.#clearGop();
  }

  /** Begins with the keyframe that was last, or ends. */
  setWanted(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#awaitingKeyframe = true;
    this.#view++;
    if (wanted) for (const kept of this.#gop) this.#enqueue(kept);
    else this.#dropQueue();
    this.#work();
  }

  accept(packet: MediaPacket): void {
    if (this.#format === null) return;
    if (packet.keyframe || this.#gop.at(-1)?.epoch !== packet.epoch) this.#clearGop();
    if (!packet.keyframe && this.#gop.length === 0 && !this.#wanted) return;
    const { ptsTicks, bytes, keyframe, epoch } = packet;
    const kept: Kept = { picture: packet.packet.hold(), format: this.#format, ptsTicks, bytes, keyframe, epoch };
    if (this.#wanted) this.#enqueue(kept);
    this.#keep(kept);
    this.#work();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.setWanted(false);
    this.#clearGop();
    await this.#working;
  }

  #keep(kept: Kept): void {
    if (!kept.keyframe && this.#gop.length === 0) return kept.picture.release();
    this.#gop.push(kept);
    this.#gopBytes += kept.bytes;
    // A picture group this long is not worth its memory: a new viewer waits for the next one.
    if (this.#gopBytes > MAX_GOP_BYTES) this.#clearGop();
  }

  #clearGop(): void {
    for (const kept of this.#gop.splice(0)) kept.picture.release();
    this.#gopBytes = 0;
  }

  #enqueue(kept: Kept): void {
    if (this.#queuedBytes > MAX_QUEUED_BYTES) {
      this.dropped += this.#queue.length;
      this.#dropQueue();
      this.#awaitingKeyframe = true;
    }
    if (this.#awaitingKeyframe && !kept.keyframe) {
      this.dropped++;
      return;
    }
    this.#awaitingKeyframe = false;
    this.#queue.push({ ...kept, packet: kept.picture.packet(), view: this.#view });
    this.#queuedBytes += kept.bytes;
  }

  #dropQueue(): void {
    for (const { packet } of this.#queue.splice(0)) packet.free();
    this.#queuedBytes = 0;
  }

  #work(): void {
    if (this.#queue.length === 0 && (this.#wanted || this.#muxer === null)) return;
    this.#working ??= this.#drain().finally(() => { this.#working = null; });
  }

  async #drain(): Promise<void> {
    for (let queued = this.#queue.shift(); queued; queued = this.#queue.shift()) {
      this.#queuedBytes -= queued.bytes;
      try {
        await this.#mux(queued);
      } catch {
        this.dropped++;
        this.#awaitingKeyframe = true;
        await this.#closeMuxer();
      } finally {
        queued.packet.free();
      }
    }
    if (!this.#wanted) await this.#closeMuxer();
  }

  async #mux(queued: Queued): Promise<void> {
    const { cameraId, send } = this.#options;
    const open = this.#muxer?.of;
    if (!open || open.format !== queued.format || open.epoch !== queued.epoch || open.view !== queued.view) {
      await this.#closeMuxer();
      if (!queued.keyframe) return;
      const { format, epoch } = queued;
      const muxer = await FragmentMuxer.open(format, queued.ptsTicks, Number(queued.packet.duration));
      this.#muxer = { muxer, of: queued };
      const mime = `video/mp4; codecs="${codecString(format.codec, format.parameterSets) ?? 'avc1'}"`;
      const { width, height } = format;
      await send({
        type: 'live-init', segment: muxer.initSegment,
        init: { type: 'init', camera_id: cameraId, mime, width, height, pts_origin_us: ticksToUs(muxer.originTicks), epoch },
      });
    }
    const fragment = await this.#muxer!.muxer.write(queued.packet, queued.ptsTicks, queued.keyframe);
    if (fragment) await send({ type: 'live-fragment', ...fragment });
  }

  async #closeMuxer(): Promise<void> {
    await this.#muxer?.muxer[Symbol.asyncDispose]();
    this.#muxer = null;
  }
}
