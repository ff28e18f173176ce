// Decodes as much as demand asks for: nothing, keyframes alone, or all. Its queue is bounded; when decoding cannot keep up
// it drops up to the next keyframe and counts, and nobody who reads the camera waits for it.
import type { DecodeLevel, RuthError } from '@ruth/protocol';
import { Frame, type CodecContext, type Packet } from 'node-av/lib';
import { openDecoder } from '../media/format-probe.ts';
import { ffmpegPacket, ticksToUs, type MediaPacket, type PacketConsumer, type StreamFormat } from '../media/media-packet.ts';
import type { RateMeter } from '../ingest/rate-meter.ts';
import type { FramePublisher } from './frame-publisher.ts';
import { PublicationGate } from './publication-gate.ts';

const MAX_QUEUED_PACKETS = 50;
/** After the last lease, before decoder and ring are given back: a consumer that restarts finds them still there. */
const RELEASE_AFTER_MS = 5000;
/** A camera that sends a keyframe a second keeps this rate only nearly. */
const KEYFRAME_RATE_TOLERANCE = 1.05;
const MAX_REMEMBERED_TIMES = 64;

interface Job {
  readonly packet: Packet;
  readonly format: StreamFormat;
  readonly ptsTicks: number;
  readonly capturedAtUs: number;
  readonly epoch: number;
  /** Decoded by itself, so that its picture comes out at once. */
  readonly alone: boolean;
}

export interface FrameDecoderOptions {
  readonly publisher: FramePublisher;
  readonly frameRate: RateMeter;
  readonly keyframeRate: RateMeter;
}

export class FrameDecoder implements PacketConsumer, AsyncDisposable {
  readonly #options: FrameDecoderOptions;
  readonly #gate = new PublicationGate();
  readonly #queue: Job[] = [];
  readonly #frame = new Frame();
  /** Arrival by pts: a picture comes out of the decoder later than it went in, and in another order. */
  readonly #arrivals = new Map<number, number>();
  #fps = 0;
  #format: StreamFormat | null = null;
  #awaitingKeyframe = true;
  #decoder: { readonly context: CodecContext; readonly format: StreamFormat; readonly epoch: number } | null = null;
  #releaseTimer: NodeJS.Timeout | undefined;
  #releaseWanted = false;
  #working: Promise<void> | null = null;

  decoded = 0;
  decodeErrors = 0;
  /** Pictures that were wanted and not published, by cause. */
  readonly drops: Record<string, number> = {};

  constructor(options: FrameDecoderOptions) {
    this.#options = options;
    this.#frame.alloc();
  }

  get level(): DecodeLevel {
    if (this.#fps <= 0) return 'none';
    const keyframeRate = this.#options.keyframeRate.perSecond;
    return keyframeRate !== null && this.#fps <= keyframeRate * KEYFRAME_RATE_TOLERANCE ? 'keyframes' : 'all';
  }

  get error(): RuthError | null { return this.#options.publisher.error; }

  /** Frames per second wanted from now on; 0 ends decoding. */
  setDemand(fps: number): void {
    if (fps === this.#fps) return;
    this.#fps = fps;
    this.#gate.fps = fps;
    clearTimeout(this.#releaseTimer);
    this.#releaseWanted = false;
    if (fps > 0) return;
    this.#awaitingKeyframe = true;
    this.#dropQueue(null);
    this.#releaseTimer = setTimeout(() => {
      this.#releaseWanted = true;
      this.#work();
    }, RELEASE_AFTER_MS);
  }

  begin(format: StreamFormat): void {
    this.#format = format;
    this.#awaitingKeyframe = true;
  }

  accept(packet: MediaPacket): void {
    const level = this.level;
    if (level === 'none' || this.#format === null) return;
    if (!packet.keyframe && (level === 'keyframes' || this.#awaitingKeyframe)) {
      this.#awaitingKeyframe = true;
      return;
    }
    if (this.#queue.length >= MAX_QUEUED_PACKETS) {
      this.#dropQueue('decoder_behind');
      this.#awaitingKeyframe = true;
      if (!packet.keyframe) return this.#count('decoder_behind', 1);
    }
    this.#awaitingKeyframe = false;
    const { ptsTicks, capturedAtUs, epoch } = packet;
    const kept = ffmpegPacket(packet.data, packet.keyframe);
    kept.pts = BigInt(ptsTicks);
    this.#queue.push({ packet: kept, format: this.#format, ptsTicks, capturedAtUs, epoch, alone: level === 'keyframes' });
    this.#work();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.setDemand(0);
    clearTimeout(this.#releaseTimer);
    await this.#working;
    this.#releaseNow();
    this.#frame.free();
  }

  #work(): void {
    this.#working ??= this.#drain().finally(() => { this.#working = null; });
  }

  async #drain(): Promise<void> {
    for (;;) {
      const job = this.#queue.shift();
      if (job) {
        try {
          await this.#decode(job);
        } catch {
          this.decodeErrors++;
        } finally {
          job.packet.free();
        }
      } else if (this.#releaseWanted) {
        this.#releaseWanted = false;
        this.#releaseNow();
      } else return;
    }
  }

  async #decode(job: Job): Promise<void> {
    const decoder = await this.#decoderFor(job);
    this.#arrivals.set(job.ptsTicks, job.capturedAtUs);
    if (this.#arrivals.size > MAX_REMEMBERED_TIMES) this.#arrivals.delete(this.#arrivals.keys().next().value!);
    if (await decoder.sendPacket(job.packet) < 0) this.decodeErrors++;
    if (job.alone) await decoder.sendPacket(null);
    // With one thread the picture was decoded by sendPacket; this only fetches it.
    while (decoder.receiveFrameSync(this.#frame) >= 0) {
      try {
        this.#publish(job);
      } finally {
        this.#frame.unref();
      }
    }
    if (job.alone) decoder.flushBuffers();
  }

  #publish(job: Job): void {
    const ptsTicks = Number(this.#frame.pts);
    const capturedAtUs = this.#arrivals.get(ptsTicks) ?? job.capturedAtUs;
    this.#arrivals.delete(ptsTicks);
    this.decoded++;
    if (this.#frame.decodeErrorFlags !== 0) this.decodeErrors++;
    const ptsUs = ticksToUs(ptsTicks);
    if (!this.#gate.due(ptsUs, job.epoch, this.#options.frameRate.perSecond)) return;
    const result = this.#options.publisher.publish(this.#frame, { ptsUs, capturedAtUs, epoch: job.epoch });
    if (result !== 'published') this.#count(result, 1);
  }

  /** Pictures of another format or of another clock do not come out of the decoder that knew the former. */
  async #decoderFor(job: Job): Promise<CodecContext> {
    if (this.#decoder?.format === job.format && this.#decoder.epoch === job.epoch) return this.#decoder.context;
    this.#closeDecoder();
    const context = await openDecoder(job.format.codec, job.format.parameterSets);
    this.#decoder = { context, format: job.format, epoch: job.epoch };
    return context;
  }

  #closeDecoder(): void {
    this.#decoder?.context.freeContext();
    this.#decoder = null;
    this.#arrivals.clear();
  }

  #releaseNow(): void {
    this.#closeDecoder();
    this.#options.publisher.release();
  }

  #dropQueue(cause: string | null): void {
    if (cause !== null) this.#count(cause, this.#queue.length);
    for (const job of this.#queue.splice(0)) job.packet.free();
  }

  #count(cause: string, pictures: number): void {
    this.drops[cause] = (this.drops[cause] ?? 0) + pictures;
  }
}
