// A much-watched camera between two nodes of a site: what the kernels of both say to each other over one WebSocket, which goes through the servers of both
// (receiver's kernel: WS /v1/piped/:id; sender's kernel: WS /v1/cameras/:id/pipe; sender's server: /api/v1/cameras/:id/pipe). JSON text, in this order:
//
//   receiver                                        sender (has the camera)
//   listen    --> its own server alone: where it takes media; the sender's server asks for that at GET /api/v1/pipes/:id
//   ask       ------------------------------------> its SRTP key
//             <------------------------------------ offer: where the sender sends from, its SRTP key, the stream
//   produced  ------------------------------------> from here on pictures flow, over UDP
//   ready     --> its own server alone: pictures have come, viewers may
//   repeat    ------------------------------------> the pictures since the last keyframe, once more
//             <------------------------------------ stream, whenever size, epoch or clock changes
//
// The pipe lasts as long as the socket; one that fails closes with 4000 + HTTP status and `code: message`. Keys are in these messages and nowhere else.
import Type, { type Static } from 'typebox';
import { ID_PATTERN } from './ids.ts';
import { WebRtcStream } from './webrtc.ts';

const Address = Type.String({ minLength: 2, maxLength: 45, description: 'IPv4 or IPv6' });
const Port = Type.Integer({ minimum: 1, maximum: 65_535 });
const SrtpKey = Type.Object({ cryptoSuite: Type.String({ maxLength: 32 }), keyBase64: Type.String({ maxLength: 128 }) }, { description: 'SRTP parameters of mediasoup' });

export const PipeFromReceiver = Type.Union([
  Type.Object({ type: Type.Literal('listen'), address: Address, port: Port }),
  Type.Object({ type: Type.Literal('ask'), srtp_parameters: SrtpKey }),
  Type.Object({ type: Type.Literal('produced') }),
  Type.Object({ type: Type.Literal('ready') }),
  Type.Object({ type: Type.Literal('repeat') }),
]);
export type PipeFromReceiver = Static<typeof PipeFromReceiver>;

export const PipeFromSender = Type.Union([
  Type.Object({
    type: Type.Literal('offer'), address: Address, port: Port, srtp_parameters: SrtpKey,
    rtp_parameters: Type.Record(Type.String(), Type.Unknown(), { description: 'Of mediasoup: what the receiver produces from' }), stream: WebRtcStream,
  }),
  Type.Object({ type: Type.Literal('stream'), stream: WebRtcStream }),
]);
export type PipeFromSender = Static<typeof PipeFromSender>;

/** Where the sender shall send: said by the receiver's own server, never by whoever asks. */
export const PipeListener = Type.Object({ camera_id: Type.String({ pattern: ID_PATTERN }), address: Address, port: Port });
export type PipeListener = Static<typeof PipeListener>;

/** Which pipe of which node. */
export const PipeQuery = Type.Object({ receiver: Type.String({ pattern: ID_PATTERN }), pipe: Type.String({ pattern: '^[0-9a-f-]{36}$' }) }, { additionalProperties: false });
export type PipeQuery = Static<typeof PipeQuery>;

/** Query of the kernel's `WS /v1/cameras/:id/pipe`, from its own server. */
export const PipeTarget = Type.Object({ address: Address, port: Type.String({ pattern: '^[1-9][0-9]{0,4}$' }) });

/** Query of the kernel's `WS /v1/piped/:id`: name or address of the other node. */
export const PipeSource = Type.Object({ toward: Type.String({ minLength: 1, maxLength: 256 }) });
