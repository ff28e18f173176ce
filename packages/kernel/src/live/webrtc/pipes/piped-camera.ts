// The end of a pipe at a node where many watch a camera of another one: what comes over it is served from here, as a camera of this node's own would be. It lasts as
// long as the conversation with the kernel that has the camera, and for a while after the last viewer.
import { PipeFromSender, RuthError, validator, type PipeFromReceiver, type WebRtcStream } from '@ruth/protocol';
import type { types } from 'mediasoup';
import type { WebSocket } from 'ws';
import { CameraSource, unavailable } from '../camera-source.ts';
import { routerCodec } from '../h264.ts';
import { WebRtcCamera } from '../webrtc-camera.ts';
import type { WorkerPool } from '../worker-pool.ts';
import type { PipeBytes } from './pipe-bytes.ts';
import type { PipeListen } from './pipe-listen.ts';
import { pipeSocket, type PipeSocket } from './pipe-socket.ts';

/** From `listen` to the first packet. */
const BEGIN_LIMIT_MS = 8000;
/** Where others watch already, a pipe begins with a keyframe: some cameras send one in ten seconds. */
const ASK_AGAIN_MS = 1000;
const LINGER_MS = 10_000;
const LOOK_EVERY_MS = 3000;
const fromSender = validator(PipeFromSender);

export interface PipedCameraOptions {
  readonly cameraId: string;
  readonly pool: WorkerPool;
  readonly listen: () => Promise<PipeListen>;
  readonly bytes: PipeBytes;
  readonly onEnd: () => void;
  readonly lingerMs?: number;
}

export class PipedCamera {
  readonly #options: PipedCameraOptions;
  readonly #conversation: PipeSocket<PipeFromReceiver>;
  readonly #limit: NodeJS.Timeout;
  #looks: NodeJS.Timeout | undefined;
  #asks: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  #router: types.Router | null = null;
  #transport: types.PipeTransport | null = null;
  #stream: WebRtcStream = { width: null, height: null, epoch: 0, rtp_offset: null };
  #webrtc: WebRtcCamera | null = null;
  #hasBegun = false;
  #place: CameraSource['place'] | null = null;

  constructor(socket: WebSocket, options: PipedCameraOptions) {
    this.#options = options;
    this.#conversation = pipeSocket(socket, fromSender, (message) => (message.type === 'offer' ? this.#produce(message) : this.#take(message.stream)), () => this.#free());
    this.#limit = setTimeout(() => this.#conversation.end(new RuthError('timeout', `no picture came over the pipe within ${BEGIN_LIMIT_MS / 1000} s: do UDP packets come through between the nodes?`)), BEGIN_LIMIT_MS);
    this.#ask().catch((error: unknown) => this.#conversation.end(error));
  }

  /** Null until pictures come. */
  get webrtc(): WebRtcCamera | null { return this.#webrtc; }

  close(): void { this.#conversation.end(new RuthError('shutting_down', 'the kernel is stopping')); }

  async #ask(): Promise<void> {
    const { pool, listen, bytes } = this.#options;
    const { address, info } = await listen();
    const place = this.#place = await pool.pick();
    try {
      const router = this.#router = await place.worker.createRouter({ mediaCodecs: [routerCodec()] });
      const transport = this.#transport = await router.createPipeTransport({ listenInfo: info, enableSrtp: true, enableRtx: true });
      if (!this.#conversation.isOpen) return router.close();
      bytes.add(transport, 'bytesReceived');
      this.#looks = setInterval(() => void bytes.look(transport), LOOK_EVERY_MS);
      router.observer.once('close', () => this.#conversation.end(new RuthError('webrtc_unavailable', 'the mediasoup worker ended')));
      this.#conversation.say({ type: 'listen', address, port: transport.tuple.localPort });
      this.#conversation.say({ type: 'ask', srtp_parameters: transport.srtpParameters! });
    } catch (cause) {
      throw unavailable(cause);
    }
  }

  async #produce({ address, port, srtp_parameters: srtpParameters, rtp_parameters: rtpParameters, stream }: PipeFromSender & { readonly type: 'offer' }): Promise<void> {
    const [router, transport, place] = [this.#router, this.#transport, this.#place];
    if (!router || !transport || !place || this.#webrtc) throw new RuthError('invalid_state', 'nothing was asked for, or it was offered already');
    try {
      await transport.connect({ ip: address, port, srtpParameters: srtpParameters as types.SrtpParameters });
      const producer = await transport.produce({ kind: 'video', rtpParameters: rtpParameters as unknown as types.RtpParameters });
      // Told of packets up to the first one.
      await producer.enableTraceEvent(['rtp']);
      producer.once('trace', () => {
        producer.enableTraceEvent([]).catch(() => undefined);
        this.#begin();
      });
      const source = CameraSource.ofPipe(place, router, producer);
      this.#webrtc = new WebRtcCamera({
        cameraId: this.#options.cameraId, pool: this.#options.pool, open: async () => source,
        look: () => ({ ...this.#stream, codec: 'h264' }), onWanted: () => undefined, onRepeat: () => this.#conversation.say({ type: 'repeat' }), onIdle: () => this.#idle(),
      });
    } catch (cause) {
      throw cause instanceof TypeError ? new RuthError('bad_request', `mediasoup: ${cause.message}`, { cause }) : unavailable(cause);
    }
    this.#take(stream);
    this.#conversation.say({ type: 'produced' });
    if (!this.#hasBegun) this.#asks = setInterval(() => this.#conversation.say({ type: 'repeat' }), ASK_AGAIN_MS);
  }

  #begin(): void {
    this.#hasBegun = true;
    clearTimeout(this.#limit);
    clearInterval(this.#asks);
    this.#conversation.say({ type: 'ready' });
    this.#idle();
  }

  #take(stream: WebRtcStream): void {
    this.#stream = stream;
    if (stream.rtp_offset === null) this.#webrtc?.update();
    else this.#webrtc?.setClock({ offsetTicks: stream.rtp_offset, epoch: stream.epoch });
  }

  #idle(): void {
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => { if (this.#webrtc?.idle) this.#conversation.end(null); }, this.#options.lingerMs ?? LINGER_MS);
  }

  #free(): void {
    clearTimeout(this.#limit);
    clearTimeout(this.#linger);
    clearInterval(this.#looks);
    clearInterval(this.#asks);
    if (this.#transport) this.#options.bytes.remove(this.#transport);
    // With it go the viewers, who are told to connect anew.
    this.#router?.close();
    this.#options.onEnd();
  }
}
