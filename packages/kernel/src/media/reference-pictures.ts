// Tells the pictures that no other picture is predicted from by their NAL headers alone: leaving them out harms nothing.
// H.264: nal_ref_idc 0 (ISO/IEC 14496-10, 7.4.1). H.265: sub-layer non-reference pictures of the highest sub-layer (23008-2, 7.4.2.2).
import type { VideoCodec } from './video-codec.ts';

const START_CODE = Buffer.from([0, 0, 1]);
const HEVC_SPS = 33;
/** Types below this are slices of pictures. */
const HEVC_FIRST_OTHER = 32;
const HEVC_LAST_SUB_LAYER_PICTURE = 15;

/** The highest TemporalId that the stream may use; 0 for H.264. Infinity where the SPS is missing or cut short. */
export function highestSubLayer(codec: VideoCodec, parameterSets: Buffer): number {
  if (codec === 'h264') return 0;
  for (let at = nextNal(parameterSets, 0); at >= 0; at = nextNal(parameterSets, at)) {
    if ((parameterSets[at]! >> 1 & 0x3f) === HEVC_SPS && at + 2 < parameterSets.length) return parameterSets[at + 2]! >> 1 & 0x07;
  }
  return Infinity;
}

/** True as well where it cannot be told. `annexB`: one picture. Runs for every picture of an idle camera: it makes no garbage. */
export function isReference(codec: VideoCodec, annexB: Buffer, highest: number): boolean {
  for (let at = nextNal(annexB, 0); at >= 0; at = nextNal(annexB, at)) {
    const header = annexB[at]!;
    if (codec === 'h264') {
      const type = header & 0x1f;
      if (type >= 1 && type <= 5) return (header & 0x60) !== 0;
    } else {
      const type = header >> 1 & 0x3f;
      const temporalId = ((annexB[at + 1] ?? 0) & 0x07) - 1;
      if (type < HEVC_FIRST_OTHER) return type > HEVC_LAST_SUB_LAYER_PICTURE || type % 2 === 1 || temporalId < highest;
    }
  }
  return true;
}

/** Where the first NAL unit behind `from` begins; -1 where there is none. */
function nextNal(annexB: Buffer, from: number): number {
  const last = annexB.length - 3;
  for (let at = from; at < last; at++) {
    // What follows soon is found by looking; what lies behind a large unit by searching.
    if (at - from > 64) {
      const code = annexB.indexOf(START_CODE, at);
      return code < 0 || code >= last ? -1 : code + 3;
    }
    if (annexB[at] === 0 && annexB[at + 1] === 0 && annexB[at + 2] === 1) return at + 3;
  }
  return -1;
}
