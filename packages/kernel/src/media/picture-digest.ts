// Tells a picture by its coded bytes: two connections to a camera get the same ones, at different times and with different time stamps.
import { createHash } from 'node:crypto';
import type { MediaPacket } from './media-packet.ts';
import { nalType } from './nal-units.ts';
import type { VideoCodec } from './video-codec.ts';

const BYTES = 16;

/** Of its slices alone: parameter sets and messages beside them may be repeated, or hold the time of a connection. Hex. */
export function pictureDigest(codec: VideoCodec, { nals }: Pick<MediaPacket, 'nals'>): string {
  const hash = createHash('sha256');
  for (const nal of nals) {
    const type = nalType(codec, nal);
    if (codec === 'h264' ? type >= 1 && type <= 5 : type < 32) hash.update(nal);
  }
  return hash.digest('hex').slice(0, 2 * BYTES);
}
