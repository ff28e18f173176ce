// One camera to be changed: its scene, its rules, its settings.
import { useCallback, useEffect, useState } from 'react';
import type { CameraStatus, NodeCamera } from '@ruth/protocol';
import { RulesPage } from '../rules/rules-page.tsx';
import { SceneEditor } from '../scene-editor/scene-editor.tsx';
import { useMay } from '../session.ts';
import type { Failure } from '../system/api.ts';
import type { System, SystemStore } from '../system/system-store.ts';
import { addressOf, type CameraPageName } from '../view-address.ts';
import { cameraSettings } from './camera-api.ts';
import { CameraSettingsForm } from './camera-settings.tsx';

const PAGES: readonly (readonly [CameraPageName, string])[] = [['scene', 'Scene'], ['rules', 'Rules'], ['settings', 'Settings']];
const AGAIN_MS = 3000;

export interface CameraPageProps { readonly cameraId: string; readonly page: CameraPageName; /** Null: the kernel knows of none. */ readonly status: CameraStatus | null; readonly system: System; readonly store: SystemStore }

export function CameraPage({ cameraId, page, status, system, store }: CameraPageProps) {
  const [camera, setCamera] = useState<NodeCamera | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const mayOperate = useMay('operate');
  const mayAdminister = useMay('administer');
  const load = useCallback(async (): Promise<boolean> => {
    const answer = await cameraSettings(cameraId);
    setFailure(answer.failure);
    if (answer.value) setCamera(answer.value);
    return answer.value !== null;
  }, [cameraId]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const look = async (): Promise<void> => {
      if (!await load()) timer = setTimeout(() => void look(), AGAIN_MS);
    };
    void look();
    return () => clearTimeout(timer);
  }, [load]);
  const changed = (next: NodeCamera): void => {
    setCamera(next);
    store.refresh();
  };
  const name = status?.name ?? camera?.config.name ?? cameraId;
  const classes = classesAt(cameraId, system, store);
  return (
    <main className="page-view camera-page">
      <div className="view-head">
        <a className="button" href={addressOf({ name: 'cameras', cameraId: null, page: 'list' })}>{'\u2039'} All cameras</a>
        <h2 className="view-title">{name}</h2>
        <nav className="tabs" aria-label={`Of ${name}`}>
          {PAGES.map(([each, words]) => <a key={each} href={addressOf({ name: 'cameras', cameraId, page: each })} aria-current={page === each ? 'page' : undefined}>{words}{each === 'rules' && camera ? ` (${camera.rules.length + camera.shared_rules.length})` : ''}</a>)}
        </nav>
        <a className="text-button" href={addressOf({ name: 'live', cameraId })}>Live</a>
      </div>
      {failure && <p className="problem" role="alert">{camera === null ? 'What is set at this camera is not known' : 'It is not known whether this is still so'}: {failure.message}{failure.advice && <span className="hint"> {failure.advice}</span>}</p>}
      {camera === null && !failure && <p className="hint" role="status">Loading</p>}
      {camera && page === 'scene' && <SceneEditor camera={camera} status={status} system={system} looks={store.looks} classes={classes} mayChange={mayOperate} onChanged={changed} />}
      {camera && page === 'rules' && <RulesPage camera={camera} classes={classes} mayChange={mayOperate} onChanged={changed} />}
      {camera && page === 'settings' && <CameraSettingsForm camera={camera} mayChange={mayAdminister && camera.managed} onChanged={changed} onRemoved={() => { store.refresh(); location.hash = addressOf({ name: 'cameras', cameraId: null, page: 'list' }); }} />}
    </main>
  );
}

/** What models at this camera can see, what was seen there first. */
function classesAt(cameraId: string, { models, subscriptions }: System, { looks }: SystemStore): string[] {
  const there = new Set((subscriptions.value ?? []).filter(({ camera_id }) => camera_id === cameraId).map(({ model_id }) => model_id));
  return [...new Set([...looks.classNames(cameraId), ...(models.value ?? []).filter(({ model_id }) => there.has(model_id)).flatMap(({ classes }) => classes)])];
}
