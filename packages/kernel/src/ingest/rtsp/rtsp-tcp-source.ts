// A camera read over RTSP with RTP in the same TCP connection: the usual way. Our own, not FFmpeg's, because most cameras are
// idle most of the time: here a picture costs two system calls and no change of thread (FFmpeg: 70 and four).
import { setImmediate as turn } from 'node:timers/promises';
import { RuthError } from '@ruth/protocol';
import type { VideoCodec } from '../../media/video-codec.ts';
import { OPEN_LIMIT_MS, type AudioDescription, type PacketSource, type SenderOrigins, type SourceAudio, type SourceOptions, type SourcePacket } from '../packet-source.ts';
import { describedAudio, type DescribedAudio } from './described-audio.ts';
import { describedVideo, type DescribedVideo } from './described-video.ts';
import { Inbox } from './inbox.ts';
import { RtspConnection, withoutCredentials } from './rtsp-connection.ts';

/** Each look wakes an idle process: silence need not be noticed more exactly than by a quarter of its limit. */
const watchIntervalMs = (stallTimeoutMs: number): number => Math.min(1000, stallTimeoutMs / 4);
/** Where the camera tells no time-out of its session. */
const USUAL_SESSION_S = 60;
const VIDEO_CHANNEL = 0;
const AUDIO_CHANNEL = 2;

export class RtspTcpSource implements PacketSource {
  readonly #options: SourceOptions;
  readonly #connection: RtspConnection;
  readonly #video: DescribedVideo;
  readonly #audio: DescribedAudio | null;
  readonly #session: string;
  readonly #keepAlive: NodeJS.Timeout;
  readonly #inbox: Inbox;

  private constructor(options: SourceOptions, connection: RtspConnection, inbox: Inbox, { video, audio, session, sessionS }: SetUp) {
    this.#options = options;
    this.#connection = connection;
    this.#video = video;
    this.#audio = audio;
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
      connection = await RtspConnection.open(url, { onFrame: (channel, payload) => inbox.frame(channel, payload), onEnd: (error) => inbox.end(error) }, signal, options.addresses);
      const plain = withoutCredentials(options.url);
      const description = await connection.request('DESCRIBE', plain, { Accept: 'application/sdp' }, signal);
      const base = description.headers.get('content-base')?.[0] ?? description.headers.get('content-location')?.[0] ?? plain;
      const setUp = await settleTracks(connection, description.body.toString('utf8'), base, inbox, options, signal);
      const source = new RtspTcpSource(options, connection, inbox, setUp);
      try {
        await connection.request('PLAY', base, { Session: setUp.session, Range: 'npt=0.000-' }, signal);
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
  get audio(): AudioDescription | null { return this.#audio; }
  get lost(): number { return this.#inbox.lost; }
  get senderOrigins(): SenderOrigins | null { return this.#inbox.senderOrigins; }

  async run(take: (packet: SourcePacket) => Promise<void> | null, takeAudio: (audio: SourceAudio) => void): Promise<never> {
    const { signal, stallTimeoutMs } = this.#options;
    const inbox = this.#inbox;
    const { promise, reject } = Promise.withResolvers<never>();
    let busy = false;
    // While a promise of `take` is waited for, what comes is kept in order.
    const hand = (picture: SourcePacket): void => {
      if (busy) {
        if (!inbox.keep(picture)) reject(new RuthError('internal', 'pictures wait for a keyframe that nobody looks at'));
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
      for (let picture = busy ? null : inbox.next(); picture; picture = busy ? null : inbox.next()) hand(picture);
    };
    inbox.onPicture = hand;
    inbox.onAudio = takeAudio;
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
      inbox.onAudio = () => undefined;
    }
  }

  setPrompt(prompt: boolean): void { this.#connection.setPrompt(prompt); }

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
    this.#connection.sendFrame(VIDEO_CHANNEL + 1, Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 1]));
  }
}

interface SetUp {
  readonly video: DescribedVideo;
  readonly audio: DescribedAudio | null;
  readonly session: string;
  readonly sessionS: number;
}

/** SETUP of the video, and of the sound where it is wanted: without it the video goes on. */
async function settleTracks(connection: RtspConnection, description: string, base: string, inbox: Inbox, options: SourceOptions, signal: AbortSignal): Promise<SetUp> {
  const setUp = (controlUrl: string, channel: number, headers: Readonly<Record<string, string>>): ReturnType<RtspConnection['request']> =>
    connection.request('SETUP', controlUrl, { Transport: `RTP/AVP/TCP;unicast;interleaved=${channel}-${channel + 1}`, ...headers }, signal);
  const channelOf = (answer: Awaited<ReturnType<typeof setUp>>, asked: number): number => Number(/interleaved=(\d+)/.exec(answer.headers.get('transport')?.[0] ?? '')?.[1] ?? asked);
  const video = describedVideo(description, base);
  const answer = await setUp(video.controlUrl, VIDEO_CHANNEL, {});
  const [session = '', ...parameters] = (answer.headers.get('session')?.[0] ?? '').split(';');
  const sessionS = Number(/timeout=(\d+)/.exec(parameters.join(';'))?.[1] ?? USUAL_SESSION_S);
  inbox.beginVideo(video, channelOf(answer, VIDEO_CHANNEL));
  const found = options.audio ? describedAudio(description, base) : { audio: null, reason: null };
  if (found.audio === null) {
    if (found.reason !== null) options.onNoAudio(found.reason);
    return { video, audio: null, session, sessionS };
  }
  try {
    const audioAnswer = await setUp(found.audio.controlUrl, AUDIO_CHANNEL, { Session: session });
    inbox.beginAudio(found.audio, channelOf(audioAnswer, AUDIO_CHANNEL));
    return { video, audio: found.audio, session, sessionS };
  } catch (error) {
    if (signal.aborted || !(error instanceof RuthError) || error.code === 'camera_unreachable') throw error;
    options.onNoAudio(error.message);
    return { video, audio: null, session, sessionS };
  }
}
