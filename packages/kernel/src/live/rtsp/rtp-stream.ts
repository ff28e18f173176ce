// An RTP stream of one video (RFC 3550), to one client: H.264 after RFC 6184, H.265 after RFC 7798, and its sender reports.
import { randomBytes } from 'node:crypto';
import type { VideoCodec } from '../../media/video-codec.ts';
import type { AccessUnit, VideoDescription } from './media-source.ts';
import { isParameterSet } from '../../media/nal-units.ts';

export const PAYLOAD_TYPE = 96;
export const CLOCK_RATE = 90_000;
/** With IP and UDP headers a packet still fits an Ethernet frame inside a VPN. */
const MAX_PACKET_BYTES = 1400;
const RTP_HEADER_BYTES = 12;
/** Seconds from 1900 (NTP) to 1970 (Unix). */
const NTP_OFFSET_S = 2_208_988_800;

/** What the receiver has fixed beforehand; chosen by the stream where it is not told. */
export interface RtpStreamOptions {
  readonly ssrc?: number;
  /** Timestamp of media time 0. */
  readonly timestampBase?: number;
  readonly payloadType?: number;
  /** With the RTP header; 1400 unless told. */
  readonly maxPacketBytes?: number;
}

export class RtpStream {
  readonly ssrc: number;
  readonly #codec: VideoCodec;
  readonly #parameterSets: readonly Buffer[];
  readonly #timestampBase: number;
  readonly payloadType: number;
  readonly #maxPayloadBytes: number;
  #sequence = randomBytes(2).readUInt16BE();
  #packetCount = 0;
  #octetCount = 0;

  constructor(description: VideoDescription, options: RtpStreamOptions = {}) {
    this.#codec = description.codec;
    this.#parameterSets = description.parameterSets;
    this.ssrc = options.ssrc ?? randomBytes(4).readUInt32BE();
    this.#timestampBase = options.timestampBase ?? randomBytes(4).readUInt32BE();
    this.payloadType = options.payloadType ?? PAYLOAD_TYPE;
    this.#maxPayloadBytes = (options.maxPacketBytes ?? MAX_PACKET_BYTES) - RTP_HEADER_BYTES;
  }

  /** Sequence number of the next packet. */
  get nextSequence(): number { return this.#sequence; }

  /** Media time as this stream's 32-bit timestamp. */
  timestamp(ptsUs: number): number {
    return Number(BigInt.asUintN(32, BigInt(this.#timestampBase) + BigInt(Math.round((ptsUs * CLOCK_RATE) / 1e6))));
  }

  /** The unit as RTP packets, the last one marked; parameter sets go before each keyframe. */
  packets(unit: AccessUnit): Buffer[] {
    const timestamp = this.timestamp(unit.ptsUs);
    const packets = this.#payloads(unit).map((parts) => {
      const packet = Buffer.allocUnsafe(RTP_HEADER_BYTES + parts.reduce((sum, part) => sum + part.length, 0));
      packet[0] = 0x80;
      packet[1] = this.payloadType;
      packet.writeUInt16BE(this.#sequence, 2);
      packet.writeUInt32BE(timestamp, 4);
      packet.writeUInt32BE(this.ssrc, 8);
      let at = RTP_HEADER_BYTES;
      for (const part of parts) at += part.copy(packet, at);
      this.#sequence = (this.#sequence + 1) & 0xffff;
      this.#packetCount++;
      this.#octetCount += packet.length - RTP_HEADER_BYTES;
      return packet;
    });
    const last = packets.at(-1);
    if (last) last[1] = this.payloadType | 0x80;
    return packets;
  }

  /** Leaves out a unit: the sequence numbers show the client how much it missed. */
  skip(unit: AccessUnit): void {
    this.#sequence = (this.#sequence + this.#payloads(unit).length) & 0xffff;
  }

  /** Sender report and source description (RFC 3550 6.4.1, 6.5), so that a client can place the stream in time. */
  senderReport(wallClockMs: number, ptsUs: number): Buffer {
    const name = Buffer.from(this.ssrc.toString(16).padStart(8, '0'), 'latin1');
    const report = Buffer.alloc(28 + 20);
    report.writeUInt32BE(0x80c80006, 0);
    report.writeUInt32BE(this.ssrc, 4);
    report.writeUInt32BE((Math.floor(wallClockMs / 1000) + NTP_OFFSET_S) >>> 0, 8);
    report.writeUInt32BE(Math.floor(((wallClockMs % 1000) / 1000) * 2 ** 32), 12);
    report.writeUInt32BE(this.timestamp(ptsUs), 16);
    report.writeUInt32BE(this.#packetCount >>> 0, 20);
    report.writeUInt32BE(this.#octetCount >>> 0, 24);
    report.writeUInt32BE(0x81ca0004, 28);
    report.writeUInt32BE(this.ssrc, 32);
    report[36] = 1; // CNAME; the two bytes after it end the list and pad
    report[37] = name.length;
    name.copy(report, 38);
    return report;
  }

  /** Says that the stream is over (RFC 3550 6.6). */
  goodbye(): Buffer {
    const bye = Buffer.alloc(8);
    bye.writeUInt32BE(0x81cb0001, 0);
    bye.writeUInt32BE(this.ssrc, 4);
    return bye;
  }

  /** Each payload as the parts it is made of: a whole NAL unit, or a fragment's header and a piece. */
  #payloads(unit: AccessUnit): Buffer[][] {
    const complete = !unit.keyframe || unit.nals.some((nal) => isParameterSet(this.#codec, nal));
    const nals = complete ? unit.nals : [...this.#parameterSets, ...unit.nals];
    return nals.flatMap((nal) => (nal.length <= this.#maxPayloadBytes ? [[nal]] : this.#fragments(nal)));
  }

  #fragments(nal: Buffer): Buffer[][] {
    const h264 = this.#codec === 'h264';
    const nalHeaderBytes = h264 ? 1 : 2;
    const type = h264 ? nal[0]! & 0x1f : (nal[0]! >> 1) & 0x3f;
    const header = h264 ? [(nal[0]! & 0xe0) | 28] : [(nal[0]! & 0x81) | (49 << 1), nal[1]!];
    const pieceBytes = this.#maxPayloadBytes - nalHeaderBytes - 1;
    const fragments: Buffer[][] = [];
    for (let at = nalHeaderBytes; at < nal.length; at += pieceBytes) {
      const position = (at === nalHeaderBytes ? 0x80 : 0) | (at + pieceBytes >= nal.length ? 0x40 : 0);
      fragments.push([Buffer.from([...header, position | type]), nal.subarray(at, at + pieceBytes)]);
    }
    return fragments;
  }
}
