// The end of a pipe at the node that has the camera: one consumer, encrypted, whose packets another node's kernel takes for all who watch there. It lasts as long
// as the conversation with that kernel, and no longer than that one's reports (RTCP) come: nobody who does not listen is sent to for long.
import { PipeFromReceiver, RuthError, validator, type PipeFromSender } from '@ruth/protocol';
import type { types } from 'mediasoup';
import type { WebSocket } from 'ws';
import { unavailable, type Branch } from '../camera-source.ts';
import type { WebRtcCamera } from '../webrtc-camera.ts';
import type { PipeBytes } from './pipe-bytes.ts';
import type { PipeListen } from './pipe-listen.ts';
import { pipeSocket } from './pipe-socket.ts';

/** Reports come every second or so. */
const SILENCE_LIMIT_MS = 12_000;
const LOOK_EVERY_MS = 3000;
const ASK_LIMIT_MS = 10_000;
const fromReceiver = validator(PipeFromReceiver);

export interface PipeTarget { readonly address: string; readonly port: number }

export interface PipeSenderOptions {
  readonly camera: WebRtcCamera;
  readonly to: PipeTarget;
  readonly listen: () => Promise<PipeListen>;
  readonly bytes: PipeBytes;
}

/** What mediasoup has of it. */
class PipeSender {
  readonly transport: types.PipeTransport;
  readonly consumer: types.Consumer;
  readonly address: string;
  readonly gone: Promise<RuthError | null>;
  readonly #gone = Promise.withResolvers<RuthError | null>();
  readonly #branch: Branch;
  readonly #timer: NodeJS.Timeout;
  readonly #bytes: PipeBytes;

  private constructor(branch: Branch, transport: types.PipeTransport, consumer: types.Consumer, { address, bytes }: { readonly address: string; readonly bytes: PipeBytes }) {
    this.#branch = branch;
    this.transport = transport;
    this.consumer = consumer;
    this.address = address;
    this.#bytes = bytes;
    this.gone = this.#gone.promise;
    branch.place.load++;
    bytes.add(transport, 'bytesSent');
    transport.observer.once('close', () => this.close(new RuthError('webrtc_unavailable', 'the camera\'s part in mediasoup ended')));
    let heard = 0;
    let silentMs = 0;
    this.#timer = setInterval(() => void bytes.look(transport).then((stats) => {
      if (stats === null) return;
      silentMs = stats.bytesReceived > heard ? 0 : silentMs + LOOK_EVERY_MS;
      heard = stats.bytesReceived;
      if (silentMs >= SILENCE_LIMIT_MS) this.close(new RuthError('timeout', 'the other node does not report what it gets: do UDP packets come through?'));
    }), LOOK_EVERY_MS);
  }

  static async open(branch: Branch, { address, info }: PipeListen, to: PipeTarget, srtpParameters: types.SrtpParameters, bytes: PipeBytes): Promise<PipeSender> {
    let transport: types.PipeTransport | undefined;
    try {
      transport = await branch.router.createPipeTransport({ listenInfo: info, enableSrtp: true, enableRtx: true });
      await transport.connect({ ip: to.address, port: to.port, srtpParameters });
      return new PipeSender(branch, transport, await transport.consume({ producerId: branch.producerId }), { address, bytes });
    } catch (cause) {
      transport?.close();
      branch.release();
      throw cause instanceof TypeError ? new RuthError('bad_request', `mediasoup: ${cause.message}`, { cause }) : unavailable(cause);
    }
  }

  close(reason: RuthError | null): void {
    clearInterval(this.#timer);
    this.#gone.resolve(reason);
    if (!this.#bytes.remove(this.transport)) return;
    this.#branch.place.load--;
    this.transport.close();
    this.#branch.release();
  }
}

/** Sends while `socket` is open. */
export function sendPipe(socket: WebSocket, { camera, to, listen, bytes }: PipeSenderOptions): void {
  let pipe: PipeSender | null = null;
  const asked = setTimeout(() => { if (pipe === null) conversation.end(new RuthError('timeout', `nothing was asked for within ${ASK_LIMIT_MS / 1000} s`)); }, ASK_LIMIT_MS);
  const begin = async (srtpParameters: types.SrtpParameters): Promise<void> => {
    if (pipe !== null) throw new RuthError('invalid_state', 'it was asked for already');
    const own = await listen();
    const opened = pipe = await camera.lend((branch) => PipeSender.open(branch, own, to, srtpParameters, bytes), (stream) => conversation.say({ type: 'stream', stream }));
    if (!conversation.isOpen) return opened.close(null);
    void opened.gone.then((reason) => conversation.end(reason));
    const { transport, consumer, address } = opened;
    conversation.say({
      type: 'offer', address, port: transport.tuple.localPort, srtp_parameters: transport.srtpParameters!, stream: camera.stream, rtp_parameters: consumer.rtpParameters as unknown as Record<string, unknown>,
    });
  };
  const conversation = pipeSocket<PipeFromReceiver, PipeFromSender>(socket, fromReceiver, async (message) => {
    if (message.type === 'ask') await begin(message.srtp_parameters as types.SrtpParameters);
    else if (pipe === null) throw new RuthError('invalid_state', 'ask first');
    else if (message.type === 'produced') await camera.feed();
    else if (message.type === 'repeat') camera.repeat();
  }, () => {
    clearTimeout(asked);
    pipe?.close(null);
  });
}
