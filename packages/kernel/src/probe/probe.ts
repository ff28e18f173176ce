// Looks at a camera for some seconds, as a recorder would read it, and says what it is.
import { cameraUrlProblem, type CameraAddresses, type ProbeReport, redactUrls, RuthError } from '@ruth/protocol';
import { AddressPolicy } from '@ruth/transport';
import { probeFormat } from '../media/format-probe.ts';
import { codecString } from '../media/parameter-sets.ts';
import { adviceFor } from './advice.ts';
import { openCamera, type OpenedCamera } from './open-camera.ts';
import { StreamSample } from './stream-sample.ts';

export interface ProbeOptions {
  readonly url: string;
  /** Null: TCP, then UDP. */
  readonly transport: 'tcp' | 'udp' | null;
  /** How long to look; up to three times that where keyframes are rare. */
  readonly seconds: number;
  /** Models have a stream of their own. */
  readonly detectStream: boolean;
  /** Where cameras may be; as without a setting unless told. */
  readonly addresses?: CameraAddresses;
  readonly signal: AbortSignal;
  readonly onHang: () => void;
}

const STALL_TIMEOUT_MS = 5000;
const LONGEST = 3;
const LOOK_INTERVAL_MS = 50;

/** Throws what opening the camera throws, `bad_request` for a wrong URL, `cancelled`. */
export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  const { url, transport, seconds, addresses = {}, signal, onHang } = options;
  const problem = cameraUrlProblem(url);
  if (problem !== null) throw new RuthError('bad_request', `the URL ${problem}`);
  const enough = new AbortController();
  const startedMs = performance.now();
  const opened = await openCamera({
    url, stallTimeoutMs: Math.max(STALL_TIMEOUT_MS, seconds * 1000), audio: true, addresses: AddressPolicy.forCameras(addresses), onNoAudio: () => undefined, onHang, signal: AbortSignal.any([signal, enough.signal]),
  }, transport);
  await using source = opened.source;
  const openedMs = performance.now();
  const sample = new StreamSample(source.codec);
  const watch = setInterval(() => {
    const lookedS = (performance.now() - openedMs) / 1000;
    if (lookedS > seconds * LONGEST || (lookedS > seconds && sample.keyframes > 1)) enough.abort();
  }, LOOK_INTERVAL_MS);
  try {
    await source.run((packet) => { sample.take(packet); return null; }, () => undefined);
  } catch (cause) {
    // A camera that ends early has said something; one that said nothing has failed.
    if (signal.aborted || (!enough.signal.aborted && sample.pictures === 0)) throw cause;
  } finally {
    clearInterval(watch);
  }
  const report = await reportOf(options, opened, sample, { connectMs: openedMs - startedMs, openedMs });
  return { ...report, advice: adviceFor(report, options.detectStream) };
}

async function reportOf({ url }: ProbeOptions, { source, transport, refused }: OpenedCamera, sample: StreamSample, times: { connectMs: number; openedMs: number }): Promise<Omit<ProbeReport, 'advice'>> {
  const { codec, describedParameterSets, audio, senderOrigins, lost } = source;
  const parameterSets = sample.parameterSets ?? describedParameterSets;
  // A keyframe that does not decode leaves open what it would have told.
  const picture = parameterSets === null || sample.keyframe === null ? null : await probeFormat(source.codec, parameterSets, sample.keyframe).catch(() => null);
  const interval = sample.keyframeIntervalS;
  const { fps } = sample;
  return {
    url: redactUrls(url), transport, refused_transports: Object.fromEntries(Object.entries(refused).map(([way, why]) => [way, redactUrls(why)])),
    measured_s: sample.durationS, connect_ms: times.connectMs, first_picture_ms: sample.firstKeyframeAtMs === null ? null : Math.max(0, sample.firstKeyframeAtMs - times.openedMs),
    codec, profile: parameterSets === null ? null : codecString(codec, parameterSets), width: picture?.width ?? null, height: picture?.height ?? null,
    stated_fps: picture?.statedFps ?? null, fps, fps_jitter: sample.jitter,
    keyframe_interval_s: interval, pictures_per_keyframe: interval === null || fps === null ? null : Math.round(interval * fps),
    b_frames: picture === null ? null : sample.reordered, bitrate_bps: sample.bitrateBps, packets_lost: lost,
    parameter_sets: sample.parameterSets === null ? describedParameterSets === null ? 'missing' : 'description' : describedParameterSets === null ? 'stream' : 'both',
    audio_codec: audio?.codec ?? null, clock_drift_ppm: sample.clockDriftPpm,
    // FFmpeg keeps them to itself.
    sender_reports: lost === null && senderOrigins === null ? null : senderOrigins !== null,
    clock_offset_s: senderOrigins === null ? null : sample.clockOffsetS(senderOrigins.videoUs),
  };
}
