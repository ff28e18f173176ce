// The WebRTC path: one attempt to watch a camera through mediasoup, from signalling to its end. Whether and when to try
// again is the caller's. The conversation is the one that protocol's webrtc.ts writes down.
import { ERRORS, type WebRtcFromKernel, type WebRtcFromPage, type WebRtcStream } from '@ruth/protocol';
import type { types } from 'mediasoup-client';
import { followFrames } from '../video-frames.ts';

/** Why it ended, and whether trying again later can help. */
export interface WebRtcEnd { readonly reason: string; readonly again: boolean }

export interface WebRtcPlayerOptions {
  readonly video: HTMLVideoElement;
  readonly url: string;
  /** The first picture is on its way to the screen. Called at most once. */
  readonly onPicture: () => void;
  /** Called once, unless it is closed before. */
  readonly onEnd: (end: WebRtcEnd) => void;
}

const FIRST_PICTURE_LIMIT_MS = 8000;
const CONNECT_LIMIT_MS = 5000;
const LOOK_EVERY_MS = 1000;
/** Without a new picture for this long, another path may do better. */
const STILL_LIMIT_MS = 6000;

/** Why this browser can do no WebRTC; null where it can. */
export function webRtcMissing(): string | null {
  return 'RTCPeerConnection' in globalThis ? null : 'this browser has no WebRTC';
}

export class WebRtcPlayer implements Disposable {
  readonly #options: WebRtcPlayerOptions;
  readonly #socket: WebSocket;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #transport: types.Transport | null = null;
  #consumer: types.Consumer | null = null;
  #connected: (() => void) | null = null;
  #stream: WebRtcStream | null = null;
  #delayS: number | null = null;
  #heldBackS = 0;
  #received: { readonly bytes: number; readonly jitterS: number | null; readonly halts: number } = { bytes: 0, jitterS: null, halts: 0 };
  #waited = { seconds: 0, pictures: 0 };
  #ended = false;
  #pictures = 0;
  #newAt = 0;

