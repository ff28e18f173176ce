// What comes over a connection to a camera: put together by track, and the pictures kept until somebody runs the source and
// while a keyframe is looked at.
import { RuthError } from '@ruth/protocol';
import { TICKS_PER_SECOND } from '../../media/media-packet.ts';
import type { SenderOrigins, SourceAudio, SourcePacket } from '../packet-source.ts';
import { AccessUnits } from './access-units.ts';
import { AudioUnits } from './audio-units.ts';
import type { DescribedAudio } from './described-audio.ts';
import type { DescribedVideo } from './described-video.ts';
import { parseRtcp } from './rtcp.ts';
import type { RtpClock } from './rtp-clock.ts';

/** The connection is held meanwhile: what waits is what had been read already. */
const MAX_WAITING_BYTES = 64 << 20;
/** What a picture in the queue takes besides its bytes. */
const WAITING_OVERHEAD_BYTES = 512;

export class Inbox {
  readonly #waiting: SourcePacket[] = [];
  #waitingBytes = 0;
  pictures = 0;
  ended: RuthError | null = null;
  readonly #tracks = new Map<number, (payload: Buffer) => void>();
  #units: AccessUnits | null = null;
  #video: Origin | null = null;
  #audio: Origin | null = null;

  onPicture: (picture: SourcePacket) => void = (picture) => { this.keep(picture); };
  onAudio: (audio: SourceAudio) => void = () => undefined;
  onEnd: (error: RuthError) => void = () => undefined;

  get lost(): number { return this.#units?.lost ?? 0; }

  get senderOrigins(): SenderOrigins | null {
    const [videoUs, audioUs] = [this.#video?.us, this.#audio?.us];
    return videoUs === undefined || audioUs === undefined || videoUs === null || audioUs === null ? null : { videoUs, audioUs };
  }

  /** False where there is no room. */
  keep(picture: SourcePacket): boolean {
    const bytes = picture.data.length + WAITING_OVERHEAD_BYTES;
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) return false;
    this.#waiting.push(picture);
    this.#waitingBytes += bytes;
    return true;
  }

  next(): SourcePacket | null {
    const picture = this.#waiting.shift();
    if (!picture) return null;
    this.#waitingBytes -= picture.data.length + WAITING_OVERHEAD_BYTES;
    return picture;
  }

  beginVideo({ codec, payloadType }: DescribedVideo, channel: number): void {
    const units = new AccessUnits(codec, payloadType, (unit) => {
      this.pictures++;
      this.onPicture({ ...unit, durationTicks: 0 });
    });
    this.#units = units;
    this.#video = new Origin(units.clock, TICKS_PER_SECOND);
    this.#begin(channel, units, this.#video, () => this.end(new RuthError('camera_unreachable', 'the camera ended the stream')));
  }

  beginAudio(audio: DescribedAudio, channel: number): void {
    const units = new AudioUnits(audio, (sound) => this.onAudio(sound));
    this.#audio = new Origin(units.clock, audio.clockRate);
    // Where the sound ends, the video goes on.
    this.#begin(channel, units, this.#audio, () => undefined);
  }

  frame(channel: number, payload: Buffer): void { this.#tracks.get(channel)?.(payload); }

  end(error: RuthError): void {
    this.ended = error;
    this.onEnd(error);
  }

  #begin(channel: number, units: AccessUnits | AudioUnits, origin: Origin, onBye: () => void): void {
    this.#tracks.set(channel, (payload) => units.push(payload, Date.now() * 1000));
    this.#tracks.set(channel + 1, (payload) => {
      const { clock, bye } = parseRtcp(payload);
      if (clock) origin.report(clock);
      if (bye) onBye();
    });
  }
}

/** Where the camera's clock stands at time 0 of one of its streams, by its newest report. */
class Origin {
  readonly #clock: RtpClock;
  readonly #clockRate: number;
  us: number | null = null;

  constructor(clock: RtpClock, clockRate: number) {
    this.#clock = clock;
    this.#clockRate = clockRate;
  }

  report({ ntpUs, rtpTimestamp }: { readonly ntpUs: number; readonly rtpTimestamp: number }): void {
    const ticks = this.#clock.ticksAt(rtpTimestamp);
    if (ticks !== null) this.us = ntpUs - ticks * 1e6 / this.#clockRate;
  }
}
