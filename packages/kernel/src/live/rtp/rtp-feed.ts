// Feeds the SFU with a camera's H.264 as RTP, only while the kernel says where to. It begins with the pictures since the last
// keyframe, squeezed into a few clock ticks: a viewer's decoder runs through them at once and shows the newest. It sends them
// again when the kernel says so, for no camera makes keyframes on demand. A timestamp is the pts in ticks plus an offset that
// holds for as long as the camera's clock does (`rtp-clock`), mod 2^32; squeezed pictures stand a few ticks beside their own.
import type { FromIngest, RtpTarget } from '../../ingest/messages.ts';
import { ticksToUs, type MediaPacket, type PacketConsumer, type StreamFormat } from '../../media/media-packet.ts';
import { nalType, splitByteStream } from '../../media/nal-units.ts';
import type { PictureGroup } from '../../media/picture-group.ts';
import { RtpStream } from '../rtsp/rtp-stream.ts';
import { ContinuousClock } from './continuous-clock.ts';
import { RtpSender } from './rtp-sender.ts';

/** mediasoup adds headers of its own to what it hands on; with them a packet still fits a tunnelled Ethernet frame. */
const MAX_PACKET_BYTES = 1200;
const REPORT_INTERVAL_MS = 1000;
/** Viewers who come one after the other share a repetition. */
const REPEAT_INTERVAL_MS = 1000;
/** A group that is larger is not repeated: its viewer waits for the next keyframe. */
const MAX_REPEATED_BYTES = 4 << 20;
const MAX_REPEATED_PICTURES = 1000;
const SPS = 7;

export interface RtpFeedOptions {
  /** What it begins with; told of each packet before this feed is. */
  readonly group: PictureGroup;
  readonly send: (message: FromIngest) => Promise<void>;
}

export class RtpFeed implements PacketConsumer, Disposable {
  readonly #options: RtpFeedOptions;
  readonly #clock = new ContinuousClock();
  #format: StreamFormat | null = null;
  #parameterSets: readonly Buffer[] = [];
  #target: RtpTarget | null = null;
  /** Outlives pauses: the receiver expects an SSRC to go on where it was. */
  #stream: RtpStream | null = null;
  #sender: RtpSender | null = null;
  #newestTicks = -Infinity;
  #awaitingKeyframe = true;
  #reportedAtMs = -Infinity;
  #repeatedAtMs = -Infinity;
  #repeatTimer: NodeJS.Timeout | null = null;
  #failedBefore = 0;

  #dropped = 0;
  constructor(options: RtpFeedOptions) { this.#options = options; }

  /** Pictures not sent because those before them still waited, and packets that the system did not take; only what has happened. */
  get drops(): Record<string, number> {
    return { ...(this.#dropped > 0 ? { rtp_behind: this.#dropped } : {}), ...(this.#failed > 0 ? { rtp_failed: this.#failed } : {}) };
  }

  get #failed(): number { return this.#failedBefore + (this.#sender?.counters.failed ?? 0); }

  begin(format: StreamFormat): void {
    this.#format = format;
    this.#parameterSets = splitByteStream(format.parameterSets);
    this.#awaitingKeyframe = true;
  }

  setTarget(target: RtpTarget | null): void {
    const old = this.#target;
    if (target?.host === old?.host && target?.port === old?.port && target?.ssrc === old?.ssrc && target?.payloadType === old?.payloadType) {
      this.#target = target;
      if (target?.repeats !== undefined && target.repeats !== old?.repeats) this.#repeatSoon();
      return;
    }
    this.#close();
    this.#target = target;
    if (target === null) return;
    if (this.#stream?.ssrc !== target.ssrc || this.#stream.payloadType !== target.payloadType) {
      this.#stream = new RtpStream({ codec: 'h264', parameterSets: [], frameRate: null }, { ...target, timestampBase: 0, maxPacketBytes: MAX_PACKET_BYTES });
    }
    this.#sender = new RtpSender(target);
    this.#awaitingKeyframe = true;
    this.#sayClock();
    this.#sendGroup();
  }

  accept(packet: MediaPacket): void {
    if (this.#sender === null || this.#format?.codec !== 'h264') return;
    if (packet.keyframe) this.#awaitingKeyframe = false;
    if (this.#awaitingKeyframe) return;
    if (this.#sender.full) {
      this.#dropped++;
      this.#awaitingKeyframe = true;
      return;
    }
    if (this.#clock.begins(packet.epoch, packet.ptsTicks)) this.#sayClock();
    this.#sendPicture(packet, packet.ptsTicks + this.#clock.offsetTicks);
    this.#report(packet);
  }

  [Symbol.dispose](): void { this.setTarget(null); }

  #close(): void {
    if (this.#repeatTimer) clearTimeout(this.#repeatTimer);
    this.#repeatTimer = null;
    this.#failedBefore = this.#failed;
    this.#sender?.[Symbol.dispose]();
    this.#sender = null;
  }

  #sayClock(): void {
    if (this.#clock.epoch !== null) void this.#options.send({ type: 'rtp-clock', offsetTicks: this.#clock.offsetTicks, epoch: this.#clock.epoch });
  }

  #repeatSoon(): void {
    if (this.#repeatTimer !== null) return;
    this.#repeatTimer = setTimeout(() => {
      this.#repeatTimer = null;
      this.#sendGroup();
    }, Math.max(0, this.#repeatedAtMs + REPEAT_INTERVAL_MS - performance.now()));
  }

  /** The pictures since the last keyframe, a tick apart, ending at the newest one's own time or as soon after it as times may still grow. */
  #sendGroup(): void {
    const { packets } = this.#options.group;
    const newest = packets.at(-1);
    if (!newest || this.#sender === null || this.#sender.full || this.#format?.codec !== 'h264' || packets.length > MAX_REPEATED_PICTURES) return;
    if (packets.reduce((sum, { data }) => sum + data.length, 0) > MAX_REPEATED_BYTES) return;
    if (this.#clock.begins(newest.epoch, newest.ptsTicks)) this.#sayClock();
    const firstTicks = Math.max(this.#newestTicks + 1, newest.ptsTicks + this.#clock.offsetTicks - packets.length + 1);
    for (const [index, packet] of packets.entries()) this.#sendPicture(packet, firstTicks + index);
    this.#awaitingKeyframe = false;
    this.#repeatedAtMs = performance.now();
  }

  #sendPicture(packet: MediaPacket, ticks: number): void {
    const whole = !packet.keyframe || packet.nals.some((nal) => nalType('h264', nal) === SPS);
    const nals = whole ? packet.nals : [...this.#parameterSets, ...packet.nals];
    this.#sender!.send(this.#stream!.packets({ nals, keyframe: false, ptsUs: ticksToUs(ticks) }));
    this.#newestTicks = Math.max(this.#newestTicks, ticks);
  }

  #report(packet: MediaPacket): void {
    const nowMs = performance.now();
    if (nowMs - this.#reportedAtMs < REPORT_INTERVAL_MS) return;
    this.#reportedAtMs = nowMs;
    this.#sender!.send([this.#stream!.senderReport(packet.capturedAtUs / 1000, ticksToUs(packet.ptsTicks + this.#clock.offsetTicks))]);
  }
}
