// Decodes as much as demand asks for: nothing, keyframes alone, what others are predicted from, or all. Its queue is bounded;
// when decoding cannot keep up it drops up to the next keyframe and counts, and nobody who reads the camera waits for it.
import type { DecodeLevel, RuthError, Settings } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { Frame, type Packet } from 'node-av/lib';
import { ffmpegPacket, ticksToUs, type MediaPacket, type PacketConsumer, type StreamFormat } from '../media/media-packet.ts';
import type { StreamRates } from '../ingest/stream-rates.ts';
import { decodedRate, decodeLevel } from './decode-level.ts';
import { DecoderHardware } from './decoder-hardware.ts';
import type { FramePublisher } from './frame-publisher.ts';
import { PictureDecoder } from './picture-decoder.ts';
import { PublicationGate } from './publication-gate.ts';

const MAX_QUEUED_PACKETS = 50;
const MAX_QUEUED_BYTES = 64 << 20;
/** After the last lease, before decoder and ring are given back: a consumer that restarts finds them still there. */
const RELEASE_AFTER_MS = 5000;
const MAX_REMEMBERED_TIMES = 64;

interface Job {
  readonly packet: Packet;
  readonly format: StreamFormat;
  readonly ptsTicks: number;
  readonly capturedAtUs: number;
  readonly epoch: number;
  /** At which it was wanted. A keyframe of level `keyframes` is decoded by itself, so that its picture comes out at once. */
  readonly level: DecodeLevel;
}

export interface FrameDecoderOptions {
  readonly publisher: FramePublisher;
  /** Of the stream that is decoded. */
  readonly rates: StreamRates;
  readonly hardware: Settings['decoding']['hardware'];
  readonly logger: Logger;
}

export class FrameDecoder implements PacketConsumer, AsyncDisposable {
  readonly #options: FrameDecoderOptions;
  readonly #gate = new PublicationGate();
  readonly #queue: Job[] = [];
  #queuedBytes = 0;
  readonly #frame = new Frame();
  readonly #hardware: DecoderHardware;
  /** Arrival by pts: a picture comes out of the decoder later than it went in, and in another order. */
  readonly #arrivals = new Map<number, number>();
  #fps = 0;
  #format: StreamFormat | null = null;
  #awaitingKeyframe = true;
  #decoder: { readonly decoder: PictureDecoder; readonly format: StreamFormat; readonly epoch: number } | null = null;
  #releaseTimer: NodeJS.Timeout | undefined;
  #releaseWanted = false;
  #working: Promise<void> | null = null;

  decoded = 0;
  decodeErrors = 0;
  /** Pictures that were wanted and not published, by cause. */
  readonly drops: Record<string, number> = {};

  constructor(options: FrameDecoderOptions) {
    this.#options = options;
    this.#hardware = new DecoderHardware(options.hardware, options.logger);
    this.#frame.alloc();
  }

  get level(): DecodeLevel { return decodeLevel(this.#fps, this.#options.rates); }

  /** What decodes at present: `software` or a kind of hardware; null while nothing is decoded. */
  get kind(): string | null { return this.#decoder?.decoder.kind ?? null; }

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
    if (level === 'reference' && !packet.reference) return;
    if (this.#queue.length >= MAX_QUEUED_PACKETS || this.#queuedBytes > MAX_QUEUED_BYTES) {
      this.#dropQueue('decoder_behind');
      this.#awaitingKeyframe = true;
      if (!packet.keyframe) return this.#count('decoder_behind', 1);
    }
    this.#awaitingKeyframe = false;
    const { ptsTicks, capturedAtUs, epoch } = packet;
    const kept = ffmpegPacket(packet.data, packet.keyframe);
    kept.pts = BigInt(ptsTicks);
    this.#queuedBytes += packet.data.length;
    this.#queue.push({ packet: kept, format: this.#format, ptsTicks, capturedAtUs, epoch, level });
    this.#work();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.setDemand(0);
    clearTimeout(this.#releaseTimer);
    await this.#working;
    this.#releaseNow();
    this.#hardware[Symbol.dispose]();
    this.#frame.free();
  }

  #work(): void {
    this.#working ??= this.#drain().finally(() => { this.#working = null; });
  }

  async #drain(): Promise<void> {
    for (;;) {
      const job = this.#queue.shift();
      if (job) {
        this.#queuedBytes -= job.packet.size;
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
    const alone = job.level === 'keyframes';
    this.#arrivals.set(job.ptsTicks, job.capturedAtUs);
    if (this.#arrivals.size > MAX_REMEMBERED_TIMES) this.#arrivals.delete(this.#arrivals.keys().next().value!);
    if (!await decoder.send(job.packet)) this.decodeErrors++;
    if (alone) await decoder.send(null);
    while (await decoder.receive(this.#frame)) {
      try {
        this.#publish(job);
      } finally {
        this.#frame.unref();
      }
    }
    if (alone) decoder.flush();
    if (!decoder.usable) {
      this.#hardware.giveUp('its decoder fails');
      this.#closeDecoder();
      this.#dropQueue('decoder_failed');
      this.#awaitingKeyframe = true;
    }
  }

  #publish(job: Job): void {
    const ptsTicks = Number(this.#frame.pts);
    const capturedAtUs = this.#arrivals.get(ptsTicks) ?? job.capturedAtUs;
    this.#arrivals.delete(ptsTicks);
    this.decoded++;
    if (this.#frame.decodeErrorFlags !== 0) this.decodeErrors++;
    const ptsUs = ticksToUs(ptsTicks);
    if (!this.#gate.due(ptsUs, job.epoch, decodedRate(job.level, this.#options.rates).perSecond)) return;
    const result = this.#options.publisher.publish(this.#frame, { ptsUs, capturedAtUs, epoch: job.epoch });
    if (result !== 'published') this.#count(result, 1);
  }

  /** Pictures of another format or of another clock do not come out of the decoder that knew the former. */
  async #decoderFor(job: Job): Promise<PictureDecoder> {
    if (this.#decoder?.format === job.format && this.#decoder.epoch === job.epoch) return this.#decoder.decoder;
    this.#closeDecoder();
    const decoder = await PictureDecoder.open(job.format, this.#hardware);
    this.#decoder = { decoder, format: job.format, epoch: job.epoch };
    return decoder;
  }

  #closeDecoder(): void {
    this.#decoder?.decoder[Symbol.dispose]();
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
    this.#queuedBytes = 0;
  }

  #count(cause: string, pictures: number): void {
    this.drops[cause] = (this.drops[cause] ?? 0) + pictures;
  }
}
