// What is known of a camera, for whoever looks after it; and the choice of the way that live video takes.
import type { CameraStatus } from '@ruth/protocol';
import type { LiveNumbers } from '../live/live-numbers.ts';
import type { PathChoice, PathName } from '../live/live-path.ts';
import type { LivePathReport } from '../live/live-video.ts';
import { bytesText, clockText, dateText } from '../wall-clock.ts';
import { recordingWords } from './recording-badge.tsx';
import { codecName } from './tile-condition.ts';

export const PATH_NAMES: Record<PathName, string> = { webrtc: 'WebRTC', mse: 'MSE' };
const CHOICES: readonly { readonly choice: PathChoice; readonly words: string }[] = [{ choice: 'auto', words: 'Automatic' }, { choice: 'webrtc', words: 'WebRTC' }, { choice: 'mse', words: 'MSE' }];

export interface CameraDetailsProps {
  readonly camera: CameraStatus;
  readonly path: LivePathReport | null;
  /** Of live video as it plays here; null where it does not. */
  readonly numbers: LiveNumbers | null;
  readonly choice: PathChoice;
  readonly onChoice: (choice: PathChoice) => void;
}

export function CameraDetails({ camera, path, numbers, choice, onChoice }: CameraDetailsProps) {
  return (
    <section className="details" aria-label={`Details of ${camera.name}`}>
      <div className="path-choice">
        <span id={`path-${camera.camera_id}`}>Live video over</span>
        <div className="segments" role="group" aria-labelledby={`path-${camera.camera_id}`}>
          {CHOICES.map(({ choice: each, words }) => <button key={each} type="button" aria-pressed={choice === each} onClick={() => onChoice(each)}>{words}</button>)}
        </div>
        {path && <p className="why">{path.why}</p>}
      </div>
      {numbers && (
        <>
          <h4>In this browser</h4>
          <dl data-live-numbers>{numberFactsOf(numbers).map(([term, fact, title]) => <div key={term} title={title}><dt>{term}</dt><dd>{fact}</dd></div>)}</dl>
          <h4>At the camera</h4>
        </>
      )}
      <dl>{factsOf(camera).map(([term, fact]) => <div key={term}><dt>{term}</dt><dd>{fact}</dd></div>)}</dl>
      {camera.last_error && (
        <p className="last-error"><strong>Last error</strong> {dateText(camera.last_error.at)}, {clockText(camera.last_error.at)}: {camera.last_error.message}</p>
      )}
    </section>
  );
}

function numberFactsOf({ path, delayS, targetS, jitterS, rate, shownFps, dropped, halts, bitsPerS }: LiveNumbers): [term: string, fact: string, title: string][] {
  const ms = (seconds: number | null): string => (seconds === null ? '\u2013' : `${Math.round(seconds * 1000)} ms`);
  const aim = path === 'mse' ? `, aims at ${ms(targetS)}` : targetS ? `, held back ${ms(targetS)}` : '';
  return [
    ['Delay', `${ms(delayS)}${aim}`, 'How far the picture is behind the newest one that came to this browser; what comes before, from the camera to here, is not in it'],
    ['Pictures come late by', ms(jitterS), path === 'mse' ? 'The latest of the last 15 seconds, next to the earliest' : 'How irregularly packets come, on average'],
    ['Speed', rate === 1 ? 'as it comes' : `${Math.round(rate * 100)} %`, 'Playback hurries or dallies until its delay is right'],
    ['Shown', shownFps === null ? '\u2013' : `${shownFps.toFixed(1)} fps`, 'Of the last 3 seconds'],
    ['Shown too late to be seen', String(dropped), 'Pictures that this browser decoded and did not show; many mean that the machine has too much to do'],
    ['Halts', String(halts), 'Times that playback waited for a picture'],
    ['Received', bitsPerS === null ? '\u2013' : `${(bitsPerS / 1e6).toFixed(2)} Mbit/s`, 'Of the last 3 seconds'],
  ];
}

function factsOf(camera: CameraStatus): [term: string, fact: string][] {
  const { counters, live, recording, detect } = camera;
  const drops = (counts: Record<string, number>): string => {
    const told = Object.entries(counts).filter(([, count]) => count > 0).map(([cause, count]) => `${cause.replaceAll('_', ' ')} ${count}`);
    return told.length === 0 ? 'none' : told.join(', ');
  };
  const size = (width: number | null, height: number | null): string => (width && height ? `${width}\u00d7${height}` : '\u2013');
  return [
    ['Video', camera.codec === null ? '\u2013' : `${codecName(camera.codec)}, ${size(camera.width, camera.height)}${camera.fps === null ? '' : `, ${camera.fps.toFixed(1)} fps`}`],
    ['Bitrate', camera.bitrate_bps === null ? '\u2013' : `${(camera.bitrate_bps / 1e6).toFixed(2)} Mbit/s`],
    ['Keyframe every', camera.keyframe_interval_s === null ? '\u2013' : `${camera.keyframe_interval_s.toFixed(1)} s`],
    ['Sound', camera.audio_codec ?? 'none'],
    ['Packets lost', String(camera.packets_lost)],
    ['Reconnects', String(counters.reconnects)],
    ['Decoder', camera.decode_level === 'none' ? 'idle' : `${camera.decoder ?? 'software'}, ${camera.decode_level === 'keyframes' ? 'keyframes only' : 'all pictures'}`],
    ...(detect ? [['Detection stream', `${detect.state}, ${size(detect.width, detect.height)}`] satisfies [string, string]] : []),
    ['Viewers', `${live.webrtc_viewers} WebRTC, ${live.mse_viewers} MSE, ${live.rtsp_clients} RTSP`],
    ['Recording', recording.state === 'recording' ? `on, ${bytesText(recording.bytes_written)} since start` : recordingWords(recording).words.toLowerCase()],
    ['Not recorded', drops(recording.drops)],
    ['Frames dropped', drops(camera.drops)],
  ];
}
