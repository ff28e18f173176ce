// One camera with the view to itself: its picture as large as can be, under it the way back in time; beside it its models and why they look as often as they do, events, details.
import { lazy, Suspense, useState } from 'react';
import type { CameraStatus } from '@ruth/protocol';
import { EventList } from '../events/event-list.tsx';
import { OverlayControls } from '../overlay/overlay-controls.tsx';
import { useOverlayChoice } from '../overlay/overlay-choice.ts';
import { useMay } from '../session.ts';
import type { System, SystemStore } from '../system/system-store.ts';
import { addressOf, LIVE } from '../view-address.ts';
import { CameraDetails } from './camera-details.tsx';
import { CameraStage } from './camera-stage.tsx';
import { factsOf, shapeOf } from './camera-tile.tsx';
import { ModelList } from './model-row.tsx';
import { useCameraView } from './use-camera-view.ts';

const CameraPast = lazy(async () => ({ default: (await import('../recordings/camera-past.tsx')).CameraPast }));

/** `atS`: what was recorded then is shown; null: what is live. */
export function CameraFocus({ camera, atS, system, store }: { camera: CameraStatus; atS: number | null; system: System; store: SystemStore }) {
  const { camera_id: id } = camera;
  const [overlay, setOverlay] = useOverlayChoice();
  const maySet = useMay('operate');
  const [slot, setSlot] = useState<HTMLDivElement | null>(null);
  /** When the recorded picture was taken that covers the live one; null where none does. */
  const [recorded, setRecorded] = useState<string | null>(null);
  const shown = useCameraView({ camera, system, looks: store.looks, overlay, held: atS !== null && recorded !== null });
  return (
    <main className="focus tile" data-camera-id={id} data-state={shown.condition.state} style={shapeOf(camera)}>
      <div className="focus-head">
        <a className="button" href={addressOf(LIVE)}>{'\u2039'} All cameras</a>
        <h2>{camera.name}</h2>
        <p className="facts">{factsOf(camera).map((fact) => <span key={fact}>{fact}</span>)}</p>
        <div className="focus-actions">
          <a className="button" href={addressOf({ name: 'recordings', cameraId: id, atS: null })}>Recordings</a>
          {maySet && <a className="button" href={addressOf({ name: 'cameras', cameraId: id, page: shown.condition.state === 'down' ? 'settings' : 'scene' })}>Set up</a>}
          <OverlayControls choice={overlay} classes={store.looks.classNames(id)} onChange={setOverlay} />
        </div>
      </div>
      <div className="focus-picture">
        <CameraStage camera={camera} shown={shown} recorded={recorded}><div className="past-picture" ref={setSlot} /></CameraStage>
        <Suspense fallback={null}><CameraPast camera={camera} atS={atS} slot={slot} isLiveComing={shown.condition.state === 'opening'} onRecorded={setRecorded} /></Suspense>
      </div>
      <div className="focus-side">
        <section className="panel" aria-label="Models">
          <h3>Models</h3>
          <ModelList camera={camera} system={system} shown={shown} explained />
        </section>
        <section className="panel" aria-label="Events">
          <h3>Events</h3>
          <EventList cameraId={id} recent={store.events} />
        </section>
        <section className="panel" aria-label="Camera">
          <h3>Camera</h3>
          {camera.note && <p className="note">{camera.note}</p>}
          <CameraDetails camera={camera} path={shown.report.path} numbers={shown.report.numbers} choice={shown.choice} onChoice={shown.setChoice} />
        </section>
      </div>
    </main>
  );
}
