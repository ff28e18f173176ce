// Reads what a file's init (ftyp and moov) says of its media. Any bytes are safe: what makes no sense is null.
import { codecString } from '../media/parameter-sets.ts';
import { parseExtradata } from '../media/nal-units.ts';
import type { VideoCodec } from '../media/video-codec.ts';
import { boxes, child, descendant, type Box } from './boxes.ts';

export interface InitDescription {
  readonly codec: VideoCodec;
  readonly width: number;
  readonly height: number;
  /** SPS, PPS (and VPS), each behind a 4-byte start code. */
  readonly parameterSets: Buffer;
  readonly audio: boolean;
  /** RFC 6381, as HLS and MediaSource want it, e.g. `avc1.64001f,mp4a.40.2`. */
  readonly codecs: string;
}

const START_CODE = Buffer.from([0, 0, 0, 1]);
const SAMPLE_ENTRY = { avc1: { codec: 'h264', configuration: 'avcC' }, hvc1: { codec: 'hevc', configuration: 'hvcC' } } as const;
const VIDEO_ENTRY_BYTES = 78;
const AUDIO_ENTRY_BYTES = 28;
/** Version and flags, track, its sample description, and three defaults. */
const TREX_BODY_BYTES = 24;

/** Null where there is no video that Ruth records, or where a power cut left zeros of some of it. */
export function describeInit(init: Buffer): InitDescription | null {
  const moov = child(init, 'moov');
  if (moov === null || !endsWhole(init, moov)) return null;
  let video: Omit<InitDescription, 'audio'> | null = null;
  let sound: string | null = null;
  for (const trak of boxes(init, moov.body, moov.end)) {
    const stsd = trak.type === 'trak' ? descendant(init, trak, 'mdia', 'minf', 'stbl', 'stsd') : null;
    for (const entry of stsd === null ? [] : boxes(init, stsd.body + 8, stsd.end)) {
      if (entry.type === 'avc1' || entry.type === 'hvc1') video ??= describeVideo(init, entry, entry.type);
      if (entry.type === 'mp4a') sound ??= describeSound(init, entry);
    }
  }
  return video && { ...video, audio: sound !== null, codecs: sound === null ? video.codecs : `${video.codecs},${sound}` };
}

/** What says how each track comes in fragments stands behind the tracks: where that is whole, so are they. */
function endsWhole(init: Buffer, moov: Box): boolean {
  const tracks = [...boxes(init, moov.body, moov.end)].filter(({ type }) => type === 'trak').length;
  const mvex = child(init, 'mvex', moov);
  const whole = mvex === null ? [] : [...boxes(init, mvex.body, mvex.end)].filter(({ type, body, end }) => type === 'trex' && end - body === TREX_BODY_BYTES && init.readUInt32BE(body + 4) > 0 && init.readUInt32BE(body + 8) > 0);
  return tracks > 0 && whole.length === tracks;
}

function describeVideo(init: Buffer, { body, end }: Box, type: keyof typeof SAMPLE_ENTRY): Omit<InitDescription, 'audio'> | null {
  if (end - body < VIDEO_ENTRY_BYTES) return null;
  const { codec, configuration } = SAMPLE_ENTRY[type];
  const box = child(init, configuration, { body: body + VIDEO_ENTRY_BYTES, end });
  if (box === null) return null;
  try {
    const { parameterSets: sets } = parseExtradata(codec, init.subarray(box.body, box.end));
    const parameterSets = Buffer.concat(sets.flatMap((set) => [START_CODE, set]));
    const codecs = codecString(codec, parameterSets);
    return codecs === null ? null : { codec, width: init.readUInt16BE(body + 24), height: init.readUInt16BE(body + 26), parameterSets, codecs };
  } catch {
    return null;
  }
}

/** The kind of AAC stands in the first five bits of the AudioSpecificConfig, behind the descriptor's tag and length. */
function describeSound(init: Buffer, { body, end }: Box): string {
  const esds = child(init, 'esds', { body: body + AUDIO_ENTRY_BYTES, end });
  let kind = 2;
  if (esds !== null) {
    const tag = init.subarray(esds.body, esds.end).indexOf(DECODER_SPECIFIC_INFO, 20);
    let at = esds.body + tag + 1;
    while (tag >= 0 && at < esds.end && (init[at]! & 0x80) !== 0) at++;
    if (tag >= 0 && at + 1 < esds.end) kind = init[at + 1]! >> 3 || kind;
  }
  return `mp4a.40.${kind}`;
}

const DECODER_SPECIFIC_INFO = 5;
