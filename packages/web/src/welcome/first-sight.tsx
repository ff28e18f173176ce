// The end of the first run: the camera, live, and the first thing that was seen there.
import { useEffect, useState } from 'react';
import { CameraStage } from '../camera/camera-stage.tsx';
import { shapeOf } from '../camera/camera-tile.tsx';
import { useCameraView } from '../camera/use-camera-view.ts';
import type { CameraStatus } from '@ruth/protocol';
import { EVERYTHING } from '../overlay/overlay-choice.ts';
import type { System, SystemStore } from '../system/system-store.ts';
import { addressOf, LIVE } from '../view-address.ts';

const LOOK_EVERY_MS = 200;

export function FirstSight({ cameraId, system, store }: { cameraId: string; system: System; store: SystemStore }) {
  const camera = system.cameras.value?.find(({ camera_id }) => camera_id === cameraId) ?? null;
  const seen = useSeen(cameraId, store);
  return (
    <section className="panel first-sight" aria-label="Done" data-seen={seen.length > 0}>
      <h3>Done</h3>
      <p role="status">{seen.length > 0 ? `Seen already: ${seen.join(', ')}.` : 'Now it looks. What it sees appears here; where nothing moves that may take a while.'}</p>
      {camera && <Picture camera={camera} system={system} store={store} />}
      <div className="actions">
        <a className="button primary" href={addressOf(LIVE)}>Go to the live view</a>
        <a className="button" href={addressOf({ name: 'cameras', cameraId, page: 'scene' })}>Draw zones and lines</a>
        <a className="button" href={addressOf({ name: 'cameras', cameraId: null, page: 'add' })}>Add another camera</a>
      </div>
    </section>
  );
}

function Picture({ camera, system, store }: { camera: CameraStatus; system: System; store: SystemStore }) {
  const shown = useCameraView({ camera, system, looks: store.looks, overlay: EVERYTHING });
  return <div className="tile" data-camera-id={camera.camera_id} data-state={shown.condition.state} style={shapeOf(camera)}><CameraStage camera={camera} shown={shown} /></div>;
}

/** Classes of what was seen at the camera, in looks that are remembered. */
function useSeen(cameraId: string, { looks }: SystemStore): readonly string[] {
  const [seen, setSeen] = useState<readonly string[]>([]);
  useEffect(() => {
    const timer = setInterval(() => {
      const names = looks.classNames(cameraId);
      setSeen((before) => (names.every((name) => before.includes(name)) ? before : [...new Set([...before, ...names])]));
    }, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [cameraId, looks]);
  return seen;
}
