// Takes coded sound out of RTP packets: AAC by AU headers (RFC 3640) or LATM (RFC 6416), everything else as it is. A frame
// with a hole in it is left out; any bytes are safe.
import type { SourceAudio } from '../packet-source.ts';
import type { DescribedAudio } from './described-audio.ts';
import { parseRtpPacket } from './rtp-packet.ts';
import { RtpClock } from './rtp-clock.ts';

/** No frame of sound is larger. */
const MAX_FRAME_BYTES = 64 << 10;
const AAC_FRAME_TICKS = 1024;

export class AudioUnits {
  readonly clock = new RtpClock();
  readonly #description: DescribedAudio;
  readonly #onAudio: (audio: SourceAudio) => void;
  /** Pieces of a frame that comes in several packets. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;

  constructor(description: DescribedAudio, onAudio: (audio: SourceAudio) => void) {
    this.#description = description;
    this.#onAudio = onAudio;
  }

  /** One RTP packet; copied out of `packet`. */
  push(packet: Buffer, nowUs: number): void {
    const rtp = parseRtpPacket(packet, this.#description.payloadType);
    const missing = rtp === null ? null : this.clock.follow(rtp.sequence);
    if (rtp === null || missing === null) return;
    if (missing > 0 || !this.clock.same(rtp.timestamp)) this.#dropPieces();
    this.clock.advance(rtp.timestamp);
    const { packing } = this.#description;
    if (packing.kind === 'plain') this.#emit(rtp.payload, 0, nowUs);
    else if (packing.kind === 'latm') this.#takeLatm(rtp.payload, rtp.marker, nowUs);
    else this.#takeAccessUnits(rtp.payload, packing.sizeBits, packing.indexBits, nowUs);
  }

  #takeAccessUnits(payload: Buffer, sizeBits: number, indexBits: number, nowUs: number): void {
    if (payload.length < 2) return;
    const headerBits = payload.readUInt16BE(0);
    const count = Math.floor(headerBits / (sizeBits + indexBits));
    let at = 2 + Math.ceil(headerBits / 8);
    if (at > payload.length) return;
    for (let index = 0; index < count; index++) {
      const size = bitsAt(payload, 16 + index * (sizeBits + indexBits), sizeBits);
      const data = payload.subarray(at, at + size);
      if (data.length < size) {
        if (count === 1) this.#takePiece(data, size, nowUs);
        return;
      }
      // A frame that was begun and a whole one do not go together.
      this.#dropPieces();
      this.#emit(data, index * AAC_FRAME_TICKS, nowUs);
      at += size;
    }
  }

  #takePiece(data: Buffer, size: number, nowUs: number): void {
    if (!this.#keep(data) || this.#piecesBytes < size) return;
    if (this.#piecesBytes === size) this.#emit(Buffer.concat(this.#pieces), 0, nowUs);
    this.#dropPieces();
  }

  /** One frame, its length in front in bytes of 255 and a last one. */
  #takeLatm(payload: Buffer, marker: boolean, nowUs: number): void {
    if (!this.#keep(payload) || !marker) return;
    const whole = Buffer.concat(this.#pieces);
    this.#dropPieces();
    let at = 0;
    let size = 0;
    while (whole[at] === 0xff) size += whole[at++]!;
    size += whole[at++] ?? 0;
    if (size > 0 && at + size <= whole.length) this.#emit(whole.subarray(at, at + size), 0, nowUs);
  }

  #keep(piece: Buffer): boolean {
    this.#piecesBytes += piece.length;
    this.#pieces.push(Buffer.from(piece));
    if (this.#piecesBytes <= MAX_FRAME_BYTES) return true;
    this.#dropPieces();
    return false;
  }

  #dropPieces(): void {
    this.#pieces = [];
    this.#piecesBytes = 0;
  }

  #emit(data: Buffer, afterTicks: number, nowUs: number): void {
    if (data.length > 0) this.#onAudio({ data: Buffer.from(data), clockTicks: this.clock.ticks + afterTicks, capturedAtUs: nowUs });
  }
}

function bitsAt(bytes: Buffer, from: number, count: number): number {
  let value = 0;
  for (let bit = from; bit < from + count; bit++) value = value * 2 + ((bytes[bit >> 3] ?? 0) >> (7 - bit % 8) & 1);
  return value;
}
