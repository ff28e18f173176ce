// The cameras: all of them, a new one, or one of them with its scene, rules and settings.
import type { System, SystemStore } from '../system/system-store.ts';
import { useMay, useSession } from '../session.ts';
import { NotAllowed, Unknown, Waiting } from '../shell/states.tsx';
import type { View } from '../view-address.ts';
import { AddCamera } from './add-camera.tsx';
import { CameraList } from './camera-list.tsx';
import { CameraPage } from './camera-page.tsx';
import '../styles/tables.css';
import '../styles/forms.css';
import '../styles/cameras.css';

export function CamerasView({ view, system, store }: { view: Extract<View, { name: 'cameras' }>; system: System; store: SystemStore }) {
  const { value: cameras, failure } = system.cameras;
  const isKnown = useSession() !== null;
  const mayAdminister = useMay('administer');
  if (view.page === 'add' && !mayAdminister) return isKnown ? <NotAllowed what="You may not add cameras" /> : <Waiting words="Loading" />;
  if (view.page === 'add') return <AddCamera taken={(cameras ?? []).map(({ camera_id }) => camera_id)} onAdded={() => store.refresh()} />;
  if (cameras === null) return failure ? <Unknown what="The cameras are not known yet" failure={failure} /> : <Waiting words="Loading" />;
  if (view.cameraId === null) return <CameraList cameras={cameras} failure={failure} onRemoved={() => store.refresh()} />;
  return <CameraPage key={view.cameraId} cameraId={view.cameraId} page={view.page} status={cameras.find(({ camera_id }) => camera_id === view.cameraId) ?? null} system={system} store={store} />;
}
