// The picture of a recording, and over it what keeps it from playing.
import type { RefObject } from 'react';
import type { CameraStatus } from '@ruth/protocol';
import type { PlaybackState } from './recording-player.ts';

export interface RecordingStageProps {
  readonly camera: CameraStatus;
  readonly video: RefObject<HTMLVideoElement | null>;
  readonly state: PlaybackState;
  readonly notice: string | null;
  readonly onToggle: () => void;
}

export function RecordingStage(props: RecordingStageProps) {
  return <div className="stage recording-stage" data-status={props.state.status}><RecordingPicture {...props} /></div>;
}

/** What fills a stage. */
export function RecordingPicture({ camera, video, state: { status, failure }, notice, onToggle }: RecordingStageProps) {
  return (
    <>
      <video ref={video} muted playsInline aria-label={`Recording of ${camera.name}`} onClick={onToggle} />
      {notice && <p className="stage-notice" role="status">{notice}</p>}
      {status === 'loading' && <span className="spinner" role="status" aria-label="Loading" />}
      {status === 'ended' && <p className="stage-notice" role="status">This is the end of what is recorded.</p>}
      {status === 'failed' && failure && (
        <div className="message" role="alert">
          <strong>This cannot be played</strong>
          <p>{failure.message}</p>
          {failure.advice && <p className="advice">{failure.advice}</p>}
        </div>
      )}
    </>
  );
}
