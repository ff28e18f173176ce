// Live view over WebRTC: the page's signalling over a WebSocket, and WHEP over HTTP.
//
//   WS     /v1/cameras/:id/webrtc            protocol/webrtc.ts
//   POST   /v1/cameras/:id/whep              SDP offer -> 201, SDP answer, Location, ETag
//   PATCH  /v1/cameras/:id/whep/:session     ICE candidates -> 204: they are not needed, the answer names all of ours
//   DELETE /v1/cameras/:id/whep/:session     204
import { RuthError } from '@ruth/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { signal } from '../live/webrtc/signalling.ts';
import type { WebRtcCamera } from '../live/webrtc/webrtc-camera.ts';
import type { WhepSessions } from '../live/webrtc/whep-sessions.ts';

/** What the routes need of a kernel. */
export interface WebRtcKernel {
  /** Throws `camera_not_found`, and `webrtc_unavailable` where the settings say so. */
  webrtc(cameraId: string): WebRtcCamera;
  readonly whep: WhepSessions;
}

const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** `idOf` gives the checked camera id of a request; `cameras` is under which address they are. */
export function addWebRtcRoutes(routes: FastifyInstance, kernel: WebRtcKernel, idOf: (params: unknown) => string, cameras = '/v1/cameras'): void {
  // What comes over WebSocket is refused over WebSocket, so that the page hears the code; only an unknown camera is answered over HTTP.
  routes.get(`${cameras}/:id/webrtc`, {
    websocket: true, preValidation: async (request) => { tolerate(() => kernel.webrtc(idOf(request.params)), 'webrtc_unavailable'); },
  }, (socket, request) => {
    try {
      signal(socket, kernel.webrtc(idOf(request.params)));
    } catch (cause) {
      const error = RuthError.from(cause);
      socket.send(JSON.stringify({ type: 'error', error: error.message, error_code: error.code, advice: error.advice }));
      socket.close(4000 + error.httpStatus, error.code);
    }
  });

  void routes.register(async (whep) => {
    whep.addContentTypeParser([SDP, FRAGMENT], { parseAs: 'string' }, (_request, body, done) => done(null, body));
    // What has another type is answered with 415 by its route, not with a parser's complaint.
    whep.addContentTypeParser('*', (_request, payload, done) => { payload.resume().on('end', () => done(null, null)); });

    whep.post(`${cameras}/:id/whep`, async (request, reply) => {
      const id = idOf(request.params);
      const camera = kernel.webrtc(id);
      if (!isOf(request, SDP)) return refuse(reply, 415, 'bad_request', `an offer is ${SDP}`);
      try {
        const { session, answer } = await kernel.whep.open(camera, request.body as string);
        return await reply.code(201).headers({ 'content-type': SDP, 'location': `${cameras}/${id}/whep/${session.id}`, 'etag': session.etag, 'accept-patch': FRAGMENT }).send(answer);
      } catch (cause) {
        const error = RuthError.from(cause);
        // Not the request's form is wrong: the two have no codec in common.
        if (error.code === 'unsupported_codec') return refuse(reply, 406, error.code, error.message);
        if (error.retryable) void reply.header('retry-after', '5');
        throw error;
      }
    });

    whep.options(`${cameras}/:id/whep`, async (request, reply) => {
      kernel.webrtc(idOf(request.params));
      return reply.code(204).headers({ 'accept-post': SDP, 'allow': 'OPTIONS, POST' }).send();
    });

    whep.patch(`${cameras}/:id/whep/:session`, async (request, reply) => {
      const { etag, iceUfrag } = kernel.whep.session(...sessionOf(request, idOf));
      if (!isOf(request, FRAGMENT)) return refuse(reply, 415, 'bad_request', `candidates are ${FRAGMENT}`);
      const match = request.headers['if-match'];
      if (match !== undefined && match !== '*' && match !== etag) return refuse(reply, 412, 'invalid_state', 'another ICE session has begun');
      const ufrag = /^a=ice-ufrag:(\S+)\s*$/m.exec(request.body as string)?.[1];
      if (match === '*' || (ufrag !== undefined && ufrag !== iceUfrag)) return refuse(reply, 422, 'bad_request', 'ICE is not restarted here; make a new session');
      return reply.code(204).send();
    });

    whep.delete(`${cameras}/:id/whep/:session`, async (request, reply) => {
      kernel.whep.close(...sessionOf(request, idOf));
      return reply.code(200).send();
    });
  });
}

function sessionOf(request: FastifyRequest, idOf: (params: unknown) => string): [cameraId: string, session: string] {
  const { session } = request.params as { session: string };
  if (!UUID.test(session)) throw new RuthError('not_found', 'there is no such WHEP session');
  return [idOf(request.params), session];
}

const isOf = (request: FastifyRequest, type: string): boolean => typeof request.body === 'string' && request.headers['content-type']?.split(';')[0]!.trim().toLowerCase() === type;

function refuse(reply: FastifyReply, status: number, code: RuthError['code'], message: string): FastifyReply {
  return reply.code(status).send({ error: message, error_code: code, advice: new RuthError(code, message).advice });
}

function tolerate(work: () => unknown, code: RuthError['code']): void {
  try {
    work();
  } catch (error) {
    if (RuthError.from(error).code !== code) throw error;
  }
}
