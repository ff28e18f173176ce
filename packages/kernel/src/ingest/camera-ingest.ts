// One camera: its main stream and whoever takes pictures of it, the stream for models where the camera has one of its own,
// and how all that is. Neither stream stops for the other.
import { AddressPolicy, type Logger } from '@ruth/transport';
import { FrameDecoder } from '../frames/frame-decoder.ts';
import { FramePublisher } from '../frames/frame-publisher.ts';
import { LiveFeed } from '../live/fmp4/live-feed.ts';
import { RtpFeed } from '../live/rtp/rtp-feed.ts';
import { UnitFeed } from '../live/unit-feed.ts';
import type { PacketConsumer } from '../media/media-packet.ts';
import { PictureGroup } from '../media/picture-group.ts';
import { MovingRecorder } from '../record/recorder/moving-recorder.ts';
import { Recorder } from '../record/recorder/recorder.ts';
import { ByteRate } from './byte-rate.ts';
import { lastError, type FromIngest, type IngestSettings, type IngestStatus, type RecordingTurn, type Wants } from './messages.ts';
import { StreamIngest } from './stream-ingest.ts';
import { StreamOnDemand } from './stream-on-demand.ts';
import { StreamRates } from './stream-rates.ts';

/** Each status wakes the kernel; a change of state is told at once. */
const STATUS_INTERVAL_MS = 2000;
/** Epochs count seconds at most: those of the two streams of a camera never meet. */
const DETECT_EPOCHS = 2 ** 30;

export interface CameraIngestOptions {
  readonly settings: IngestSettings;
  readonly logger: Logger;
  readonly send: (message: FromIngest) => Promise<void>;
  /** FFmpeg does not return: the process must end. */
  readonly onHang: () => void;
}

export class CameraIngest {
  readonly #options: CameraIngestOptions;
  readonly #rates = new StreamRates();
  readonly #byteRate = new ByteRate();
  readonly #main: StreamIngest;
  /** Null where the main stream is decoded. */
  readonly #detect: StreamOnDemand | null;
  readonly #detectRates = new StreamRates();
  readonly #publisher: FramePublisher;
  readonly #decoder: FrameDecoder;
  readonly #group = new PictureGroup();
  readonly #live: LiveFeed;
  readonly #liveDetect: LiveFeed;
  readonly #rtp: RtpFeed;
  readonly #units: UnitFeed;
  /** Null where the camera is not recorded. */
  readonly #recorder: Recorder | null;
  readonly #moving: MovingRecorder | null;
  #answered = 0;

