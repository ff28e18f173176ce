// The scene of a camera, drawn on its live picture: shapes over it, a panel beside it, what the chosen shape matches now, and saving.
import { useEffect, useReducer, useRef, useState, type KeyboardEvent } from 'react';
import { sceneProblems, type CameraStatus, type LineConfig, type NodeCamera } from '@ruth/protocol';
import { CameraStage } from '../camera/camera-stage.tsx';
import { shapeOf } from '../camera/camera-tile.tsx';
import { useCameraView } from '../camera/use-camera-view.ts';
import { changeIntent, problemsUnder } from '../cameras/camera-api.ts';
import type { LookBook } from '../live/look-history.ts';
import { useOverlayChoice } from '../overlay/overlay-choice.ts';
import { containedRectangle, type Rectangle } from '../overlay/video-rectangle.ts';
import type { Failure } from '../system/api.ts';
import type { System } from '../system/system-store.ts';
import { canFinish, draftOf, drawnOn, shapeAt, type SceneDraft, type ShapeKind } from './scene-draft.ts';
import { LineCrossings, matchesOf, objectsText, type SeenObject } from './scene-matches.ts';
import { nameOf, ShapeLayer } from './shape-layer.tsx';
import { ShapePanel } from './shape-panel.tsx';

const LOOK_EVERY_MS = 250;
const FRESH_MS = 3000;
const DRAW: readonly (readonly [ShapeKind, string])[] = [['zones', 'Zone'], ['lines', 'Line'], ['masks', 'Mask']];

export interface SceneEditorProps { readonly camera: NodeCamera; readonly status: CameraStatus | null; readonly system: System; readonly looks: LookBook; readonly classes: readonly string[]; readonly mayChange: boolean; readonly onChanged: (camera: NodeCamera) => void }

export function SceneEditor({ camera, status, system, looks, classes, mayChange, onChanged }: SceneEditorProps) {
  const { config: { id } } = camera;
  const [draft, dispatch] = useReducer(drawnOn, camera.scene, draftOf);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const objects = useSeenObjects(id, system, looks);
  const shape = shapeAt(draft, draft.chosen);
  const matches = shape && draft.chosen ? matchesOf(draft.chosen.kind, shape, objects) : [];
  const crossed = useCrossings(shape && draft.chosen?.kind === 'lines' ? shape as LineConfig : null, objects);
  const changed = JSON.stringify(draft.scene) !== JSON.stringify(camera.scene);
  const own = sceneProblems(draft.scene);
  const told = failure?.problems ?? [];
  const problemsOf = (kind: ShapeKind, index: number): string[] => [
    ...own.filter(({ path }) => path[0] === kind && path[1] === index).map(({ message }) => message),
    ...(own.length > 0 ? [] : told.filter(({ pointer }) => pointer.startsWith(`/scene/${kind}/${index}/`)).map(({ message }) => message)),
  ];
  const elsewhere = failure && Object.values(problemsUnder({ ...failure, problems: told.filter(({ pointer }) => !/^\/scene\/(zones|lines|masks)\/\d+\//.test(pointer)) }, ''));
  const save = async (): Promise<void> => {
    setBusy(true);
    const answer = await changeIntent(camera, { scene: draft.scene });
    setBusy(false);
    setFailure(answer.failure);
    if (answer.value) {
      onChanged(answer.value);
      dispatch({ do: 'load', scene: answer.value.scene });
    }
  };
  const byKey = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement) return;
    const action = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z' ? { do: event.shiftKey ? 'redo' : 'undo' } as const : event.key === 'Escape' ? { do: 'cancel' } as const : null;
    if (!action) return;
    event.preventDefault();
    dispatch(action);
  };
  const match = shape && draft.chosen ? matchText(draft.chosen.kind, objects, matches, crossed) : null;
  return (
    <div className="scene-editor" onKeyDown={byKey}>
      <div className="scene-tools" role="toolbar" aria-label="Draw">
        {mayChange && (
          <>
            {DRAW.map(([kind, words]) => <button key={kind} type="button" className="button" data-kind={kind} aria-pressed={draft.drawing?.kind === kind} onClick={() => dispatch(draft.drawing?.kind === kind ? { do: 'cancel' } : { do: 'draw', kind })}>{words}</button>)}
            <button type="button" className="button" disabled={draft.past.length === 0} onClick={() => dispatch({ do: 'undo' })}>Undo</button>
            <button type="button" className="button" disabled={draft.future.length === 0} onClick={() => dispatch({ do: 'redo' })}>Redo</button>
            <span className="scene-save">
              <span className="hint" role="status">{changed ? 'Not saved' : draft.past.length === 0 && !busy ? 'As it is now' : ''}</span>
              <button type="button" className="button" disabled={!changed || busy} onClick={() => dispatch({ do: 'load', scene: camera.scene })}>Discard</button>
              <button type="button" className="button primary" disabled={!changed || busy || own.length > 0 || draft.drawing !== null} onClick={() => void save()}>{busy ? 'Saving' : 'Save'}</button>
            </span>
          </>
        )}
      </div>
      <div className="scene-body">
        <div className="scene-stage">
          {status ? (
            <Stage status={status} system={system} looks={looks} draft={draft} matches={matches} isWrong={(kind, index) => problemsOf(kind, index).length > 0} dispatch={mayChange ? dispatch : (action) => { if (action.do === 'choose') dispatch(action); }} />
          ) : <p className="problem">The kernel does not know this camera at the moment, so there is no picture to draw on.</p>}
          <p className="hint scene-hint">{hintFor(draft)}</p>
        </div>
        <div className="scene-side">
          {elsewhere?.map((problem) => <p key={problem} className="problem" role="alert">{problem}</p>)}
          <ShapePanel draft={draft} classes={classes} matched={match} problemsOf={problemsOf} dispatch={mayChange ? dispatch : (action) => { if (action.do === 'choose') dispatch(action); }} />
        </div>
      </div>
    </div>
  );
}

type StageProps = Pick<SceneEditorProps, 'system' | 'looks'> & { readonly status: CameraStatus; readonly draft: SceneDraft; readonly matches: readonly SeenObject[]; readonly isWrong: (kind: ShapeKind, index: number) => boolean; readonly dispatch: Parameters<typeof ShapeLayer>[0]['dispatch'] };

/** The live picture with boxes, and the shapes over it. */
function Stage({ status, system, looks, draft, matches, isWrong, dispatch }: StageProps) {
  const [choice] = useOverlayChoice();
  const shown = useCameraView({ camera: status, system, looks, overlay: { ...choice, scene: false, masked: true, skeletons: false, tails: false, boxes: true } });
  const { canvas } = shown;
  const [element, setElement] = useState({ width: 0, height: 0 });
  const stage = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const sizes = new ResizeObserver(() => setElement({ width: canvas.current!.clientWidth, height: canvas.current!.clientHeight }));
    sizes.observe(canvas.current!);
    return () => sizes.disconnect();
  }, [canvas]);
  const drawing = draft.drawing !== null;
  useEffect(() => {
    if (drawing) stage.current!.querySelector<SVGSVGElement>('.shape-layer')!.focus();
  }, [drawing]);
  const frame: Rectangle = containedRectangle(element, { width: status.width ?? 16, height: status.height ?? 9 });
  return (
    <div className="tile scene-tile" ref={stage} data-camera-id={status.camera_id} data-state={shown.condition.state} style={shapeOf(status)}>
      <CameraStage camera={status} shown={shown}><ShapeLayer draft={draft} frame={frame} matches={matches} isWrong={isWrong} dispatch={dispatch} /></CameraStage>
    </div>
  );
}

