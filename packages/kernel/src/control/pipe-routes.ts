// Cameras between nodes of a site, over one pipe for all who watch at the other end (protocol/live-pipe.ts). Asked by this node's own server alone, which has
// seen who asks, and has the address from the other node's server.
//
//   WS  /v1/cameras/:id/pipe?address=&port=    a camera of this node, to there
//   WS  /v1/piped/:id?toward=                  a camera of the node that is reached there, for viewers here; then, as of a camera of this node:
//   WS  /v1/piped/:id/webrtc, and /v1/piped/:id/whep
import { isIP } from 'node:net';
import { PipeSource, PipeTarget, RuthError, validator } from '@ruth/protocol';
import type { FastifyInstance } from 'fastify';
import type { Pipes } from '../live/webrtc/pipes/index.ts';
import { addWebRtcRoutes, type WebRtcKernel } from './webrtc-routes.ts';

/** What the routes need of a kernel. */
export interface PipedKernel extends WebRtcKernel {
  /** Throws `not_found` where this node is by itself, `webrtc_unavailable` where the settings say so. */
  openPipes(): Promise<Pipes>;
  readonly pipes: Pipes | null;
}

const pipeTarget = validator(PipeTarget);
const pipeSource = validator(PipeSource);

export function addPipeRoutes(routes: FastifyInstance, kernel: PipedKernel, idOf: (params: unknown) => string): void {
  const opened = async (): Promise<void> => { await kernel.openPipes(); };
  routes.get('/v1/cameras/:id/pipe', {
    websocket: true, preValidation: async (request) => {
      kernel.webrtc(idOf(request.params));
      const { address } = pipeTarget.parse(request.query);
      if (isIP(address) === 0) throw new RuthError('bad_request', 'address is IPv4 or IPv6');
      await opened();
    },
  }, (socket, request) => {
    const { address, port } = pipeTarget.parse(request.query);
    kernel.pipes!.send(socket, kernel.webrtc(idOf(request.params)), { address, port: Number(port) });
  });
  routes.get('/v1/piped/:id', { websocket: true, preValidation: opened }, (socket, request) => {
    try {
      kernel.pipes!.receive(socket, idOf(request.params), pipeSource.parse(request.query).toward);
    } catch (cause) {
      const { httpStatus, code, message } = RuthError.from(cause);
      socket.close(4000 + httpStatus, `${code}: ${message}`.slice(0, 120));
    }
  });
  const piped = (id: string): ReturnType<Pipes['camera']> => {
    if (!kernel.pipes) throw new RuthError('camera_not_found', `${id} does not come over a pipe`);
    return kernel.pipes.camera(id);
  };
  addWebRtcRoutes(routes, { webrtc: piped, get whep() { return kernel.whep; } }, idOf, '/v1/piped');
}
