// What is known of a camera, for whoever looks after it; and the choice of the way that live video takes.
import type { CameraStatus } from '@ruth/protocol';
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
  readonly choice: PathChoice;
  readonly onChoice: (choice: PathChoice) => void;
}

export function CameraDetails({ camera, path, choice, onChoice }: CameraDetailsProps) {
  return (
    <section className="details" aria-label={`Details of ${camera.name}`}>
      <div className="path-choice">
        <span id={`path-${camera.camera_id}`}>Live video over</span>
        <div className="segments" role="group" aria-labelledby={`path-${camera.camera_id}`}>
          {CHOICES.map(({ choice: each, words }) => <button key={each} type="button" aria-pressed={choice === each} onClick={() => onChoice(each)}>{words}</button>)}
        </div>
        {path && <p className="why">{path.why}</p>}
      </div>
      <dl>{factsOf(camera).map(([term, fact]) => <div key={term}><dt>{term}</dt><dd>{fact}</dd></div>)}</dl>
      {camera.last_error && (
        <p className="last-error"><strong>Last error</strong> {dateText(camera.last_error.at)}, {clockText(camera.last_error.at)}: {camera.last_error.message}</p>
      )}
    </section>
  );
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
