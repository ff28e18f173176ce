// What Ruth reads in a camera's RTCP packets (RFC 3550, 6): what its clock says, and that it says farewell. Any bytes are safe.

const SENDER_REPORT = 200;
const BYE = 203;
const SENDER_REPORT_BYTES = 20;

export interface CameraReport {
  /** The camera's clock and the stream's, at one moment; null where it says nothing of it. */
  readonly clock: { readonly ntpUs: number; readonly rtpTimestamp: number } | null;
  readonly bye: boolean;
}

export function parseRtcp(packet: Buffer): CameraReport {
  let clock: CameraReport['clock'] = null;
  let bye = false;
  for (let at = 0; at + 4 <= packet.length; at += 4 + packet.readUInt16BE(at + 2) * 4) {
    if (packet[at + 1] === BYE) bye = true;
    if (packet[at + 1] === SENDER_REPORT && at + SENDER_REPORT_BYTES <= packet.length) {
      const ntpUs = packet.readUInt32BE(at + 8) * 1e6 + packet.readUInt32BE(at + 12) * 1e6 / 2 ** 32;
      // Zero: the camera has no clock.
      if (ntpUs > 0) clock = { ntpUs, rtpTimestamp: packet.readUInt32BE(at + 16) };
    }
  }
  return { clock, bye };
}
