// A camera read over RTSP with RTP in the same TCP connection: the usual way. Our own, not FFmpeg's, because most cameras are
// idle most of the time: here a picture costs two system calls and no change of thread (FFmpeg: 70 and four).
import { setImmediate as turn } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol';
import type { VideoCodec } from '../../media/video-codec.ts';
import { OPEN_LIMIT_MS, type PacketSource, type SourceOptions, type SourcePacket } from '../packet-source.ts';
import { AccessUnits } from './access-units.ts';
import { describedVideo, type DescribedVideo } from './described-video.ts';
import { RtspConnection } from './rtsp-connection.ts';

/** Each look wakes an idle process: silence need not be noticed more exactly than by a quarter of its limit. */
const watchIntervalMs = (stallTimeoutMs: number): number => Math.min(1000, stallTimeoutMs / 4);
/** Where the camera tells no time-out of its session. */
const USUAL_SESSION_S = 60;
const RTP_CHANNEL = 0;
const RTCP_CHANNEL = 1;
const RTCP_BYE = 203;
/** Pictures that wait while a keyframe is looked at; the connection is held meanwhile. */
const MAX_WAITING = 500;

export class RtspTcpSource implements PacketSource {
  readonly #options: SourceOptions;
  readonly #connection: RtspConnection;
  readonly #video: DescribedVideo;
  readonly #session: string;
  readonly #keepAlive: NodeJS.Timeout;
  readonly #inbox: Inbox;

  private constructor(options: SourceOptions, connection: RtspConnection, video: DescribedVideo, inbox: Inbox, session: string, sessionS: number) {
    this.#options = options;
    this.#connection = connection;
    this.#video = video;
    this.#inbox = inbox;
    this.#session = session;
    this.#keepAlive = setInterval(() => this.#sayAlive(), Math.max(1, Math.min(sessionS / 2, 25)) * 1000);
  }

