// A camera's tile: picture with overlay, what state it is in, and what its models see.
import { useEffect, useMemo, useRef, useState, type CSSProperties } from 'react';
import type { CameraStatus } from '@ruth/protocol';
import type { PathChoice } from '../live/live-path.ts';
import type { LivePathReport } from '../live/live-video.ts';
import type { LookBook } from '../live/look-history.ts';
import { useStoredChoice } from '../stored-choice.ts';
import { socketAddress } from '../system/api.ts';
import type { System } from '../system/system-store.ts';
import { addressOf } from '../view-address.ts';
import { CameraView, type CameraReport, type ModelAtCamera } from './camera-view.ts';
import { CameraDetails, PATH_NAMES } from './camera-details.tsx';
import { ModelRow } from './model-row.tsx';
import { RecordingBadge } from './recording-badge.tsx';
import { codecName, tileCondition, type TileCondition } from './tile-condition.ts';

const NOTHING_YET: CameraReport = { phase: { name: 'idle' }, path: null, delayS: null, sights: new Map() };

export function CameraTile({ camera, system, looks }: { camera: CameraStatus; system: System; looks: LookBook }) {
  const { camera_id: id } = camera;
  const stage = useRef<HTMLDivElement>(null);
  const pictures = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useRef<CameraView>(null);
  const [report, setReport] = useState(NOTHING_YET);
  const [choice, setChoice] = useStoredChoice<PathChoice>(`ruth.path.${id}`, 'auto');
  const [detailed, setDetailed] = useState(false);
  const [hidden, setHidden] = useStoredChoice<readonly string[]>(`ruth.hidden.${id}`, []);

  const models = useMemo(() => (system.subscriptions.value ?? [])
    .filter((subscription) => subscription.camera_id === id)
    .map((subscription): ModelAtCamera => ({
      subscription, model: system.models.value?.find((model) => model.model_id === subscription.model_id) ?? null, shown: !hidden.includes(subscription.model_id),
    })), [id, system.subscriptions.value, system.models.value, hidden]);

  useEffect(() => {
    const live = `cameras/${encodeURIComponent(id)}`;
    const opened = new CameraView({
      cameraId: id, label: `Live video of ${camera.name}`, mseUrl: socketAddress(`${live}/live`), webRtcUrl: socketAddress(`${live}/webrtc`),
      pictures: pictures.current!, canvas: canvas.current!, looks, onReport: setReport,
    });
    view.current = opened;
    return () => opened[Symbol.dispose]();
  }, [id, camera.name, looks]);
  useEffect(() => {
    if (view.current) view.current.choice = choice;
  }, [choice, id, camera.name, looks]);
  const ownStreamLooks = camera.detect === null;
  useEffect(() => {
    if (!view.current) return;
    view.current.ownStreamLooks = ownStreamLooks;
    view.current.models = models;
  }, [models, ownStreamLooks, camera.name]);

  const condition = tileCondition(camera, system.cameras.failure, report.phase);
  const toggle = (modelId: string): void => setHidden(hidden.includes(modelId) ? hidden.filter((other) => other !== modelId) : [...hidden, modelId]);
  return (
    <article className="tile" data-camera-id={id} data-state={condition.state} aria-label={`Camera ${camera.name}`} style={shapeOf(camera)}>
      <div className="stage" ref={stage}>
        <div className="pictures" ref={pictures} />
        <canvas ref={canvas} aria-hidden="true" />
        <div className="stage-bar">
          <div className="badges">
            <Badge condition={condition} delayS={report.delayS} path={report.path} />
            <RecordingBadge camera={camera} />
          </div>
          <button type="button" className="stage-button" aria-label={`Show ${camera.name} on the full screen, or leave it`} title="Full screen" onClick={() => void toggleFullScreen(stage.current!)}>
            <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5" /></svg>
          </button>
        </div>
        {condition.message && <Message condition={condition} />}
      </div>
      <div className="tile-body">
        <div className="tile-head">
          <h2>{camera.name}</h2>
          <p className="facts">{factsOf(camera).map((fact) => <span key={fact}>{fact}</span>)}</p>
        </div>
        {camera.note && <p className="note">{camera.note}</p>}
        <div className="tile-actions">
          <a className="text-button" href={addressOf({ name: 'recordings', cameraId: id, atS: null })}>Recordings</a>
          <button type="button" className="text-button" aria-expanded={detailed} onClick={() => setDetailed(!detailed)}>Details</button>
        </div>
        {detailed && <CameraDetails camera={camera} path={report.path} choice={choice} onChoice={setChoice} />}
        <ul className="models" aria-label={`Models at ${camera.name}`}>
          {models.map((model) => (
            <ModelRow
              key={model.subscription.model_id} at={model} sight={report.sights.get(model.subscription.model_id) ?? null}
              coreFailure={system.subscriptions.failure} playing={condition.state === 'live'} onToggle={() => toggle(model.subscription.model_id)}
            />
          ))}
          {models.length === 0 && <li className="no-models">{system.subscriptions.failure ? 'AI is away: nothing is being looked at' : 'No model looks at this camera'}</li>}
        </ul>
      </div>
    </article>
  );
}

function Badge({ condition, delayS, path }: { condition: TileCondition; delayS: number | null; path: LivePathReport | null }) {
  const live = condition.state === 'live';
  return (
    <span className="badge" data-state={condition.state}>
      <span className="dot" aria-hidden="true" />
      {condition.badge}
      {live && delayS !== null && <span className="delay" title="How far the picture is behind the newest one received">{delayS.toFixed(delayS < 0.1 ? 2 : 1)} s</span>}
      {live && path && <span className="path" data-path={path.name} title={path.why}>{PATH_NAMES[path.name]}</span>}
    </span>
  );
}

function Message({ condition: { state, message } }: { condition: TileCondition }) {
  const busy = state === 'connecting' || state === 'opening';
  return (
    <div className="message" role={busy ? 'status' : 'alert'} data-busy={busy}>
      {busy && <span className="spinner" aria-hidden="true" />}
      <strong>{message!.title}</strong>
      {message!.text && <p>{message!.text}</p>}
      {message!.advice && <p className="advice">{message!.advice}</p>}
    </div>
  );
}

/** For a camera that has the page to itself: its tile takes the shape of its picture. */
function shapeOf({ width, height }: CameraStatus): CSSProperties {
  return { '--shape': width && height ? width / height : 16 / 9 } as CSSProperties;
}

function factsOf({ width, height, fps, codec }: CameraStatus): string[] {
  return [
    width && height ? `${width}\u00d7${height}` : null,
    fps === null ? null : `${fps.toFixed(fps < 10 ? 1 : 0)} fps`,
    codec && codecName(codec),
  ].filter((fact) => fact !== null);
}

async function toggleFullScreen(element: HTMLElement): Promise<void> {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await element.requestFullscreen();
}