/** What models see at the camera now; the same thing seen by two models is there once. */
function useSeenObjects(cameraId: string, { subscriptions }: System, looks: LookBook): readonly SeenObject[] {
  const [objects, setObjects] = useState<readonly SeenObject[]>([]);
  const models = (subscriptions.value ?? []).filter(({ camera_id }) => camera_id === cameraId).map(({ model_id }) => model_id).join(' ');
  useEffect(() => {
    const look = (): void => {
      const found = models.split(' ').map((modelId) => looks.of(cameraId, modelId)?.newestWithin(FRESH_MS)).find((each) => each && each.error === null);
      setObjects((found?.detections ?? []).map(({ track_id, class_name, bbox }) => ({ trackId: track_id ?? null, className: class_name, box: bbox })));
    };
    const timer = setInterval(look, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [cameraId, models, looks]);
  return objects;
}

/** Since the line was chosen, or moved. */
function useCrossings(line: LineConfig | null, objects: readonly SeenObject[]): LineCrossings['counts'] | null {
  const where = line && JSON.stringify([line.points, line.anchor, line.classes]);
  const crossings = useRef({ where, counter: new LineCrossings() });
  const [counts, setCounts] = useState({ in: 0, out: 0 });
  useEffect(() => {
    if (crossings.current.where !== where) crossings.current = { where, counter: new LineCrossings() };
    if (line) crossings.current.counter.see(line, objects);
    setCounts({ ...crossings.current.counter.counts });
    // The line is what `where` says.
  }, [where, objects]);
  return line && counts;
}

function matchText(kind: ShapeKind, objects: readonly SeenObject[], matches: readonly SeenObject[], crossed: LineCrossings['counts'] | null): string {
  if (crossed) return `Since you look: ${crossed.in} crossed in, ${crossed.out} out`;
  const all = objects.length === 0 ? 'nothing is seen now' : `of ${objects.length} seen now`;
  const what = kind === 'masks' ? 'Hides' : 'In it';
  return matches.length === 0 ? `${what}: nothing (${all})` : `${what}: ${objectsText(matches)} (${all})`;
}

function hintFor({ drawing, chosen, scene }: SceneDraft): string {
  if (drawing) return canFinish(drawing) ? `${drawing.points.length} points. Press the first point or Enter to finish; Backspace takes the last one back, Escape gives up.` : 'Press on the picture, or move with the arrows and set points with Space.';
  if (chosen) return `${nameOf(shapeAt({ scene }, chosen)!, chosen.kind, chosen.index)}: drag its points, or move them with the arrows (with Shift in small steps); Delete removes a point, plus adds one after it, as the small dot between two does.`;
  return 'Choose what to draw, or press on a shape to change it.';
}
