// How H.264 is named to WebRTC. Every browser offers Constrained Baseline; few offer High, though all of them decode it, for their
// decoders go by the stream's own parameter sets. So every camera's stream goes under the one name that every browser accepts.
import type { types } from 'mediasoup';

export const PROFILE_LEVEL_ID = '42e01f';

/** `packetization-mode` 1: a picture may be spread over packets. */
const PARAMETERS = { 'packetization-mode': 1, 'profile-level-id': PROFILE_LEVEL_ID, 'level-asymmetry-allowed': 1 };

/** Payload type of the camera's own RTP on loopback. */
export const SOURCE_PAYLOAD_TYPE = 102;

/** What a router carries; `payloadType` is what its viewers get. */
export const routerCodec = (payloadType?: number): types.RouterRtpCodecCapability => ({
  kind: 'video', mimeType: 'video/H264', clockRate: 90_000, parameters: PARAMETERS, ...(payloadType === undefined ? {} : { preferredPayloadType: payloadType }),
});

/** What the camera's process sends. */
export const sourceParameters = (ssrc: number): types.RtpParameters => ({
  codecs: [{ mimeType: 'video/H264', payloadType: SOURCE_PAYLOAD_TYPE, clockRate: 90_000, parameters: PARAMETERS }],
  encodings: [{ ssrc }],
});

/** What a viewer takes that names its own payload type: no retransmission stream of its own, no header extensions. */
export const viewerCapabilities = (payloadType: number, rtcpFeedback: types.RtcpFeedback[]): types.RtpCapabilities => ({
  codecs: [{ kind: 'video', mimeType: 'video/H264', preferredPayloadType: payloadType, clockRate: 90_000, parameters: PARAMETERS, rtcpFeedback }],
  headerExtensions: [],
});
