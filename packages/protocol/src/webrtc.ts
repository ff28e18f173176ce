// Live video over WebRTC: what a page and the kernel say to each other on WS /v1/cameras/:id/webrtc (the server passes it on at
// /api/v1/cameras/:id/webrtc). JSON text messages, in this order:
//
//   kernel                                          page (mediasoup-client)
//   offer     ------------------------------------> device.load, createRecvTransport
//             <------------------------------------ receive (rtp_capabilities of the device)
//   consumer  ------------------------------------> transport.consume, which asks to connect:
//             <------------------------------------ connect (dtls_parameters)
//   connected ------------------------------------> callback of 'connect'
//             <------------------------------------ resume, once the track is in a <video>: from here on pictures flow
//   stream    ------------------------------------> whenever size, epoch or clock changes
//   error     ------------------------------------> and the socket closes with 4000 + HTTP status; any code but 4000 + a status
//                                                   that is not retryable: connect anew after a while
//
// The socket stays open as long as the page watches: when it closes, the kernel lets the viewer go. What mediasoup calls its
// parameters and capabilities passes through as it is, in its own camelCase.
import Type, { type Static } from 'typebox';

const Count = Type.Integer({ minimum: 0 });
const UInt32 = Type.Integer({ minimum: 0, maximum: 4_294_967_295 });
/** An object of mediasoup's own; checked by mediasoup. */
const Passed = (description: string) => Type.Record(Type.String(), Type.Unknown(), { description });

/**
 * A picture with `pts_ticks` (90 kHz; `pts_us` = `pts_ticks` * 1e6 / 90000) has the RTP timestamp `(pts_ticks + rtp_offset) mod 2^32`,
 * which requestVideoFrameCallback tells as `rtpTimestamp`. Null until the camera's process has said it.
 */
export const WebRtcStream = Type.Object({
  width: Type.Union([Count, Type.Null()]), height: Type.Union([Count, Type.Null()]),
  /** As in LiveInit: frames of another epoch are not comparable by pts. */
  epoch: Count,
  rtp_offset: Type.Union([UInt32, Type.Null()]),
});
export type WebRtcStream = Static<typeof WebRtcStream>;

export const WebRtcFromKernel = Type.Union([
  Type.Object({
    type: Type.Literal('offer'), camera_id: Type.String(), stream: WebRtcStream,
    router_rtp_capabilities: Passed('For device.load'),
    transport: Passed('For device.createRecvTransport: id, iceParameters, iceCandidates, dtlsParameters'),
  }),
  Type.Object({ type: Type.Literal('consumer'), consumer: Passed('For transport.consume: id, producerId, kind, rtpParameters') }),
  Type.Object({ type: Type.Literal('connected') }),
  Type.Object({ type: Type.Literal('stream'), stream: WebRtcStream }),
  Type.Object({ type: Type.Literal('error'), error: Type.String(), error_code: Type.String(), advice: Type.Optional(Type.String()) }),
]);
export type WebRtcFromKernel = Static<typeof WebRtcFromKernel>;

export const WebRtcFromPage = Type.Union([
  Type.Object({ type: Type.Literal('receive'), rtp_capabilities: Passed('device.recvRtpCapabilities') }),
  Type.Object({ type: Type.Literal('connect'), dtls_parameters: Passed('Of the event connect of the transport') }),
  Type.Object({ type: Type.Literal('resume') }),
]);
export type WebRtcFromPage = Static<typeof WebRtcFromPage>;
