// RTSP out: a server, the sources it can serve, and the clip that plays like a camera.
export { readClip, unitAt, type Clip } from './clip.ts';
export { ClipSource, systemClock, type Clock } from './clip-source.ts';
export type { RtspCounters, RtspLimits } from './connection-context.ts';
export type { Credentials } from './digest-authentication.ts';
export { LiveSource, type AccessUnit, type MediaSource, type Subscription, type VideoDescription } from './media-source.ts';
export { parseExtradata, splitByteStream, splitSample } from '../../media/nal-units.ts';
export { MAX_BODY_BYTES, MAX_HEAD_BYTES, RequestDecoder, type Decoded, type RtspRequest } from './request-decoder.ts';
export { RtpStream } from './rtp-stream.ts';
export { RtspServer, type RtspServerOptions } from './server.ts';
export { sessionDescription } from './session-description.ts';
