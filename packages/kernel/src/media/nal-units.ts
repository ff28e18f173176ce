// NAL units: taken out of a byte stream (Annex B) or of length-prefixed samples (MP4), and out of a decoder's extradata.
import { RuthError } from '@ruth/protocol';
import type { VideoCodec } from './video-codec.ts';

export function nalType(codec: VideoCodec, nal: Buffer): number {
  const first = nal[0] ?? 0;
  return codec === 'h264' ? first & 0x1f : (first >> 1) & 0x3f;
}

/** Whether the NAL unit is a VPS, SPS or PPS. */
export function isParameterSet(codec: VideoCodec, nal: Buffer): boolean {
  const type = nalType(codec, nal);
  return codec === 'h264' ? type === 7 || type === 8 : type >= 32 && type <= 34;
}

/** Splits a byte stream with start codes; the units are views of `data`. */
export function splitByteStream(data: Buffer): Buffer[] {
  const nals: Buffer[] = [];
  let begin = -1;
  for (let code = data.indexOf('\0\0\x01', 0, 'latin1'); ; code = data.indexOf('\0\0\x01', begin, 'latin1')) {
    if (begin >= 0) {
      let end = code < 0 ? data.length : code;
      while (end > begin && data[end - 1] === 0) end--;
      if (end > begin) nals.push(data.subarray(begin, end));
    }
    if (code < 0) return nals;
    begin = code + 3;
  }
}

/** Splits an MP4 sample; the units are views of `data`. Throws `stream_corrupt` where a length runs past the end. */
export function splitSample(data: Buffer, lengthBytes: number): Buffer[] {
  const nals: Buffer[] = [];
  for (let at = 0; at < data.length;) {
    const end = at + lengthBytes <= data.length ? at + lengthBytes + data.readUIntBE(at, lengthBytes) : Infinity;
    if (end > data.length) throw new RuthError('stream_corrupt', `a NAL unit at byte ${at} runs past the end of its sample of ${data.length} bytes`);
    if (end > at + lengthBytes) nals.push(data.subarray(at + lengthBytes, end));
    at = end;
  }
  return nals;
}

export interface DecoderConfiguration {
  readonly parameterSets: Buffer[];
  /** Bytes of each length in a sample; 0 where samples are byte streams with start codes. */
  readonly lengthBytes: number;
}

/** Reads avcC, hvcC or byte-stream extradata. Throws `stream_corrupt` where it is cut short. */
export function parseExtradata(codec: VideoCodec, extradata: Buffer): DecoderConfiguration {
  if (extradata[0] !== 1) return { parameterSets: splitByteStream(extradata).filter((nal) => isParameterSet(codec, nal)), lengthBytes: 0 };
  try {
    return codec === 'h264' ? parseAvcc(extradata) : parseHvcc(extradata);
  } catch (cause) {
    throw new RuthError('stream_corrupt', `the ${codec} decoder configuration of ${extradata.length} bytes is cut short`, { cause });
  }
}

function parseAvcc(data: Buffer): DecoderConfiguration {
  const parameterSets: Buffer[] = [];
  let at = 5;
  for (const mask of [0x1f, 0xff]) {
    at = readUnits(data, at + 1, data.readUInt8(at) & mask, parameterSets);
  }
  return { parameterSets, lengthBytes: (data.readUInt8(4) & 3) + 1 };
}

function parseHvcc(data: Buffer): DecoderConfiguration {
  const parameterSets: Buffer[] = [];
  let at = 23;
  for (let arrays = data.readUInt8(22); arrays > 0; arrays--) {
    at = readUnits(data, at + 3, data.readUInt16BE(at + 1), parameterSets);
  }
  return { parameterSets: parameterSets.filter((nal) => isParameterSet('hevc', nal)), lengthBytes: (data.readUInt8(21) & 3) + 1 };
}

function readUnits(data: Buffer, start: number, count: number, into: Buffer[]): number {
  let at = start;
  for (; count > 0; count--) {
    const end = at + 2 + data.readUInt16BE(at);
    if (end > data.length) throw new RangeError(`ends at ${end}`);
    into.push(data.subarray(at + 2, end));
    at = end;
  }
  return at;
}
