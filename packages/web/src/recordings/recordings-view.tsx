// The recordings of the cameras: of one, or of several in step.
import type { CameraStatus } from '@ruth/protocol';
import { addressOf, type View } from '../view-address.ts';
import { CameraRecordings } from './camera-recordings.tsx';
import { MOST_IN_STEP } from './in-step.ts';
import { RecordingsInStep } from './recordings-in-step.tsx';
import '../styles/recordings.css';

export function RecordingsView({ cameras, view }: { cameras: readonly CameraStatus[]; view: Extract<View, { name: 'recordings' }> }) {
  const named = [view.cameraId, ...view.beside ?? []].map((id): CameraStatus | undefined => cameras.find(({ camera_id }) => camera_id === id)).filter((camera) => camera !== undefined).slice(0, MOST_IN_STEP);
  const camera = named[0] ?? cameras[0]!;
  const atS = named.length > 0 ? view.atS : null;
  // The instant stays: what else was seen then is why one looks at another camera.
  const onCameras = (cameraIds: readonly string[], at: number | null): void => { location.hash = addressOf({ name: 'recordings', cameraId: cameraIds[0] ?? null, beside: cameraIds.slice(1), atS: at }); };
  if (named.length > 1) return <RecordingsInStep key={named.map(({ camera_id }) => camera_id).join()} shown={named} cameras={cameras} atS={atS} onCameras={onCameras} />;
  return <CameraRecordings key={camera.camera_id} camera={camera} cameras={cameras} atS={atS} onCameras={onCameras} />;
}
