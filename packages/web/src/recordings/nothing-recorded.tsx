// Shown where there is nothing to play: why, and what to do.
import type { CameraStatus } from '@ruth/protocol';
import { failureText, type Failure } from '../system/api.ts';
import { GAP_WORDS } from './gap-cause.ts';

export function NothingRecorded({ camera, failure }: { camera: CameraStatus; failure: Failure | null }) {
  const { recording } = camera;
  if (failure && failure.code !== 'recording_off') {
    return (
      <section className="no-cameras" role="alert">
        <h2>The recordings cannot be listed</h2>
        <p>{failureText({ ...failure, advice: null })}. This page keeps trying.</p>
        {failure.advice && <p>{failure.advice}</p>}
      </section>
    );
  }
  if (failure === null && recording.state === 'off') {
    return (
      <section className="no-cameras" data-recording="off">
        <h2>{camera.name} is not recorded</h2>
        <p>Its lines in <code>ruth.yaml</code> say <code>{'recording: { active: false }'}</code>. Take that away and start Ruth anew to record it.</p>
      </section>
    );
  }
  if (failure) {
    return (
      <section className="no-cameras" data-recording="off">
        <h2>{camera.name} is not recorded</h2>
        <p>Say in <code>ruth.yaml</code> where recordings shall be kept, and for how long, then start Ruth anew:</p>
        <pre>{'recording:\n  directory: recordings\n  max_age_days: 14'}</pre>
        <p>Every camera is then recorded, but for those with <code>{'recording: { active: false }'}</code>.</p>
      </section>
    );
  }
  const why = recording.cause === null ? null : GAP_WORDS[recording.cause];
  return (
    <section className="no-cameras" role="status" data-recording={recording.state}>
      <h2>Nothing is recorded yet</h2>
      {recording.state === 'recording' && <p>{camera.name} is being recorded. The first seconds will be here in a moment.</p>}
      {recording.state === 'waiting' && <p>Recording begins as soon as pictures come from {camera.name}. {camera.last_error?.message ?? why?.help ?? ''}</p>}
      {recording.state === 'paused' && <p>Pictures come from {camera.name} and cannot be written: {why?.title ?? 'the reason is not known'}. {why?.help}</p>}
    </section>
  );
}
