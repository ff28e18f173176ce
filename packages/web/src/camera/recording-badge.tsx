// Says on a camera's picture whether it is being recorded, and if not, why. Nothing where recording is off.
import type { CameraStatus } from '@ruth/protocol';
import { GAP_WORDS } from '../recordings/gap-cause.ts';

export function RecordingBadge({ camera: { recording } }: { camera: CameraStatus }) {
  if (recording.state === 'off') return null;
  const { words, title } = recordingWords(recording);
  return (
    <span className="badge recording" data-recording={recording.state} title={title}>
      <span className="dot" aria-hidden="true" />
      {words}
    </span>
  );
}

/** `words` are short enough for a badge. */
export function recordingWords({ state, cause }: CameraStatus['recording']): { words: string; title: string } {
  const why = cause === null ? null : GAP_WORDS[cause];
  switch (state) {
    case 'off': return { words: 'Off', title: 'This camera is not recorded.' };
    case 'recording': return { words: 'REC', title: 'This camera is being recorded.' };
    case 'waiting': return { words: 'REC waits', title: why ? `Not recorded at present: ${why.title}. ${why.help}` : 'Recording goes on as soon as pictures come.' };
    case 'paused': return { words: why ? `Paused: ${why.title.toLowerCase()}` : 'REC paused', title: why?.help ?? 'Pictures come and cannot be written.' };
  }
}
