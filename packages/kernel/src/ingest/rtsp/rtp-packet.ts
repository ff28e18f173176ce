// What an RTP packet carries (RFC 3550, 5.1). Any bytes are safe.

const HEADER_BYTES = 12;

export interface RtpPacket {
  readonly sequence: number;
  /** Of 32 bits. */
  readonly timestamp: number;
  readonly marker: boolean;
  /** A view of the packet. */
  readonly payload: Buffer;
}

/** Null where it is none, of another payload type, or empty. */
export function parseRtpPacket(packet: Buffer, payloadType: number): RtpPacket | null {
  if (packet.length < HEADER_BYTES || packet[0]! >> 6 !== 2 || (packet[1]! & 0x7f) !== payloadType) return null;
  let begin = HEADER_BYTES + (packet[0]! & 0x0f) * 4;
  if ((packet[0]! & 0x10) !== 0) begin += begin + 4 <= packet.length ? 4 + packet.readUInt16BE(begin + 2) * 4 : packet.length;
  const end = packet.length - ((packet[0]! & 0x20) !== 0 ? packet[packet.length - 1]! : 0);
  if (begin >= end) return null;
  return { sequence: packet.readUInt16BE(2), timestamp: packet.readUInt32BE(4), marker: (packet[1]! & 0x80) !== 0, payload: packet.subarray(begin, end) };
}