  constructor(options: CameraIngestOptions) {
    this.#options = options;
    const { cameraId, slotCount, ringDirectory, firstEpoch, url, detectUrl, audio, hardware, recording } = options.settings;
    const { logger, send } = options;
    this.#publisher = new FramePublisher({ cameraId, slotCount, ringDirectory });
    this.#decoder = new FrameDecoder({ publisher: this.#publisher, rates: detectUrl === null ? this.#rates : this.#detectRates, hardware, logger });
    const detectGroup = new PictureGroup();
    this.#live = new LiveFeed({ cameraId, stream: 'main', group: this.#group, send });
    this.#liveDetect = new LiveFeed({ cameraId, stream: 'detect', group: detectGroup, send });
    this.#rtp = new RtpFeed({ group: this.#group, send });
    this.#units = new UnitFeed({ group: this.#group, send });
    this.#recorder = recording && new Recorder({ ...recording, cameraId, send });
    this.#moving = this.#recorder && new MovingRecorder({ recorder: this.#recorder, send: (message) => void send(message) });
    const own: readonly PacketConsumer[] = [...(this.#moving ? [this.#moving] : []), this.#group, this.#live, this.#rtp, this.#units];
    this.#main = this.#stream({ url, audio, firstEpoch, rates: this.#rates, logger, consumers: detectUrl === null ? [...own, this.#decoder] : own });
    this.#detect = detectUrl === null ? null : new StreamOnDemand(this.#stream({
      url: detectUrl, audio: false, firstEpoch: firstEpoch + DETECT_EPOCHS, rates: this.#detectRates, logger: logger.child({ stream: 'detect' }), consumers: [detectGroup, this.#liveDetect, this.#decoder],
    }), () => {
      detectGroup.forget();
      this.#report();
    });
  }

  want({ fps, fmp4, fmp4Detect, rtp, units, record, recordUntilS, turn }: Wants): void {
    this.#decoder.setDemand(fps);
    this.#detect?.setWanted(fps > 0 || fmp4Detect);
    this.#main.setPrompt(fmp4 || units || rtp !== null || (this.#detect === null && fps > 0));
    this.#live.setWanted(fmp4);
    this.#liveDetect.setWanted(fmp4Detect);
    this.#rtp.setTarget(rtp);
    this.#units.setWanted(units);
    this.#moving?.setLeaseEnd(recordUntilS);
    this.#moving?.set(turn, record);
    if (this.#moving === null) this.#answerTurn(turn);
  }

  /** Returns when the signal is aborted and everything is closed: no ring is left behind. */
  async run(signal: AbortSignal): Promise<void> {
    const report = setInterval(() => {
      this.#byteRate.sample(this.#main.counters.bytes);
      this.#report();
    }, STATUS_INTERVAL_MS);
    try {
      await this.#main.run(signal);
    } finally {
      clearInterval(report);
      await this.#recorder?.[Symbol.asyncDispose]();
      await this.#detect?.[Symbol.asyncDispose]();
      this.#rtp[Symbol.dispose]();
      await this.#live[Symbol.asyncDispose]();
      await this.#liveDetect[Symbol.asyncDispose]();
      await this.#decoder[Symbol.asyncDispose]();
    }
  }

  /** A camera that is not recorded may move at once. */
  #answerTurn({ step, turn }: RecordingTurn): void {
    if (turn === this.#answered) return;
    this.#answered = turn;
    if (step === 'hold') void this.#options.send({ type: 'held', turn, held: true });
    if (step === 'leave') void this.#options.send({ type: 'left', turn, seam: null });
  }

  #stream(stream: Pick<ConstructorParameters<typeof StreamIngest>[0], 'url' | 'audio' | 'firstEpoch' | 'rates' | 'logger' | 'consumers'>): StreamIngest {
    const { settings: { transport, stallTimeoutMs, addresses }, onHang } = this.#options;
    return new StreamIngest({ ...stream, transport, stallTimeoutMs, addresses: AddressPolicy.forCameras(addresses), onHang, onChange: () => this.#report() });
  }

  #report(): void {
    this.#publisher.heartbeat();
    void this.#options.send({ type: 'status', status: this.status });
  }

  get status(): IngestStatus {
    const main = this.#main;
    const decoder = this.#decoder;
    const streaming = main.state === 'streaming';
    const keyframesPerSecond = this.#rates.keyframes.perSecond;
    return {
      state: main.state,
      last_error: decoder.error ? lastError(decoder.error) : main.lastError,
      codec: main.format?.codec ?? null, width: main.format?.width ?? null, height: main.format?.height ?? null,
      fps: streaming ? this.#rates.frames.perSecond : null,
      bitrate_bps: streaming ? this.#byteRate.bitsPerSecond : null,
      keyframe_interval_s: streaming && keyframesPerSecond !== null ? 1 / keyframesPerSecond : null,
      packets_lost: main.packetsLost, audio_codec: main.audioCodec,
      decode_level: decoder.level, decoder: decoder.kind, detect: this.#detectStatus(),
      frame_reference: this.#publisher.ringPath,
      counters: {
        ...main.counters, decoded: decoder.decoded, published: this.#publisher.published,
        decode_errors: main.counters.decode_errors + decoder.decodeErrors + (this.#detect?.stream.counters.decode_errors ?? 0),
      },
      drops: counted({ ...decoder.drops, ...main.drops, live_behind: this.#live.dropped + this.#liveDetect.dropped, ...this.#rtp.drops, ...this.#units.drops }),
      epoch: main.epoch,
      recording: this.#moving?.status ?? { state: 'off', cause: null, bytes_written: 0, segments: 0, drops: {} },
    };
  }

  #detectStatus(): IngestStatus['detect'] {
    if (this.#detect === null) return null;
    const { open, stream: { state, format, lastError: error } } = this.#detect;
    const streaming = open && state === 'streaming';
    return { state: open ? state : 'idle', width: format?.width ?? null, height: format?.height ?? null, fps: streaming ? this.#detectRates.frames.perSecond : null, last_error: error };
  }
}

/** Only what happened. */
const counted = (drops: Readonly<Record<string, number>>): Record<string, number> => Object.fromEntries(Object.entries(drops).filter(([, count]) => count > 0));
