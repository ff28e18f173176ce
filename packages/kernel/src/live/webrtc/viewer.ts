// One who watches a camera over WebRTC: a transport with a consumer. However the viewer goes, all of it is freed: told so, its
// connection closed or lost, nothing heard from it for a while, never connected at all, or the worker gone.
import { RuthError } from '@ruth/protocol';
import type { types } from 'mediasoup';
import { unavailable, type Branch } from './camera-source.ts';

/** ICE and DTLS are done by then, or the viewer is let go. */
const CONNECT_LIMIT_MS = 20_000;
/** A browser shows that it is there every few seconds. */
const ICE_CONSENT_LIMIT_S = 12;
/** What a viewer of a good network takes at once; mediasoup learns the rest. */
const INITIAL_BITRATE_BPS = 10_000_000;

export class Viewer {
  readonly transport: types.WebRtcTransport;
  /** Resolves when the viewer is gone, with why; null where it left by itself. */
  readonly gone: Promise<RuthError | null>;
  readonly #branch: Branch;
  readonly #gone = Promise.withResolvers<RuthError | null>();
  readonly #connected = Promise.withResolvers<boolean>();
  readonly #limit: NodeJS.Timeout;
  #consumer: types.Consumer | null = null;
  #open = true;

  private constructor(branch: Branch, transport: types.WebRtcTransport) {
    this.#branch = branch;
    this.transport = transport;
    this.gone = this.#gone.promise;
    branch.place.load++;
    this.#limit = setTimeout(() => this.close(new RuthError('timeout', `no connection within ${CONNECT_LIMIT_MS / 1000} s`)), CONNECT_LIMIT_MS);
    transport.on('icestatechange', (state) => { if (state === 'disconnected') this.close(null); });
    transport.on('dtlsstatechange', (state) => {
      if (state === 'connected') {
        clearTimeout(this.#limit);
        this.#connected.resolve(true);
      } else if (state === 'closed') this.close(null);
      else if (state === 'failed') this.close(new RuthError('webrtc_unavailable', 'the encrypted connection failed'));
    });
    transport.observer.once('close', () => this.close(new RuthError('webrtc_unavailable', 'the mediasoup worker ended')));
  }

  /** The viewer owns the branch from here on. Throws `webrtc_unavailable`. */
  static async open(branch: Branch): Promise<Viewer> {
    try {
      return new Viewer(branch, await branch.router.createWebRtcTransport({
        webRtcServer: branch.place.server, enableUdp: true, enableTcp: true, preferUdp: true,
        iceConsentTimeout: ICE_CONSENT_LIMIT_S, initialAvailableOutgoingBitrate: INITIAL_BITRATE_BPS,
      }));
    } catch (cause) {
      branch.release();
      throw unavailable(cause);
    }
  }

  get open(): boolean { return this.#open; }
  get routerRtpCapabilities(): types.RtpCapabilities { return this.#branch.router.rtpCapabilities; }
  get place(): Branch['place'] { return this.#branch.place; }

  /** Throws `bad_request` where the parameters are none, `invalid_state` where it is connected already. */
  async connect(dtlsParameters: types.DtlsParameters): Promise<void> {
    await this.#asked(() => this.transport.connect({ dtlsParameters }));
  }

  /** What the viewer will get; nothing flows before `watch`. Throws `unsupported_codec` where it cannot take H.264, `bad_request`, `invalid_state`. */
  async consume(rtpCapabilities: types.RtpCapabilities): Promise<types.Consumer> {
    if (this.#consumer) throw new RuthError('invalid_state', 'the viewer receives already');
    const producerId = this.#branch.producerId;
    const consumer = await this.#asked(async () => {
      if (!this.#branch.router.canConsume({ producerId, rtpCapabilities })) throw new RuthError('unsupported_codec', 'the viewer cannot receive H.264 (Constrained Baseline, packetization-mode 1)');
      return this.transport.consume({ producerId, rtpCapabilities, paused: true });
    });
    consumer.on('producerclose', () => this.close(new RuthError('webrtc_unavailable', 'the camera\'s part in mediasoup ended')));
    return this.#consumer = consumer;
  }

  /** Lets pictures flow once the connection stands; false where the viewer went before. Throws `invalid_state` before `consume`. */
  async watch(): Promise<boolean> {
    const consumer = this.#consumer;
    if (!consumer) throw new RuthError('invalid_state', 'say first what the viewer can receive');
    if (!await this.#connected.promise || !this.#open) return false;
    await this.#asked(() => consumer.resume());
    return this.#open;
  }

  /** RTP packets so far; 0 for one who is gone. */
  async packetsSent(): Promise<number> {
    const stats = await this.#consumer?.getStats().catch(() => null);
    return stats?.find(({ type }) => type === 'outbound-rtp')?.packetCount ?? 0;
  }

  close(reason: RuthError | null): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#limit);
    this.#branch.place.load--;
    this.#connected.resolve(false);
    this.transport.close();
    this.#branch.release();
    this.#gone.resolve(reason);
  }

  /** mediasoup throws TypeErrors for what a viewer said wrongly, InvalidStateErrors for what comes in a wrong order or too late. */
  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (cause) {
      if (cause instanceof RuthError) throw cause;
      if (!this.#open) throw new RuthError('webrtc_unavailable', 'the viewer is gone', { cause });
      throw new RuthError(cause instanceof TypeError ? 'bad_request' : 'invalid_state', `mediasoup: ${(cause as Error).message}`, { cause });
    }
  }
}
