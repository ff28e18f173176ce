// The SDP that DESCRIBE answers (RFC 8866, RFC 6184 8.2, RFC 7798 7.2).
import type { VideoDescription } from './media-source.ts';
import { nalType } from '../../media/nal-units.ts';
import { CLOCK_RATE, PAYLOAD_TYPE } from './rtp-stream.ts';

const RTP_NAME: Readonly<Record<VideoDescription['codec'], string>> = { h264: 'H264', hevc: 'H265' };

/** The one track's path below the mount. */
export const TRACK = 'track1';

export function sessionDescription(mount: string, address: string, video: VideoDescription): string {
  return [
    'v=0',
    `o=- 0 0 IN ${address.includes(':') ? 'IP6' : 'IP4'} ${address}`,
    `s=${mount}`,
    `c=IN ${address.includes(':') ? 'IP6 ::' : 'IP4 0.0.0.0'}`,
    't=0 0',
    'a=control:*',
    'a=range:npt=now-',
    `m=video 0 RTP/AVP ${PAYLOAD_TYPE}`,
    `a=rtpmap:${PAYLOAD_TYPE} ${RTP_NAME[video.codec]}/${CLOCK_RATE}`,
    `a=fmtp:${PAYLOAD_TYPE} ${video.codec === 'h264' ? h264Parameters(video) : h265Parameters(video)}`,
    ...(video.frameRate === null ? [] : [`a=framerate:${Number(video.frameRate.toFixed(3))}`]),
    `a=control:${TRACK}`,
    '',
  ].join('\r\n');
}

function h264Parameters(video: VideoDescription): string {
  const sps = video.parameterSets.find((nal) => nalType('h264', nal) === 7);
  const profile = sps ? `;profile-level-id=${sps.toString('hex', 1, 4)}` : '';
  return `packetization-mode=1${profile};sprop-parameter-sets=${video.parameterSets.map(base64).join(',')}`;
}

function h265Parameters(video: VideoDescription): string {
  return ([[32, 'vps'], [33, 'sps'], [34, 'pps']] as const)
    .map(([type, name]) => `sprop-${name}=${video.parameterSets.filter((nal) => nalType('hevc', nal) === type).map(base64).join(',')}`)
    .join(';');
}

const base64 = (nal: Buffer): string => nal.toString('base64');