  /**
   * Opens the camera's video. Throws `camera_unauthorized`, `camera_unreachable`, `camera_protocol`, `camera_no_video`, or
   * `cancelled` where the signal came first.
   */
  static async open(options: SourceOptions): Promise<RtspTcpSource> {
    const url = new URL(options.url);
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(Math.max(OPEN_LIMIT_MS, options.stallTimeoutMs))]);
    const inbox = new Inbox();
    let connection: RtspConnection | null = null;
    try {
      connection = await RtspConnection.open(url, { onFrame: (channel, payload) => inbox.frame(channel, payload), onEnd: (error) => inbox.end(error) }, signal);
      const plain = withoutCredentials(options.url);
      const description = await connection.request('DESCRIBE', plain, { Accept: 'application/sdp' }, signal);
      const base = description.headers.get('content-base')?.[0] ?? description.headers.get('content-location')?.[0] ?? plain;
      const video = describedVideo(description.body.toString('utf8'), base);
      const setUp = await connection.request('SETUP', video.controlUrl, { Transport: `RTP/AVP/TCP;unicast;interleaved=${RTP_CHANNEL}-${RTCP_CHANNEL}` }, signal);
      const [session = '', ...parameters] = (setUp.headers.get('session')?.[0] ?? '').split(';');
      const sessionS = Number(/timeout=(\d+)/.exec(parameters.join(';'))?.[1] ?? USUAL_SESSION_S);
      const channel = Number(/interleaved=(\d+)/.exec(setUp.headers.get('transport')?.[0] ?? '')?.[1] ?? RTP_CHANNEL);
      inbox.begin(video, channel);
      const source = new RtspTcpSource(options, connection, video, inbox, session, sessionS);
      try {
        await connection.request('PLAY', base, { Session: session, Range: 'npt=0.000-' }, signal);
        return source;
      } catch (error) {
        await source[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      connection?.[Symbol.dispose]();
      throw options.signal.aborted ? new RuthError('cancelled', 'the camera is being closed', { cause: error }) : error;
    }
  }

  get codec(): VideoCodec { return this.#video.codec; }
  get describedParameterSets(): Buffer | null { return this.#video.parameterSets; }

  async run(take: (packet: SourcePacket) => Promise<void> | null): Promise<never> {
    const { signal, stallTimeoutMs } = this.#options;
    const inbox = this.#inbox;
    const { promise, reject } = Promise.withResolvers<never>();
    let busy = false;
    // While a promise of `take` is waited for, what comes is kept in order.
    const hand = (picture: SourcePacket): void => {
      if (busy) {
        if (inbox.waiting.push(picture) > MAX_WAITING) reject(new RuthError('internal', 'pictures wait for a keyframe that nobody looks at'));
        return;
      }
      const taken = take(picture);
      if (!taken) return;
      busy = true;
      this.#connection.pause();
      taken.then(() => {
        busy = false;
        this.#connection.resume();
        flush();
      }, reject);
    };
    const flush = (): void => {
      while (!busy && inbox.waiting.length > 0) hand(inbox.waiting.shift()!);
    };
    inbox.onPicture = hand;
    inbox.onEnd = reject;
    const onAbort = (): void => reject(new RuthError('cancelled', 'the camera is being closed'));
    signal.addEventListener('abort', onAbort, { once: true });
    let seen = inbox.pictures;
    let quietSinceMs = performance.now();
    const watch = setInterval(() => {
      if (inbox.pictures !== seen) {
        seen = inbox.pictures;
        quietSinceMs = performance.now();
      } else if (performance.now() - quietSinceMs > stallTimeoutMs) reject(new RuthError('camera_stalled', `no picture for ${stallTimeoutMs} ms`));
    }, watchIntervalMs(stallTimeoutMs));
    try {
      if (signal.aborted) onAbort();
      else if (inbox.ended) reject(inbox.ended);
      else flush();
      return await promise;
    } finally {
      clearInterval(watch);
      signal.removeEventListener('abort', onAbort);
      inbox.onPicture = () => undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#keepAlive);
    this.#connection.post('TEARDOWN', withoutCredentials(this.#options.url), { Session: this.#session });
    // Lets the farewell leave; nobody waits for its answer.
    await turn();
    this.#connection[Symbol.dispose]();
  }

  #sayAlive(): void {
    this.#connection.post('GET_PARAMETER', withoutCredentials(this.#options.url), { Session: this.#session });
    // An empty receiver report: some cameras listen for that instead.
    this.#connection.sendFrame(RTCP_CHANNEL, Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 1]));
  }
}

/** Where pictures wait until somebody runs the source, and after. */
class Inbox {
  readonly waiting: SourcePacket[] = [];
  pictures = 0;
  ended: RuthError | null = null;
  #channel = RTP_CHANNEL;
  #units: AccessUnits | null = null;

  onPicture: (picture: SourcePacket) => void = (picture) => { if (this.waiting.length < MAX_WAITING) this.waiting.push(picture); };
  onEnd: (error: RuthError) => void = () => undefined;

  begin({ codec, payloadType }: DescribedVideo, channel: number): void {
    this.#channel = channel;
    this.#units = new AccessUnits(codec, payloadType, (unit) => {
      this.pictures++;
      this.onPicture({ ...unit, durationTicks: 0 });
    });
  }

  frame(channel: number, payload: Buffer): void {
    if (channel === this.#channel) this.#units?.push(payload, Date.now() * 1000);
    else if (channel === this.#channel + 1 && saysBye(payload)) this.end(new RuthError('camera_unreachable', 'the camera ended the stream'));
  }

  end(error: RuthError): void {
    this.ended = error;
    this.onEnd(error);
  }
}

/** Whether one of the reports of an RTCP packet is a BYE. */
function saysBye(packet: Buffer): boolean {
  for (let at = 0; at + 4 <= packet.length; at += 4 + packet.readUInt16BE(at + 2) * 4) if (packet[at + 1] === RTCP_BYE) return true;
  return false;
}

function withoutCredentials(url: string): string {
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  return plain.href;
}
