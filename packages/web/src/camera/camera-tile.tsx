// A camera's tile in the grid: its picture, and under it what its models see; where there are many, only that in short. It can be dragged.
import { useState, type CSSProperties } from 'react';
import { useSortable } from '@dnd-kit/sortable';
import { CSS } from '@dnd-kit/utilities';
import type { CameraStatus } from '@ruth/protocol';
import { addressOf } from '../view-address.ts';
import type { CameraReport } from './camera-view.ts';
import { CameraDetails } from './camera-details.tsx';
import { CameraStage } from './camera-stage.tsx';
import { ModelList } from './model-row.tsx';
import { codecName } from './tile-condition.ts';
import { useCameraView, type CameraOnScreen } from './use-camera-view.ts';

export interface CameraTileProps extends CameraOnScreen {
  readonly compact: boolean;
  /** Whether there is another place for it. */
  readonly movable: boolean;
}

export function CameraTile(props: CameraTileProps) {
  const { camera, system, compact, movable } = props;
  const { camera_id: id } = camera;
  const shown = useCameraView({ ...props, small: props.compact });
  const [detailed, setDetailed] = useState(false);
  const { setNodeRef, setActivatorNodeRef, attributes, listeners, transform, transition, isDragging } = useSortable({ id, disabled: !movable });
  const open = (): void => { location.hash = addressOf({ name: 'live', cameraId: id }); };
  const handle = movable && (
    <button type="button" className="stage-button" ref={setActivatorNodeRef} {...attributes} {...listeners} aria-label={`Move ${camera.name}`} title="Drag to another place">
      <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d="M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3" /></svg>
    </button>
  );
  return (
    <article
      className="tile" ref={setNodeRef} data-camera-id={id} data-state={shown.condition.state} data-dragged={isDragging} aria-label={`Camera ${camera.name}`}
      style={{ ...shapeOf(camera), transform: CSS.Translate.toString(transform), transition: transition ?? '' }}
    >
      <CameraStage camera={camera} shown={shown} buttons={handle}>
        <button type="button" className="open-camera" aria-label={`Open ${camera.name}`} {...(listeners?.onMouseDown ? { onMouseDown: listeners.onMouseDown as () => void } : {})} onClick={open} />
      </CameraStage>
      <div className="tile-body">
        <div className="tile-head">
          <h2><a href={addressOf({ name: 'live', cameraId: id })}>{camera.name}</a></h2>
          {compact ? <p className="facts">{seenOf(shown.report)}</p> : <p className="facts">{factsOf(camera).map((fact) => <span key={fact}>{fact}</span>)}</p>}
        </div>
        {!compact && (
          <>
            {camera.note && <p className="note">{camera.note}</p>}
            <div className="tile-actions">
              <a className="text-button" href={addressOf({ name: 'recordings', cameraId: id, atS: null })}>Recordings</a>
              <button type="button" className="text-button" aria-expanded={detailed} onClick={() => setDetailed(!detailed)}>Details</button>
            </div>
            {detailed && <CameraDetails camera={camera} path={shown.report.path} numbers={shown.report.numbers} choice={shown.choice} onChoice={shown.setChoice} />}
            <ModelList camera={camera} system={system} shown={shown} />
          </>
        )}
      </div>
    </article>
  );
}

/** For a camera that has the page to itself: its tile takes the shape of its picture. */
export function shapeOf({ width, height }: CameraStatus): CSSProperties {
  return { '--shape': width && height ? width / height : 16 / 9 } as CSSProperties;
}

export function factsOf({ width, height, fps, codec }: CameraStatus): string[] {
  return [
    width && height ? `${width}\u00d7${height}` : null,
    fps === null ? null : `${fps.toFixed(fps < 10 ? 1 : 0)} fps`,
    codec && codecName(codec),
  ].filter((fact) => fact !== null);
}

/** In short. A model that could not look is said before what others saw. */
function seenOf({ sights }: CameraReport): string {
  const all = [...sights.values()].filter((sight) => sight !== null);
  if (all.some(({ kind }) => kind === 'failed')) return 'Could not look';
  if (all.length === 0) return '';
  const most = Math.max(...all.map((sight) => (sight.kind === 'looked' ? sight.count : 0)));
  return most === 0 ? 'Nothing seen' : `${most} seen`;
}
