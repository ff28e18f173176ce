// Finds the sound in a camera's description (SDP, RFC 8866) that Ruth can keep.
import type { AudioCodec, AudioDescription } from '../packet-source.ts';
import { mediaSections } from './media-sections.ts';

export interface DescribedAudio extends AudioDescription {
  readonly payloadType: number;
  /** Where to SETUP: absolute. */
  readonly controlUrl: string;
  /** How its packets are put together: AU headers (RFC 3640), LATM without a config in band (RFC 6416), or as they are. */
  readonly packing: { readonly kind: 'au-headers'; readonly sizeBits: number; readonly indexBits: number } | { readonly kind: 'latm' } | { readonly kind: 'plain' };
}

/** Payload types that need no rtpmap (RFC 3551). */
const STATIC: Readonly<Record<number, string>> = { 0: 'PCMU/8000', 2: 'G726-32/8000', 8: 'PCMA/8000', 10: 'L16/44100/2', 11: 'L16/44100/1' };
const PLAIN: Readonly<Record<string, AudioCodec>> = { PCMU: 'pcmu', PCMA: 'pcma', L16: 'l16', OPUS: 'opus' };
const MAX_CLOCK_RATE = 192_000;

/** `reason`: why there is no sound although the camera has some; null where it has none. */
export function describedAudio(description: string, baseUrl: string): { readonly audio: DescribedAudio } | { readonly audio: null; readonly reason: string | null } {
  const sections = mediaSections(description, baseUrl).filter(({ kind }) => kind === 'audio');
  const passed: string[] = [];
  for (const { formats, controlUrl } of sections) {
    for (const { payloadType, encoding: told, parameters } of formats) {
      const encoding = told ?? STATIC[payloadType] ?? 'unknown';
      const found = read(encoding, parameters);
      if (found) return { audio: { ...found, payloadType, controlUrl } };
      passed.push(encoding);
    }
  }
  return { audio: null, reason: passed.length === 0 ? null : `the camera's sound is ${passed.map((name) => name.slice(0, 40)).join(', ')}, which is not understood` };
}

function read(encoding: string, parameters: ReadonlyMap<string, string>): Omit<DescribedAudio, 'payloadType' | 'controlUrl'> | null {
  const [name = '', rate = '', channelCount = '1'] = encoding.split('/');
  const [clockRate, channels] = [Number(rate), Number(channelCount)];
  if (!Number.isInteger(clockRate) || clockRate < 1 || clockRate > MAX_CLOCK_RATE || !Number.isInteger(channels) || channels < 1) return null;
  const base = { clockRate, channels, config: null, bitsPerSample: null };
  if (name === 'MPEG4-GENERIC') {
    const [config, sizeBits, indexBits] = [hex(parameters.get('config')), Number(parameters.get('sizelength') ?? 0), Number(parameters.get('indexlength') ?? 0)];
    // Sound with other headers than these (CELP, interleaving) comes from no camera.
    if (config === null || sizeBits < 1 || sizeBits > 24 || indexBits > 8 || Number(parameters.get('indexdeltalength') ?? indexBits) !== indexBits) return null;
    return { ...base, codec: 'aac', config, packing: { kind: 'au-headers', sizeBits, indexBits } };
  }
  if (name === 'MP4A-LATM') {
    const config = parameters.get('cpresent') === '0' ? latmConfig(hex(parameters.get('config'))) : null;
    return config && { ...base, codec: 'aac', config, packing: { kind: 'latm' } };
  }
  const bitsPerSample = /^G726-(16|24|32|40)$/.exec(name)?.[1];
  if (bitsPerSample) return { ...base, codec: 'g726', bitsPerSample: Number(bitsPerSample) / 8, packing: { kind: 'plain' } };
  const codec = PLAIN[name];
  return codec ? { ...base, codec, packing: { kind: 'plain' } } : null;
}

const hex = (text: string | undefined): Buffer | null => text !== undefined && /^([0-9a-f]{2}){2,64}$/i.test(text) ? Buffer.from(text, 'hex') : null;

/** The AudioSpecificConfig in a StreamMuxConfig of one program, one layer and one frame (ISO/IEC 14496-3, 1.7.3): it begins at bit 15. */
function latmConfig(muxConfig: Buffer | null): Buffer | null {
  if (muxConfig === null || muxConfig.length < 4 || muxConfig.readUInt16BE(0) >> 1 !== 0x2000) return null;
  return Buffer.from(Array.from({ length: muxConfig.length - 2 }, (_, index) => (muxConfig[index + 1]! << 7 | muxConfig[index + 2]! >> 1) & 0xff));
}
