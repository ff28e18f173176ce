// What a camera on the screen needs, whatever stands around it: its video and overlay, its models, and what it says of itself.
import { useEffect, useMemo, useRef, useState, type RefObject } from 'react';
import type { CameraStatus, SceneConfig } from '@ruth/protocol';
import type { PathChoice } from '../live/live-path.ts';
import type { LookBook } from '../live/look-history.ts';
import type { OverlayChoice } from '../overlay/overlay-choice.ts';
import { useStoredChoice } from '../stored-choice.ts';
import { socketAddress } from '../system/api.ts';
import type { System } from '../system/system-store.ts';
import { usePolled } from '../system/use-polled.ts';
import { CameraView, type CameraReport, type ModelAtCamera } from './camera-view.ts';
import { tileCondition, type TileCondition } from './tile-condition.ts';

const SCENE_EVERY_MS = 15_000;
const NOTHING_YET: CameraReport = { phase: { name: 'idle' }, path: null, numbers: null, sights: new Map() };

export interface ShownCamera {
  /** Where the video goes, and the overlay over it. */
  readonly pictures: RefObject<HTMLDivElement | null>;
  readonly canvas: RefObject<HTMLCanvasElement | null>;
  readonly report: CameraReport;
  readonly condition: TileCondition;
  readonly models: readonly ModelAtCamera[];
  readonly toggleModel: (modelId: string) => void;
  readonly choice: PathChoice;
  readonly setChoice: (choice: PathChoice) => void;
}

export interface CameraOnScreen { readonly camera: CameraStatus; readonly system: System; readonly looks: LookBook; readonly overlay: OverlayChoice; /** Whether something else is shown in its place. */ readonly held?: boolean; /** Whether the picture is so small that a smaller stream of the camera suffices. */ readonly small?: boolean }

export function useCameraView({ camera, system, looks, overlay, held = false, small = false }: CameraOnScreen): ShownCamera {
  const { camera_id: id, name } = camera;
  const pictures = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useRef<CameraView>(null);
  const [report, setReport] = useState(NOTHING_YET);
  const [choice, setChoice] = useStoredChoice<PathChoice>(`ruth.path.${id}`, 'auto');
  const [hidden, setHidden] = useStoredChoice<readonly string[]>(`ruth.hidden.${id}`, []);

  // Once it does not come, it is the main stream for as long as this is on the screen: else it would be one and the other in turn.
  const [detectFailed, setDetectFailed] = useState(false);
  const detectState = camera.detect?.state ?? null;
  if (small && detectState === 'down' && !detectFailed) setDetectFailed(true);
  const showsDetect = small && detectState !== null && !detectFailed && choice !== 'webrtc';

  const models = useMemo(() => (system.subscriptions.value ?? [])
    .filter((subscription) => subscription.camera_id === id)
    .map((subscription): ModelAtCamera => ({
      subscription, model: system.models.value?.find((model) => model.model_id === subscription.model_id) ?? null, shown: !hidden.includes(subscription.model_id),
    })), [id, system.subscriptions.value, system.models.value, hidden]);

  useEffect(() => {
    const live = `cameras/${encodeURIComponent(id)}`;
    const opened = new CameraView({
      cameraId: id, label: `Live video of ${name}`, mseUrl: socketAddress(`${live}/live${showsDetect ? '?stream=detect' : ''}`), small: showsDetect, webRtcUrl: socketAddress(`${live}/webrtc`),
      pictures: pictures.current!, canvas: canvas.current!, looks, onReport: setReport,
    });
    view.current = opened;
    return () => opened[Symbol.dispose]();
  }, [id, name, looks, showsDetect]);
  useEffect(() => {
    if (view.current) view.current.choice = choice;
  }, [choice, id, name, looks, showsDetect]);
  useEffect(() => {
    if (view.current) view.current.held = held;
  }, [held, id, name, looks, showsDetect]);
  const ownStreamLooks = detectState === null || showsDetect;
  useEffect(() => {
    if (!view.current) return;
    view.current.ownStreamLooks = ownStreamLooks;
    view.current.models = models;
  }, [models, ownStreamLooks, id, name, showsDetect]);
  useEffect(() => {
    if (view.current) view.current.overlay = overlay;
  }, [overlay, id, name, looks, showsDetect]);

  const { value: scene } = usePolled<SceneConfig>(overlay.scene || !overlay.masked ? `cameras/${encodeURIComponent(id)}/scene` : null, SCENE_EVERY_MS);
  useEffect(() => {
    if (view.current) view.current.scene = scene ?? {};
  }, [scene, id, name, looks, showsDetect]);

  return {
    pictures, canvas, report, models, choice, setChoice, condition: tileCondition(camera, system.cameras.failure, report.phase),
    toggleModel: (modelId) => setHidden(hidden.includes(modelId) ? hidden.filter((other) => other !== modelId) : [...hidden, modelId]),
  };
}