  constructor(options: WebRtcPlayerOptions) {
    this.#options = options;
    this.#socket = new WebSocket(options.url);
    this.#limit(FIRST_PICTURE_LIMIT_MS, () => this.#pictures === 0, 'no picture came over WebRTC');
    let told: Promise<void> = Promise.resolve();
    this.#socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      // One after the other: what a message asks for may take a while.
      const message = JSON.parse(data) as WebRtcFromKernel;
      if (message.type === 'connected') this.#connected?.();
      else told = told.then(() => this.#take(message)).catch((error: unknown) => this.#end({ reason: (error as Error).message, again: false }));
    });
    this.#socket.addEventListener('close', ({ code, reason }) => this.#end({ reason: reason || 'the connection was lost', again: isWorthRetrying(code) }));
  }

  /** What the stream is at present; null until the kernel has said it. */
  get stream(): WebRtcStream | null { return this.#stream; }

  /** How long pictures are held back before they are shown, seconds; 0, as early as can be, unless told. Not every browser does it. */
  set heldBackS(value: number) {
    this.#heldBackS = value;
    const receiver = this.#consumer?.rtpReceiver;
    if (receiver && 'jitterBufferTarget' in receiver) receiver.jitterBufferTarget = value * 1000;
  }

  /** How long pictures wait in this browser, seconds; null where it is not known. */
  get delayS(): number | null { return this.#delayS; }

  /** Of media, as the browser counts them once a second. */
  get receivedBytes(): number | null { return this.#received.bytes; }

  /** By how much packets come irregularly (RFC 3550), seconds; null where it is not known. */
  get jitterS(): number | null { return this.#received.jitterS; }

  /** Times that the picture stood still, as the browser sees it. */
  get halts(): number { return this.#received.halts; }

  [Symbol.dispose](): void { this.#close(); }

  async #take(message: WebRtcFromKernel): Promise<void> {
    if (this.#ended) return;
    switch (message.type) {
      case 'offer': return this.#offered(message);
      case 'consumer': return this.#consume(message.consumer as unknown as types.ConsumerOptions);
      case 'stream': this.#stream = message.stream; return;
      case 'error': return this.#end({ reason: message.error, again: retryable(message.error_code) });
      case 'connected': return;
    }
  }

  async #offered(offer: Extract<WebRtcFromKernel, { type: 'offer' }>): Promise<void> {
    this.#stream = offer.stream;
    const { Device } = await import('mediasoup-client');
    const device = await Device.factory();
    await device.load({ routerRtpCapabilities: offer.router_rtp_capabilities });
    if (this.#ended) return;
    if (!device.recvRtpCapabilities.codecs?.some(({ kind }) => kind === 'video')) return this.#end({ reason: 'this browser cannot play H.264 over WebRTC', again: false });
    const transport = this.#transport = device.createRecvTransport(offer.transport as unknown as types.TransportOptions);
    transport.on('connect', ({ dtlsParameters }, done) => {
      this.#connected = done;
      this.#say({ type: 'connect', dtls_parameters: dtlsParameters as unknown as Record<string, unknown> });
      this.#limit(CONNECT_LIMIT_MS, () => transport.connectionState !== 'connected', 'media cannot pass between the server and this browser');
    });
    transport.on('connectionstatechange', (state) => {
      if (state === 'failed' || state === 'disconnected') this.#end({ reason: 'the WebRTC connection was lost', again: true });
    });
    this.#say({ type: 'receive', rtp_capabilities: device.recvRtpCapabilities as unknown as Record<string, unknown> });
  }

  async #consume(options: types.ConsumerOptions): Promise<void> {
    const consumer = this.#consumer = await this.#transport!.consume(options);
    if (this.#ended) return;
    const { video } = this.#options;
    const receiver = consumer.rtpReceiver;
    if (receiver && 'jitterBufferTarget' in receiver) receiver.jitterBufferTarget = this.#heldBackS * 1000;
    video.srcObject = new MediaStream([consumer.track]);
    video.play().catch(() => undefined);
    this.#say({ type: 'resume' });
    this.#newAt = performance.now();
    this.#timers.push(setInterval(() => void this.#look(), LOOK_EVERY_MS));
    const waiting = new AbortController();
    followFrames(video, waiting.signal, () => {
      waiting.abort();
      if (!this.#ended && this.#pictures === 0) this.#picture();
    });
  }

  #picture(): void {
    this.#pictures = Math.max(1, this.#pictures);
    this.#options.onPicture();
  }

  /** Pictures may stop without a word: then this path ends. A hidden page decodes nothing, and that is well. */
  async #look(): Promise<void> {
    const report = await this.#consumer!.getStats().catch(() => null);
    if (this.#ended || !report) return;
    for (const entry of report.values() as Iterable<RTCInboundRtpStreamStats>) {
      if (entry.type !== 'inbound-rtp') continue;
      const decoded = entry.framesDecoded ?? 0;
      if (decoded > this.#pictures) this.#newAt = performance.now();
      if (this.#pictures > 0) this.#pictures = Math.max(this.#pictures, decoded);
      const waited = { seconds: entry.jitterBufferDelay ?? 0, pictures: entry.jitterBufferEmittedCount ?? 0 };
      if (waited.pictures > this.#waited.pictures) this.#delayS = (waited.seconds - this.#waited.seconds) / (waited.pictures - this.#waited.pictures);
      this.#waited = waited;
      // mediasoup's probing has an entry of its own, with no picture.
      if (decoded > 0) this.#received = { bytes: entry.bytesReceived ?? 0, jitterS: entry.jitter ?? null, halts: entry.freezeCount ?? 0 };
    }
    if (document.visibilityState !== 'visible') this.#newAt = performance.now();
    if (performance.now() - this.#newAt > STILL_LIMIT_MS) this.#end({ reason: 'no new picture came over WebRTC', again: true });
  }

  #limit(ms: number, stillSo: () => boolean, reason: string): void {
    this.#timers.push(setTimeout(() => { if (stillSo()) this.#end({ reason, again: true }); }, ms));
  }

  #say(message: WebRtcFromPage): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #end(end: WebRtcEnd): void {
    if (this.#ended) return;
    this.#close();
    this.#options.onEnd(end);
  }

  #close(): void {
    this.#ended = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#consumer?.close();
    this.#transport?.close();
    this.#socket.close();
  }
}

function retryable(code: string): boolean {
  return code in ERRORS ? ERRORS[code as keyof typeof ERRORS].retryable : true;
}

/** 4000 + HTTP status says what the server thought of it. */
function isWorthRetrying(closeCode: number): boolean {
  if (closeCode < 4000) return true;
  return Object.values(ERRORS).some(({ httpStatus, retryable: helps }) => helps && httpStatus === closeCode - 4000);
}
