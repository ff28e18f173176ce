// Tells the pictures that no other picture is predicted from by their NAL headers alone: leaving them out harms nothing.
// H.264: nal_ref_idc 0 (ISO/IEC 14496-10, 7.4.1). H.265: sub-layer non-reference pictures of the highest sub-layer (23008-2, 7.4.2.2).
import { nalType } from './nal-units.ts';
import type { VideoCodec } from './video-codec.ts';

const HEVC_SPS = 33;
const HEVC_LAST_SUB_LAYER_PICTURE = 15;

/** The highest TemporalId that the stream may use; 0 for H.264. Infinity where the SPS is missing or cut short. */
export function highestSubLayer(codec: VideoCodec, parameterSets: Buffer): number {
  if (codec === 'h264') return 0;
  for (const nal of startsOfNals(parameterSets)) if (nalType(codec, nal) === HEVC_SPS && nal.length > 2) return (nal[2]! >> 1) & 0x07;
  return Infinity;
}

/** True as well where it cannot be told. `annexB`: one picture. */
export function isReference(codec: VideoCodec, annexB: Buffer, highest: number): boolean {
  for (const nal of startsOfNals(annexB)) {
    const type = nalType(codec, nal);
    if (codec === 'h264') {
      if (type >= 1 && type <= 5) return (nal[0]! & 0x60) !== 0;
    } else if (type < 32) {
      const temporalId = ((nal[1] ?? 0) & 0x07) - 1;
      return type > HEVC_LAST_SUB_LAYER_PICTURE || type % 2 === 1 || temporalId < highest;
    }
  }
  return true;
}

/** From each start code on; the end of a unit is not looked for. */
function* startsOfNals(annexB: Buffer): Generator<Buffer> {
  for (let at = annexB.indexOf('\0\0\x01', 0, 'latin1'); at >= 0 && at + 3 < annexB.length; at = annexB.indexOf('\0\0\x01', at + 3, 'latin1')) yield annexB.subarray(at + 3);
}
