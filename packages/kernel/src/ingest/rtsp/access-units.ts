// Puts pictures together from RTP packets: H.264 (RFC 6184: single, STAP-A, FU-A) and H.265 (RFC 7798: single, AP, FU).
// A NAL unit with a hole in it is left out; any bytes are safe.
import type { VideoCodec } from '../../media/video-codec.ts';
import { parseRtpPacket } from './rtp-packet.ts';
import { RtpClock } from './rtp-clock.ts';

export interface AccessUnit {
  /** Annex B, 4-byte start codes; the receiver's own. */
  readonly data: Buffer;
  readonly keyframe: boolean;
  /** RTP's, counted on over its 32 bits; 0 for the first unit. */
  readonly ptsTicks: number;
  /** When its first packet came. */
  readonly capturedAtUs: number;
}

const START_CODE = Buffer.from([0, 0, 0, 1]);
/** Pictures lie one behind the other in blocks of this size; a block lives as long as one of its pictures is kept. */
const BLOCK_BYTES = 1 << 20;
/** No picture is larger: what does not end before is thrown away. */
const MAX_UNIT_BYTES = 16 << 20;

export class AccessUnits {
  readonly #codec: VideoCodec;
  readonly #payloadType: number;
  readonly #onUnit: (unit: AccessUnit) => void;
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  /** Where the picture that is put together begins in its block. */
  #begin = 0;
  #length = 0;
  #keyframe = false;
  /** There is a slice in it, not parameter sets alone. */
  #picture = false;
  #pictureBeforeFragment = false;
  #capturedAtUs = 0;
  /** Where the NAL unit in fragments began; null while none is open. */
  #fragmentAt: number | null = null;

  readonly clock = new RtpClock();

  constructor(codec: VideoCodec, payloadType: number, onUnit: (unit: AccessUnit) => void) {
    this.#codec = codec;
    this.#payloadType = payloadType;
    this.#onUnit = onUnit;
  }

  /** One RTP packet; copied out of `packet`. */
  push(packet: Buffer, nowUs: number): void {
    const rtp = parseRtpPacket(packet, this.#payloadType);
    const missing = rtp === null ? null : this.clock.follow(rtp.sequence);
    if (rtp === null || missing === null) return;
    if (missing > 0) this.#dropFragment();
    if (!this.clock.same(rtp.timestamp)) {
      // The marker of the picture before was lost, or this camera sends none.
      this.#emit();
      this.clock.advance(rtp.timestamp);
      this.#capturedAtUs = nowUs;
    }
    if (this.#codec === 'h264') this.#takeH264(rtp.payload);
    else this.#takeHevc(rtp.payload);
    if (rtp.marker) this.#emit();
  }

  /** RTP packets that did not arrive. */
  get lost(): number { return this.clock.lost; }

  #takeH264(payload: Buffer): void {
    const type = payload[0]! & 0x1f;
    if (type === 28) {
      if (payload.length < 3) return;
      this.#takeFragment(payload[1]!, [payload[0]! & 0xe0 | payload[1]! & 0x1f], payload.subarray(2));
    } else if (type === 24) this.#takeAggregate(payload.subarray(1));
    else if (type >= 1 && type <= 23) this.#takeNal(payload);
  }

  #takeHevc(payload: Buffer): void {
    if (payload.length < 3) return;
    const type = payload[0]! >> 1 & 0x3f;
    if (type === 49) this.#takeFragment(payload[2]!, [payload[0]! & 0x81 | (payload[2]! & 0x3f) << 1, payload[1]!], payload.subarray(3));
    else if (type === 48) this.#takeAggregate(payload.subarray(2));
    else if (type < 48) this.#takeNal(payload);
  }

  #takeAggregate(payload: Buffer): void {
    for (let at = 0; at + 2 <= payload.length;) {
      const end = at + 2 + payload.readUInt16BE(at);
      if (end > payload.length) return;
      if (end > at + 2) this.#takeNal(payload.subarray(at + 2, end));
      at = end;
    }
  }

  #takeNal(nal: Buffer): void {
    this.#dropFragment();
    this.#startNal(nal[0]!);
    this.#append(nal);
  }

  #takeFragment(flags: number, header: readonly number[], body: Buffer): void {
    if ((flags & 0x80) !== 0) {
      this.#dropFragment();
      this.#fragmentAt = this.#length;
      this.#pictureBeforeFragment = this.#picture;
      this.#startNal(header[0]!);
      this.#append(Buffer.from(header));
    }
    // Its beginning was lost.
    if (this.#fragmentAt === null) return;
    this.#append(body);
    if ((flags & 0x40) !== 0) this.#fragmentAt = null;
  }

  #startNal(header: number): void {
    this.#append(START_CODE);
    const type = this.#codec === 'h264' ? header & 0x1f : header >> 1 & 0x3f;
    this.#keyframe ||= this.#codec === 'h264' ? type === 5 : type >= 16 && type <= 21;
    this.#picture ||= this.#codec === 'h264' ? type >= 1 && type <= 5 : type <= 31;
  }

  #append(bytes: Buffer): void {
    const needed = this.#length + bytes.length;
    if (needed > MAX_UNIT_BYTES) return this.#reset();
    if (this.#begin + needed > this.#block.length) {
      const next = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, Math.min(MAX_UNIT_BYTES, needed * 2)));
      this.#block.copy(next, 0, this.#begin, this.#begin + this.#length);
      this.#block = next;
      this.#begin = 0;
    }
    bytes.copy(this.#block, this.#begin + this.#length);
    this.#length = needed;
  }

  #dropFragment(): void {
    if (this.#fragmentAt === null) return;
    this.#length = this.#fragmentAt;
    this.#fragmentAt = null;
    this.#picture = this.#pictureBeforeFragment;
    // What is left of it is no place to begin.
    this.#keyframe = false;
  }

  #emit(): void {
    this.#dropFragment();
    // Some cameras send parameter sets with a marker, or a time, of their own: they belong to the picture that follows.
    if (!this.#picture) return;
    const end = this.#begin + this.#length;
    const data = this.#block.subarray(this.#begin, end);
    this.#begin = end;
    this.#onUnit({ data, keyframe: this.#keyframe, ptsTicks: this.clock.ticks, capturedAtUs: this.#capturedAtUs });
    this.#reset();
  }

  #reset(): void {
    this.#length = 0;
    this.#keyframe = false;
    this.#picture = false;
    this.#fragmentAt = null;
  }
}
