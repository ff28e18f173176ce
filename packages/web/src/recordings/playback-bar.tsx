// Under the picture: when it was recorded, in big, and the controls of playback.
import type { ReactNode } from 'react';
import { clockText, dateText, isoDate } from '../wall-clock.ts';
import { RATES, type PlaybackState } from './recording-player.ts';
import { snapshotAddress } from './timeline-preview.tsx';

export interface PlaybackBarProps {
  /** Null where it is not one camera's: then there is no picture to be saved, and no gap to go to. */
  readonly cameraId: string | null;
  readonly state: PlaybackState;
  readonly hasSound: boolean;
  readonly onToggle: () => void;
  readonly onStep: (direction: 1 | -1) => void;
  readonly onGap: ((direction: 1 | -1) => void) | null;
  readonly onEvent: ((direction: 1 | -1) => void) | null;
  readonly onRate: (rate: number) => void;
  readonly onMuted: (muted: boolean) => void;
  readonly onLive: () => void;
}

const ICONS = {
  eventBack: 'M10 7l-6 5 6 5M17 14.5v-4a3 3 0 0 0-6 0v4l-1 1.5h8zM13 18.5h2', eventOn: 'M14 7l6 5-6 5M13 14.5v-4a3 3 0 0 0-6 0v4L6 16h8zM9 18.5h2',
  play: 'M8 5v14l11-7z', pause: 'M8 5v14M16 5v14', stepBack: 'M16 6l-7 6 7 6zM6 6v12', stepOn: 'M8 6l7 6-7 6zM18 6v12',
  gapBack: 'M12 6l-7 6 7 6M19 6l-7 6 7 6', gapOn: 'M12 6l7 6-7 6M5 6l7 6-7 6', camera: 'M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z',
  sound: 'M5 9.5v5h3l4 4v-13l-4 4zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11', mute: 'M5 9.5v5h3l4 4v-13l-4 4zM16 9.5l5 5M21 9.5l-5 5',
} as const;

export function PlaybackBar({ cameraId, state, hasSound, ...on }: PlaybackBarProps) {
  const { shownAtS, status, rate, muted } = state;
  const playing = status === 'playing' || status === 'loading';
  return (
    <div className="playback-bar">
      <p className="shown-at" data-shown-at={shownAtS?.toFixed(3)}>
        <time dateTime={shownAtS === null ? undefined : new Date(shownAtS * 1000).toISOString()}>
          {shownAtS === null ? '\u2013\u2013:\u2013\u2013:\u2013\u2013' : clockText(shownAtS)}
          <span className="thousandths">{shownAtS === null ? '' : clockText(shownAtS, { milliseconds: true }).slice(8)}</span>
        </time>
        <span className="shown-date">{shownAtS === null ? 'Choose a time below' : dateText(shownAtS)}</span>
      </p>
      <div className="controls" role="group" aria-label="Playback">
        <Control icon="eventBack" label="To the event before (B)" disabled={on.onEvent === null} onClick={() => on.onEvent?.(-1)} />
        {cameraId !== null && <Control icon="gapBack" label="To the gap before" disabled={on.onGap === null} onClick={() => on.onGap?.(-1)} />}
        <Control icon="stepBack" label="One frame back (comma)" disabled={shownAtS === null} onClick={() => on.onStep(-1)} />
        <Control icon={playing ? 'pause' : 'play'} label={playing ? 'Pause (space)' : 'Play (space)'} large disabled={shownAtS === null} onClick={on.onToggle} />
        <Control icon="stepOn" label="One frame on (full stop)" disabled={shownAtS === null} onClick={() => on.onStep(1)} />
        {cameraId !== null && <Control icon="gapOn" label="To the next gap" disabled={on.onGap === null} onClick={() => on.onGap?.(1)} />}
        <Control icon="eventOn" label="To the next event (N)" disabled={on.onEvent === null} onClick={() => on.onEvent?.(1)} />
      </div>
      <div className="more-controls">
        <div className="segments" role="group" aria-label="Speed">
          {RATES.map((each) => <button key={each} type="button" aria-pressed={rate === each} onClick={() => on.onRate(each)}>{each}{'\u00d7'}</button>)}
        </div>
        {hasSound && <Control icon={muted ? 'mute' : 'sound'} label={muted ? 'Sound on' : 'Sound off'} onClick={() => on.onMuted(!muted)} />}
        {shownAtS !== null && cameraId !== null && (
          <a className="control" href={snapshotAddress(cameraId, shownAtS)} download={`${cameraId}_${isoDate(shownAtS)}_${clockText(shownAtS).replaceAll(':', '-')}.jpg`} aria-label="Save this picture (JPEG)" title="Save this picture (JPEG)"><Icon name="camera" /></a>
        )}
        <button type="button" className="live-button" onClick={on.onLive}><span className="dot" aria-hidden="true" />Live</button>
      </div>
    </div>
  );
}

interface ControlProps { readonly icon: keyof typeof ICONS; readonly label: string; readonly large?: boolean; readonly disabled?: boolean; readonly onClick: () => void }

function Control({ icon, label, large = false, disabled = false, onClick }: ControlProps): ReactNode {
  return <button type="button" className={large ? 'control large' : 'control'} aria-label={label} title={label} disabled={disabled} onClick={onClick}><Icon name={icon} /></button>;
}

function Icon({ name }: { name: keyof typeof ICONS }) {
  return <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" data-icon={name}><path d={ICONS[name]} /></svg>;
}
