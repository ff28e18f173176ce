// The recordings of the cameras, one camera at a time.
import type { CameraStatus } from '@ruth/protocol';
import { addressOf, type View } from '../view-address.ts';
import { CameraRecordings } from './camera-recordings.tsx';
import '../styles/recordings.css';

export function RecordingsView({ cameras, view }: { cameras: readonly CameraStatus[]; view: Extract<View, { name: 'recordings' }> }) {
  const camera = cameras.find(({ camera_id }) => camera_id === view.cameraId) ?? cameras[0]!;
  return (
    <CameraRecordings
      key={camera.camera_id} camera={camera} cameras={cameras} atS={view.cameraId === camera.camera_id ? view.atS : null}
      onCamera={(cameraId) => { location.hash = addressOf({ name: 'recordings', cameraId, atS: null }); }}
    />
  );
}
