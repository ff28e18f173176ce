// One of several recordings in step: its picture, or why there is none at this instant while the others go on.
import { Observable, useObservable } from '../observable.ts';
import type { CameraStatus } from '@ruth/protocol';
import { addressOf } from '../view-address.ts';
import { durationText } from '../wall-clock.ts';
import { GAP_WORDS } from './gap-cause.ts';
import { isRecordedAt } from './in-step.ts';
import type { PlaybackState, RecordingPlayer } from './recording-player.ts';
import { gapAt, type TimelineState } from './timeline-store.ts';

const IDLE = new Observable<PlaybackState>({ status: 'idle', shownAtS: null, rate: 1, muted: true, failure: null });

export interface StepTileProps {
  readonly camera: CameraStatus;
  readonly player: RecordingPlayer | null;
  readonly known: TimelineState;
  readonly clockS: number | null;
  readonly nowS: number;
  readonly onVideo: (video: HTMLVideoElement | null) => void;
  readonly onToggle: () => void;
}

export function StepTile({ camera: { camera_id: id, name, recording }, player, known: { timeline, failure }, clockS, nowS, onVideo, onToggle }: StepTileProps) {
  const { status, shownAtS, failure: playFailure } = useObservable<PlaybackState>(player ?? IDLE);
  const isThere = clockS !== null && isRecordedAt(timeline, clockS, nowS);
  const gap = clockS === null || isThere ? null : gapAt(timeline, clockS);
  const why: [title: string, text: string | null] | null = timeline === null && failure ? [failure.code === 'recording_off' ? 'Not recorded' : 'Cannot be listed', failure.message]
    : isThere && status === 'failed' ? ['This cannot be played', playFailure?.message ?? null]
      : gap ? [GAP_WORDS[gap.cause].title, `Not recorded for ${durationText((gap.end ?? nowS) - gap.start)}${gap.end === null ? ' so far' : ''}`]
        : timeline !== null && clockS !== null && !isThere ? [recording.state === 'off' ? 'Not recorded' : 'Nothing recorded', null] : null;
  return (
    <figure className="stage step-tile" data-camera-id={id} data-status={status} data-absent={why !== null} data-shown-at={shownAtS?.toFixed(3)}>
      <video ref={onVideo} muted playsInline aria-label={`Recording of ${name}`} onClick={onToggle} />
      {why ? <div className="message" role="status"><strong>{why[0]}</strong>{why[1] && <p>{why[1]}</p>}</div> : isThere && status === 'loading' && <span className="spinner" role="status" aria-label="Loading" />}
      <figcaption><a href={addressOf({ name: 'recordings', cameraId: id, atS: clockS })} title={`${name} by itself`}>{name}</a></figcaption>
    </figure>
  );
}
