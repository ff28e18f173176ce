// Finds the video in a camera's description.
import { RuthError } from '@ruth/protocol';
import type { VideoCodec } from '../../media/video-codec.ts';
import { parameterSetsOf } from '../../media/parameter-sets.ts';
import { mediaSections } from './media-sections.ts';

export interface DescribedVideo {
  readonly codec: VideoCodec;
  readonly payloadType: number;
  /** Where to SETUP: absolute. */
  readonly controlUrl: string;
  /** Null where the description holds none. */
  readonly parameterSets: Buffer | null;
}

const CODEC_OF: Readonly<Record<string, VideoCodec>> = { 'H264/90000': 'h264', 'H265/90000': 'hevc', 'HEVC/90000': 'hevc' };
const START_CODE = Buffer.from([0, 0, 0, 1]);

/** `baseUrl`: that of the answer, or of the request. Throws `camera_no_video`. */
export function describedVideo(description: string, baseUrl: string): DescribedVideo {
  const videos = mediaSections(description, baseUrl).filter(({ kind }) => kind === 'video');
  for (const { formats, controlUrl } of videos) {
    for (const { payloadType, encoding, parameters } of formats) {
      const codec = encoding === null ? undefined : CODEC_OF[encoding];
      if (codec) return { codec, payloadType, controlUrl, parameterSets: parameterSets(codec, parameters) };
    }
  }
  throw new RuthError('camera_no_video', videos.length === 0 ? 'the stream has no video' : 'the video is neither H.264 nor H.265');
}

function parameterSets(codec: VideoCodec, parameters: ReadonlyMap<string, string>): Buffer | null {
  const names = codec === 'h264' ? ['sprop-parameter-sets'] : ['sprop-vps', 'sprop-sps', 'sprop-pps'];
  const sets = names.flatMap((name) => (parameters.get(name) ?? '').split(',').filter((text) => text !== '').map((text) => Buffer.from(text, 'base64')));
  return parameterSetsOf(codec, Buffer.concat(sets.flatMap((set) => [START_CODE, set])));
}
