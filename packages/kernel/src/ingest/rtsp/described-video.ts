// Finds the video in a camera's description (SDP, RFC 8866).
import { RuthError } from '@ruth/protocol';
import type { VideoCodec } from '../../media/video-codec.ts';
import { parameterSetsOf } from '../../media/parameter-sets.ts';

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
  const [session = '', ...media] = description.split(/\r?\n(?=m=)/);
  const videos = media.filter((section) => section.startsWith('m=video'));
  for (const section of videos) {
    for (const [, type, encoding] of section.matchAll(/^a=rtpmap:(\d+) ([^\s]+)/gm)) {
      const codec = CODEC_OF[encoding!.toUpperCase()];
      if (!codec) continue;
      const format = new RegExp(`^a=fmtp:${type} (.*)$`, 'm').exec(section)?.[1] ?? '';
      const base = control(session) === null ? baseUrl : resolve(baseUrl, control(session)!);
      return { codec, payloadType: Number(type), controlUrl: resolve(base, control(section) ?? '*'), parameterSets: parameterSets(codec, format) };
    }
  }
  throw new RuthError('camera_no_video', videos.length === 0 ? 'the stream has no video' : 'the video is neither H.264 nor H.265');
}

const control = (section: string): string | null => /^a=control:(\S+)/m.exec(section)?.[1] ?? null;

/** As cameras mean it, not as RFC 3986 says: what is relative is appended. */
function resolve(base: string, path: string): string {
  if (path === '*') return base;
  if (/^rtsps?:\/\//i.test(path)) return path;
  return base.endsWith('/') ? base + path : `${base}/${path}`;
}

function parameterSets(codec: VideoCodec, format: string): Buffer | null {
  const names = codec === 'h264' ? ['sprop-parameter-sets'] : ['sprop-vps', 'sprop-sps', 'sprop-pps'];
  const values = new Map(format.split(';').map((pair) => {
    const [name = '', ...value] = pair.trim().split('=');
    return [name.toLowerCase(), value.join('=')] as const;
  }));
  const sets = names.flatMap((name) => (values.get(name) ?? '').split(',').filter((text) => text !== '').map((text) => Buffer.from(text, 'base64')));
  return parameterSetsOf(codec, Buffer.concat(sets.flatMap((set) => [START_CODE, set])));
}
