// Which models look at the first camera, and how often. What looks unless told is chosen already.
import { useEffect, useState } from 'react';
import type { CameraSubscription, ModelStatus, NodeCamera } from '@ruth/protocol';
import { cameraSettings, changeIntent } from '../cameras/camera-api.ts';
import { failureText } from '../system/api.ts';

export function ModelStep({ cameraId, models, onDone }: { cameraId: string; models: readonly ModelStatus[]; onDone: () => void }) {
  const [camera, setCamera] = useState<NodeCamera | null>(null);
  const [chosen, setChosen] = useState<readonly string[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    void cameraSettings(cameraId).then(({ value, failure }) => {
      setCamera(value);
      setProblem(failure && failureText(failure));
    });
  }, [cameraId]);
  const present = (camera?.subscriptions ?? []).filter(({ active }) => active !== false);
  const ids = chosen ?? present.map(({ model }) => model);
  const save = async (): Promise<void> => {
    if (chosen === null || camera === null) return onDone();
    setBusy(true);
    const { failure } = await changeIntent(camera, { subscriptions: subscriptionsFor(chosen, camera.subscriptions) });
    setBusy(false);
    setProblem(failure && failureText(failure));
    if (!failure) onDone();
  };
  return (
    <section className="panel" aria-label="Models">
      <h3>What shall be looked for?</h3>
      <p className="hint">These models run on this node. More can be added later.</p>
      <ul className="model-choices">
        {models.map(({ model_id: id, model_name: name, supported_tasks: tasks, classes, license, state }) => (
          <li key={id}>
            <label className="check">
              <input type="checkbox" checked={ids.includes(id)} onChange={({ target }) => setChosen(target.checked ? [...ids, id] : ids.filter((each) => each !== id))} />
              <span><strong>{name ?? id}</strong><span className="hint"> {[tasks.join(', '), classes.length > 0 ? `${classes.slice(0, 3).join(', ')}${classes.length > 3 ? ` and ${classes.length - 3} more` : ''}` : null, license, state === 'down' ? 'is starting' : null].filter(Boolean).join('; ')}</span></span>
            </label>
          </li>
        ))}
      </ul>
      {models.length === 0 && <p className="hint" role="status">The models are starting. You can go on: they look as soon as they can.</p>}
      {problem && <p className="problem" role="alert">{problem}</p>}
      <div className="actions"><button type="button" className="button primary" disabled={busy} onClick={() => void save()}>{busy ? 'Saving' : 'Go on'}</button></div>
    </section>
  );
}

/** Those that were there stay as they were; one that followed another goes with it. */
function subscriptionsFor(chosen: readonly string[], present: readonly CameraSubscription[]): CameraSubscription[] {
  return chosen.map((model) => {
    const before = present.find((each) => each.model === model);
    if (!before) return { model, desired_fps: 5 };
    const { regions, ...alone } = before;
    return regions && !chosen.includes(regions.model) ? alone : before;
  });
}
