// SDP for WHEP: what a player's offer asks for, and the answer that fits it. The offer's own payload types and ids stand in the
// answer, as RFC 3264 wants; of its media only the first video that can receive H.264 is taken, the rest is refused.
import { RuthError } from '@ruth/protocol';
import type { types } from 'mediasoup';
import { parse, write, type MediaAttributes, type SessionDescription } from 'sdp-transform';
import { PROFILE_LEVEL_ID } from './h264.ts';

type Media = SessionDescription['media'][number];

export interface Offer {
  readonly media: readonly Media[];
  /** Index of the video in `media`. */
  readonly video: number;
  readonly payloadType: number;
  readonly rtcpFeedback: types.RtcpFeedback[];
  readonly iceUfrag: string;
  readonly dtlsParameters: types.DtlsParameters;
}

const MAX_BYTES = 64 << 10;
const MAX_MEDIA = 16;
const FINGERPRINTS = ['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512'];
/** What mediasoup does for a viewer. */
const FEEDBACK = ['nack', 'nack pli', 'ccm fir'];
const RECEIVING = ['recvonly', 'sendrecv'];

/** Throws `bad_request` where it is no offer of WebRTC, `unsupported_codec` where it takes no H.264 that we send. */
export function readOffer(text: string): Offer {
  const session = parseText(text);
  try {
    return offerOf(session);
  } catch (cause) {
    // What the parser gives of a broken description is not always what its types say.
    throw RuthError.from(cause, 'bad_request');
  }
}

function offerOf(session: SessionDescription): Offer {
  const { media } = session;
  const video = media.findIndex((candidate) => candidate.type === 'video' && candidate.port !== 0 && RECEIVING.includes(candidate.direction ?? session.direction ?? 'sendrecv'));
  const section = media[video];
  if (!section) throw new RuthError('bad_request', 'the offer asks for no video to receive');
  const payloadType = h264Of(section);
  if (payloadType === null) {
    const names = section.rtp.map(({ codec }) => codec).filter((name, index, all) => all.indexOf(name) === index);
    throw new RuthError('unsupported_codec', `the player takes ${names.join(', ') || 'no codec'}, but not H.264 (profile-level-id 42e0.., packetization-mode 1), which is what cameras send here`);
  }
  const fingerprint = section.fingerprint ?? session.fingerprint;
  const iceUfrag = section.iceUfrag ?? session.iceUfrag;
  if (!fingerprint || !FINGERPRINTS.includes(fingerprint.type.toLowerCase()) || !/^[0-9A-F]{2}(:[0-9A-F]{2})+$/i.test(fingerprint.hash)) throw new RuthError('bad_request', 'the offer has no usable fingerprint');
  if (!iceUfrag || section.mid === undefined) throw new RuthError('bad_request', 'the offer has no ice-ufrag, or its video no mid');
  return {
    media, video, payloadType, iceUfrag: String(iceUfrag),
    rtcpFeedback: (section.rtcpFb ?? []).filter(({ payload, type, subtype }) => (payload === payloadType || String(payload) === '*') && FEEDBACK.includes(subtype ? `${type} ${subtype}` : type))
      .map(({ type, subtype }) => ({ type, parameter: subtype ?? '' })),
    dtlsParameters: { role: 'client', fingerprints: [{ algorithm: fingerprint.type.toLowerCase() as types.FingerprintAlgorithm, value: fingerprint.hash.toUpperCase() }] },
  };
}

export interface AnswerParts {
  readonly offer: Offer;
  readonly transport: Pick<types.WebRtcTransport, 'iceParameters' | 'iceCandidates' | 'dtlsParameters'>;
  readonly rtpParameters: types.RtpParameters;
}

export function writeAnswer({ offer, transport, rtpParameters }: AnswerParts): string {
  const mid = String(offer.media[offer.video]!.mid);
  return write({
    version: 0, origin: { username: '-', sessionId: Date.now(), sessionVersion: 1, netType: 'IN', ipVer: 4, address: '0.0.0.0' },
    name: '-', timing: { start: 0, stop: 0 }, icelite: 'ice-lite', groups: [{ type: 'BUNDLE', mids: mid }],
    msidSemantic: { semantic: 'WMS', token: '*' },
    media: offer.media.map((media, index) => (index === offer.video ? accepted(media, { offer, transport, rtpParameters }) : refused(media))),
  });
}

function accepted(media: Media, { offer, transport, rtpParameters }: AnswerParts): Media {
  const { payloadType: payload, rtcpFeedback } = offer;
  const { ssrc } = rtpParameters.encodings![0]!;
  const { fingerprints } = transport.dtlsParameters;
  const fingerprint = fingerprints.find(({ algorithm }) => algorithm === 'sha-256') ?? fingerprints[0]!;
  const attributes: MediaAttributes = {
    mid: media.mid!, direction: 'sendonly', setup: 'passive', iceUfrag: transport.iceParameters.usernameFragment, icePwd: transport.iceParameters.password,
    fingerprint: { type: fingerprint.algorithm, hash: fingerprint.value },
    rtp: [{ payload, codec: 'H264', rate: 90_000 }],
    fmtp: [{ payload, config: `level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=${PROFILE_LEVEL_ID}` }],
    rtcpFb: rtcpFeedback.map(({ type, parameter }) => ({ payload, type, ...(parameter ? { subtype: parameter } : {}) })),
    rtcpMux: 'rtcp-mux', rtcpRsize: 'rtcp-rsize', msid: [{ id: 'ruth', appdata: 'video' }] as never,
    ssrcs: [{ id: ssrc!, attribute: 'cname', value: rtpParameters.rtcp?.cname ?? 'ruth' }],
    candidates: transport.iceCandidates.map(({ foundation, priority, address, protocol, port, type, tcpType }) => ({
      foundation, component: 1, transport: protocol, priority, ip: address, port, type, ...(tcpType ? { tcptype: tcpType } : {}),
    })),
    endOfCandidates: 'end-of-candidates',
  };
  return { ...attributes, type: media.type, port: 9, protocol: media.protocol, payloads: String(payload), connection: { version: 4, ip: '0.0.0.0' } };
}

const refused = (media: Media): Media => ({
  type: media.type, port: 0, protocol: media.protocol, payloads: media.payloads ?? '0', connection: { version: 4, ip: '0.0.0.0' },
  ...(media.mid === undefined ? {} : { mid: media.mid }), direction: 'inactive', rtp: [], fmtp: [],
});

/** Payload type under which the section takes Constrained Baseline with packetization-mode 1. */
function h264Of(section: Media): number | null {
  const fits = section.rtp.find(({ payload, codec, rate }) => {
    const config = section.fmtp.find((line) => line.payload === payload)?.config ?? '';
    return codec.toUpperCase() === 'H264' && rate === 90_000 && /(^|;)\s*packetization-mode=1\s*(;|$)/.test(config) && /(^|;)\s*profile-level-id=42e0[0-9a-f]{2}\s*(;|$)/i.test(config);
  });
  return fits?.payload ?? null;
}

function parseText(text: string): SessionDescription {
  if (text.length > MAX_BYTES || !text.startsWith('v=0')) throw new RuthError('bad_request', 'the body is no SDP');
  let session: SessionDescription;
  try {
    session = parse(text);
  } catch (cause) {
    throw new RuthError('bad_request', 'the body is no SDP that can be read', { cause });
  }
  if (!Array.isArray(session.media) || session.media.length === 0 || session.media.length > MAX_MEDIA) throw new RuthError('bad_request', 'the offer names no media, or too many');
  return session;
}
