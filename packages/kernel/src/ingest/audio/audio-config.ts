// AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): what a decoder must know of AAC, as far as times and a description need it.
import { RuthError } from '@ruth/protocol';

const SAMPLE_RATES = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350];
const CHANNELS = [0, 1, 2, 3, 4, 5, 6, 8];
const ESCAPE_TYPE = 31;
/** AAC main, LC, SSR, LTP, and LC with SBR or PS: their frames have 1024 or 960 samples of the core. */
const KNOWN_TYPES = [1, 2, 3, 4, 5, 29];

export interface AudioConfig {
  /** Of the core: with SBR a decoder gives twice as many. */
  readonly sampleRate: number;
  readonly channels: number;
  /** Per channel. */
  readonly frameSamples: number;
}

/** Throws `stream_corrupt` where it is cut short or says nothing that can be used. */
export function parseAudioConfig(config: Buffer): AudioConfig {
  let bit = 0;
  const read = (bits: number): number => {
    let value = 0;
    for (; bits > 0; bits--, bit++) {
      if (bit >> 3 >= config.length) throw new RuthError('stream_corrupt', `an AudioSpecificConfig of ${config.length} bytes is cut short`);
      value = value * 2 + (config[bit >> 3]! >> (7 - bit % 8) & 1);
    }
    return value;
  };
  const readType = (): number => {
    const type = read(5);
    return type === ESCAPE_TYPE ? 32 + read(6) : type;
  };
  const readRate = (): number => {
    const index = read(4);
    return index === 15 ? read(24) : SAMPLE_RATES[index] ?? 0;
  };
  const type = readType();
  const sampleRate = readRate();
  const channels = CHANNELS[read(4)] ?? 0;
  if (type === 5 || type === 29) {
    readRate();
    readType();
  }
  if (!KNOWN_TYPES.includes(type) || sampleRate < 7350 || channels === 0) throw new RuthError('stream_corrupt', `AAC of object type ${type}, ${sampleRate} Hz and ${channels} channels cannot be used`);
  return { sampleRate, channels, frameSamples: read(1) === 1 ? 960 : 1024 };
}
