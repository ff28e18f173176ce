// What a person should do about a camera, in plain words, from what a probe measured.
import type { ProbeReport } from '@ruth/protocol';

type Advice = ProbeReport['advice'][number];

const LONG_KEYFRAME_INTERVAL_S = 4;
const SLOW_FIRST_PICTURE_MS = 2000;
const UNEVEN = 0.5;
const FPS_TOLERANCE = 0.1;
const CLOCK_DRIFT_PPM = 1000;
const CLOCK_OFFSET_S = 2;
const FULL_HD_PIXELS = 1920 * 1088;

const number = (value: number, digits = 1): string => String(Number(value.toFixed(digits)));

/** Problems first; never empty. */
export function adviceFor(report: Omit<ProbeReport, 'advice'>, detectStream: boolean): Advice[] {
  const found = [...problems(report), ...notes(report, detectStream)];
  return found.length > 0 ? found : [{ level: 'good', text: 'Nothing to change: keyframes, frame rate and transport are as they should be.' }];
}

function* problems(report: Omit<ProbeReport, 'advice'>): Generator<Advice> {
  const problem = (text: string): Advice => ({ level: 'problem', text });
  const { codec, width, keyframe_interval_s: interval, fps, measured_s: seconds } = report;
  if (width === null) yield problem('No picture could be decoded: no keyframe came, or its parameter sets are missing or damaged. Look at the stream with another player; restart the camera.');
  if (interval === null && width !== null) yield problem(`No second keyframe came within ${number(seconds)} s. New viewers, recordings and decoding can begin at keyframes only: set the keyframe (I-frame) interval of the camera to 1 or 2 s.`);
  else if (interval !== null && interval > LONG_KEYFRAME_INTERVAL_S) {
    yield problem(`A keyframe comes only every ${number(interval)} s: a gap or a seek costs up to that much. Set the keyframe (I-frame) interval of the camera to 1 or 2 s${fps === null ? '' : ` (${Math.round(fps)} to ${Math.round(2 * fps)} pictures)`}.`);
  }
  if (report.transport === 'udp' && report.refused_transports.tcp !== undefined) yield problem('It works over UDP alone, where a busy network loses packets. Set transport: udp for it; enable "RTP over RTSP" (TCP) in the camera where it has that.');
  if (report.packets_lost !== null && report.packets_lost > 0) yield problem(`${report.packets_lost} packets were lost on the way. ${report.transport === 'udp' ? 'Use TCP, or a' : 'The camera or the network drops data: use a'} cable instead of WLAN, or a lower bitrate.`);
  if (report.parameter_sets === 'missing') yield problem(`The stream tells no parameter sets (SPS and PPS${codec === 'hevc' ? ', VPS' : ''}): nothing can decode it.`);
  if (report.b_frames === true && codec === 'h264') yield problem('It sends B-frames, which WebRTC does not show in order: viewers then get it another way, later. Set B-frames to 0, or the profile to Baseline.');
}

function* notes(report: Omit<ProbeReport, 'advice'>, detectStream: boolean): Generator<Advice> {
  const note = (text: string): Advice => ({ level: 'note', text });
  const { fps, stated_fps: stated, width, height, clock_drift_ppm: drift, clock_offset_s: offset } = report;
  if (report.codec === 'hevc') yield note('H.265: WebRTC carries H.264 alone, so it is shown over MSE, and only in browsers that can decode it. Recording is not concerned. H.264 plays everywhere.');
  if (stated !== null && fps !== null && Math.abs(stated - fps) > stated * FPS_TOLERANCE) yield note(`It says ${number(stated)} fps and sends ${number(fps)}. In the dark many cameras slow down: see "slow shutter" there.`);
  if (report.fps_jitter !== null && report.fps_jitter > UNEVEN) yield note('The time between its pictures varies much: switch off "smart" or variable frame rates, and look whether the camera is overloaded.');
  if (report.first_picture_ms !== null && report.first_picture_ms > SLOW_FIRST_PICTURE_MS) yield note(`The first picture took ${number(report.first_picture_ms / 1000)} s: it does not begin with a keyframe. After a reconnect that much is missing.`);
  if (report.parameter_sets === 'description') yield note('Parameter sets stand in its description alone, not in the stream. That works; a change of resolution while it streams would not.');
  if (report.sender_reports === false) yield note('No clock came from it (RTCP sender reports): sound and picture are put together by when they arrive.');
  if (offset !== null && Math.abs(offset) > CLOCK_OFFSET_S) yield note(`Its own clock is ${number(Math.abs(offset))} s ${offset > 0 ? 'ahead' : 'behind'}. Recordings are dated by this machine; for the time in its picture set NTP there.`);
  if (drift !== null && Math.abs(drift) > CLOCK_DRIFT_PPM) yield note(`The stream's clock runs ${number(Math.abs(drift) / 1e4, 2)} % ${drift > 0 ? 'fast' : 'slow'}, more than a quartz does: it may be overloaded.`);
  if (width !== null && height !== null && width * height > FULL_HD_PIXELS && !detectStream) yield note(`${width}x${height} is dear to decode. For models give a smaller stream of it as detect_url.`);
}
