// Finds SPS, PPS and VPS in Annex B bytes, and names the codec for a browser. Reads only; any bytes are safe to give it.
import type { VideoCodec } from './video-codec.ts';

const START_CODE = Buffer.from([0, 0, 0, 1]);

const nalType = (codec: VideoCodec, nal: Buffer): number => codec === 'h264' ? nal[0]! & 0x1f : nal[0]! >> 1 & 0x3f;
const isParameterSet = (codec: VideoCodec, type: number): boolean => codec === 'h264' ? type === 7 || type === 8 : type >= 32 && type <= 34;
const isSlice = (codec: VideoCodec, type: number): boolean => codec === 'h264' ? type >= 1 && type <= 5 : type < 32;
const isSequence = (codec: VideoCodec, type: number): boolean => type === (codec === 'h264' ? 7 : 33);

/** The NAL units that stand before the first slice. */
function* leadingNals(codec: VideoCodec, annexB: Buffer): Generator<Buffer> {
  let start = annexB.indexOf('\0\0\x01', 0, 'latin1');
  while (start >= 0 && start + 3 < annexB.length) {
    const first = start + 3;
    // A slice may be megabytes long: nobody needs its end.
    if (isSlice(codec, nalType(codec, annexB.subarray(first)))) return;
    const next = annexB.indexOf('\0\0\x01', first, 'latin1');
    let end = next < 0 ? annexB.length : next;
    while (end > first && annexB[end - 1] === 0) end--;
    if (end > first) yield annexB.subarray(first, end);
    start = next;
  }
}

/** The parameter sets in front of a picture, each once, behind a 4-byte start code; null where there is no SPS among them. */
export function parameterSetsOf(codec: VideoCodec, annexB: Buffer): Buffer | null {
  const sets: Buffer[] = [];
  for (const nal of leadingNals(codec, annexB)) {
    // Some cameras send them twice in front of some keyframes; that is no change.
    if (isParameterSet(codec, nalType(codec, nal)) && !sets.some((set) => set.equals(nal))) sets.push(nal);
  }
  if (!sets.some((set) => isSequence(codec, nalType(codec, set)))) return null;
  return Buffer.concat(sets.flatMap((set) => [START_CODE, set]));
}

/** RFC 6381 name, e.g. `avc1.64001f` or `hvc1.1.6.L93.B0`. Null where the SPS is too short. */
export function codecString(codec: VideoCodec, parameterSets: Buffer): string | null {
  for (const nal of leadingNals(codec, parameterSets)) {
    if (!isSequence(codec, nalType(codec, nal))) continue;
    return codec === 'h264' ? avcString(nal) : hevcString(nal);
  }
  return null;
}

function avcString(sps: Buffer): string | null {
  return sps.length < 4 ? null : `avc1.${sps.subarray(1, 4).toString('hex')}`;
}

/** ISO/IEC 14496-15, annex E.3: profile, reversed compatibility flags, tier and level, constraint bytes. */
function hevcString(sps: Buffer): string | null {
  // Emulation prevention bytes do not belong to the profile's bytes.
  const bytes = Buffer.from(sps.subarray(0, 24).toString('latin1').replaceAll('\0\0\x03', '\0\0'), 'latin1');
  if (bytes.length < 15) return null;
  const profileTierLevel = bytes.subarray(3, 15);
  const space = ['', 'A', 'B', 'C'][profileTierLevel[0]! >> 6]!;
  const tier = (profileTierLevel[0]! & 0x20) === 0 ? 'L' : 'H';
  let flags = profileTierLevel.readUInt32BE(1);
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++, flags >>>= 1) reversed = reversed * 2 + (flags & 1);
  const constraints = [...profileTierLevel.subarray(5, 11)];
  while (constraints.at(-1) === 0) constraints.pop();
  const parts = [`hvc1.${space}${profileTierLevel[0]! & 0x1f}`, reversed.toString(16), `${tier}${profileTierLevel[11]!}`];
  return [...parts, ...constraints.map((byte) => byte.toString(16).toUpperCase())].join('.');
}
