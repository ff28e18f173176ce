// The sound of one connection: coded for MP4 whatever the camera sends, and placed on the clock of the picture beside it.
import type { AudioFormat, AudioPacket } from '../../media/media-packet.ts';
import { TICKS_PER_SECOND } from '../../media/media-packet.ts';
import { ArrivalClock } from '../arrival-clock.ts';
import type { AudioDescription, SenderOrigins, SourceAudio } from '../packet-source.ts';
import { AacTranscoder } from './aac-transcoder.ts';
import { AudioTimeline } from './audio-timeline.ts';
import { parseAudioConfig } from './audio-config.ts';

/** `audio_damaged`: it does not decode. `audio_ahead`: left out until the picture had caught up. */
export type AudioDrop = 'audio_damaged' | 'audio_ahead';

/** A camera whose reports lie by more than this is not believed. */
const MAX_REPORT_ERROR_US = 2e6;

/** Where the video stands at present. */
export interface VideoPlace {
  /** Wall clock at the video's time 0, us UTC. */
  readonly videoUs: number;
  readonly sender: SenderOrigins | null;
  readonly epoch: number;
}

export class AudioTrack implements Disposable {
  readonly format: AudioFormat;
  readonly #description: AudioDescription;
  /** Null where MP4 takes the sound as it is. */
  readonly #transcoder: AacTranscoder | null;
  readonly #onDrop: (cause: AudioDrop) => void;
  readonly #frameSamples: number;
  readonly #timeline: AudioTimeline;
  readonly #arrivals = new ArrivalClock();
  #epoch: number | null = null;

  private constructor(description: AudioDescription, onDrop: (cause: AudioDrop) => void) {
    this.#description = description;
    this.#onDrop = onDrop;
    if (description.codec === 'aac') {
      const { sampleRate, channels, frameSamples } = parseAudioConfig(description.config ?? Buffer.alloc(0));
      this.format = { codec: 'aac', config: description.config!, sampleRate, channels };
      this.#frameSamples = frameSamples;
      this.#transcoder = null;
    } else {
      this.#transcoder = AacTranscoder.open(description);
      this.format = this.#transcoder.format;
      this.#frameSamples = this.#transcoder.frameSamples;
    }
    this.#timeline = new AudioTimeline(this.format.sampleRate);
  }

  /** Throws `stream_corrupt` where the description makes no sense, `internal` where FFmpeg lacks a codec. */
  static open(description: AudioDescription, onDrop: (cause: AudioDrop) => void): AudioTrack { return new AudioTrack(description, onDrop); }

  /** As the camera sends it. */
  get sourceCodec(): string { return this.#description.codec; }

  /** What of it is whole by now, in order and with growing times. */
  take(audio: SourceAudio, video: VideoPlace): AudioPacket[] {
    if (video.epoch !== this.#epoch) {
      this.#epoch = video.epoch;
      this.#timeline.restart();
    }
    const audioUs = audio.clockTicks * 1e6 / this.#description.clockRate;
    this.#arrivals.at(audioUs, audio.capturedAtUs);
    const targetTicks = (audioUs + this.#offsetUs(video)) * TICKS_PER_SECOND / 1e6;
    const packets: AudioPacket[] = [];
    for (const { data, offsetSamples } of this.#coded(audio.data)) {
      const times = this.#timeline.stamp(targetTicks + offsetSamples * TICKS_PER_SECOND / this.format.sampleRate, this.#frameSamples);
      if (times === null) this.#onDrop('audio_ahead');
      else packets.push({ data, ...times, epoch: video.epoch });
    }
    return packets;
  }

  [Symbol.dispose](): void { this.#transcoder?.[Symbol.dispose](); }

  /** From the sound's clock to the video's. By the camera's own reports where it sends them for both, else by when they arrive. */
  #offsetUs({ videoUs, sender }: VideoPlace): number {
    const byArrivalUs = this.#arrivals.originUs! - videoUs;
    if (sender === null) return byArrivalUs;
    const byReportsUs = sender.audioUs - sender.videoUs;
    return Math.abs(byReportsUs - byArrivalUs) > MAX_REPORT_ERROR_US ? byArrivalUs : byReportsUs;
  }

  #coded(data: Buffer): readonly { readonly data: Buffer; readonly offsetSamples: number }[] {
    if (this.#transcoder === null) return [{ data, offsetSamples: 0 }];
    const frames = this.#transcoder.take(data);
    if (frames === null) this.#onDrop('audio_damaged');
    return frames ?? [];
  }
}
