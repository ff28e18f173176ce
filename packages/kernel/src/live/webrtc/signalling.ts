// The page's way in: the conversation of protocol/webrtc.ts over one WebSocket. The viewer lives as long as the socket.
import { redactUrls, RuthError, validator, WebRtcFromPage, type WebRtcFromKernel } from '@ruth/protocol';
import type { types } from 'mediasoup';
import type { WebSocket } from 'ws';
import type { Viewer } from './viewer.ts';
import type { WebRtcCamera } from './webrtc-camera.ts';

/** A page says three things; one that says more at once is none. */
const MAX_WAITING = 8;
const PING_INTERVAL_MS = 10_000;
const fromPage = validator(WebRtcFromPage);

/** Serves the page until it or the viewer goes; every failure is told to the page. */
export function signal(socket: WebSocket, camera: WebRtcCamera): void {
  let viewer: Viewer | null = null;
  let waiting = 0;
  const send = (message: WebRtcFromKernel): void => { if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message)); };
  const end = (cause: unknown): void => {
    const error = RuthError.from(cause);
    viewer?.close(null);
    send({ type: 'error', error: redactUrls(error.message), error_code: error.code, advice: error.advice });
    socket.close(4000 + error.httpStatus, error.code);
  };

  const begin = async (): Promise<void> => {
    viewer = await camera.join({ onStream: (stream) => send({ type: 'stream', stream }) });
    if (socket.readyState !== socket.OPEN) return viewer.close(null);
    void viewer.gone.then((reason) => { if (socket.readyState === socket.OPEN) end(reason ?? new RuthError('webrtc_unavailable', 'the connection was lost')); });
    const { id, iceParameters, iceCandidates, dtlsParameters } = viewer.transport;
    send({
      type: 'offer', camera_id: camera.cameraId, stream: camera.stream,
      router_rtp_capabilities: viewer.routerRtpCapabilities, transport: { id, iceParameters, iceCandidates, dtlsParameters },
    });
  };

  const answer = async (text: string): Promise<void> => {
    const message = fromPage.parse(parseJson(text));
    if (!viewer?.open) return;
    if (message.type === 'connect') {
      await viewer.connect(message.dtls_parameters as unknown as types.DtlsParameters);
      send({ type: 'connected' });
    } else if (message.type === 'receive') {
      const { id, producerId, kind, rtpParameters } = await viewer.consume(message.rtp_capabilities);
      send({ type: 'consumer', consumer: { id, producerId, kind, rtpParameters } });
    } else {
      await camera.watch(viewer);
    }
  };

  let turn = begin().catch(end);
  socket.on('message', (data: Buffer, binary) => {
    if (binary || ++waiting > MAX_WAITING) return end(new RuthError('bad_request', binary ? 'messages are text' : 'too many messages at once'));
    turn = turn.then(() => answer(data.toString())).catch(end).finally(() => { waiting--; });
  });

  // A machine that lost its power closes no connection.
  let heard = true;
  socket.on('pong', () => { heard = true; });
  const ping = setInterval(() => {
    if (!heard) return socket.terminate();
    heard = false;
    socket.ping();
  }, PING_INTERVAL_MS);
  socket.on('close', () => {
    clearInterval(ping);
    viewer?.close(null);
  });
  socket.on('error', () => socket.terminate());
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RuthError('bad_request', 'a message is no JSON', { cause });
  }
}
