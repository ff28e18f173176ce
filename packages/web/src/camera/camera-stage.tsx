// A camera's picture with its overlay, and over it in what state it is.
import { useRef, type ReactNode } from 'react';
import type { CameraStatus } from '@ruth/protocol';
import type { LivePathReport } from '../live/live-video.ts';
import { PATH_NAMES } from './camera-details.tsx';
import { RecordingBadge } from './recording-badge.tsx';
import type { TileCondition } from './tile-condition.ts';
import type { ShownCamera } from './use-camera-view.ts';

export interface CameraStageProps {
  readonly camera: CameraStatus;
  readonly shown: ShownCamera;
  /** Between the badges and the button for the full screen. */
  readonly buttons?: ReactNode;
  /** Over the picture, under badges and buttons. */
  readonly children?: ReactNode;
  /** What is seen is not live: when it was recorded, in words. */
  readonly recorded?: string | null;
}

export function CameraStage({ camera, shown: { pictures, canvas, report, condition }, buttons, children, recorded = null }: CameraStageProps) {
  const stage = useRef<HTMLDivElement>(null);
  return (
    <div className="stage" ref={stage}>
      <div className="pictures" ref={pictures} />
      <canvas ref={canvas} aria-hidden="true" />
      {condition.message && recorded === null && <Message condition={condition} />}
      {children}
      <div className="stage-bar">
        <div className="badges">
          {recorded === null ? <Badge condition={condition} delayS={report.numbers?.delayS ?? null} path={report.path} /> : <span className="badge" data-state="recorded"><span className="dot" aria-hidden="true" />Recorded, {recorded}</span>}
          {recorded === null && <RecordingBadge camera={camera} />}
        </div>
        <div className="stage-buttons">
          {buttons}
          <button type="button" className="stage-button" aria-label={`Show ${camera.name} on the full screen, or leave it`} title="Full screen" onClick={() => void toggleFullScreen(stage.current!)}>
            <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5" /></svg>
          </button>
        </div>
      </div>
    </div>
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

async function toggleFullScreen(element: HTMLElement): Promise<void> {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await element.requestFullscreen();
}
