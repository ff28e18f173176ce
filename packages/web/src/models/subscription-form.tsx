// How often a model shall look at a camera, for what, and how much that matters: changed at once, and kept in ruth.yaml.
import { useEffect, useState } from 'react';
import type { CameraSubscription, NodeCamera } from '@ruth/protocol';
import { cameraSettings, changeIntent, problemsUnder } from '../cameras/camera-api.ts';
import { ClassChoice, NumberField } from '../controls/fields.tsx';
import { failureText, type Failure } from '../system/api.ts';

const DEFAULT_PRIORITY = 50;

/** `classes`: those that the model knows. */
export function SubscriptionForm({ cameraId, modelId, classes, onChanged }: { cameraId: string; modelId: string; classes: readonly string[]; onChanged: () => void }) {
  const [camera, setCamera] = useState<NodeCamera | null>(null);
  const [wanted, setWanted] = useState<CameraSubscription>({ model: modelId, desired_fps: 5 });
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const present = camera?.subscriptions.find(({ model }) => model === modelId) ?? null;
  useEffect(() => {
    let ended = false;
    void cameraSettings(cameraId).then((answer) => {
      if (ended) return;
      setFailure(answer.failure);
      setCamera(answer.value);
      const found = answer.value?.subscriptions.find(({ model }) => model === modelId);
      if (found) setWanted(found);
    });
    return () => { ended = true; };
  }, [cameraId, modelId]);
  const put = async (subscriptions: CameraSubscription[]): Promise<void> => {
    setBusy(true);
    const answer = await changeIntent(camera!, { subscriptions });
    setBusy(false);
    setFailure(answer.failure);
    if (!answer.value) return;
    setCamera(answer.value);
    onChanged();
  };
  if (camera === null) return failure ? <p className="problem" role="alert">{failureText(failure)}</p> : <p className="hint" role="status">Loading</p>;
  const all = camera.subscriptions;
  const index = all.findIndex(({ model }) => model === modelId);
  const problems = problemsUnder(failure, `/subscriptions/${index < 0 ? all.length : index}`);
  const save = (to: CameraSubscription): void => void put(index < 0 ? [...all, to] : all.with(index, to));
  return (
    <form className="subscription-form" aria-label="How often it shall look" onSubmit={(event) => { event.preventDefault(); save(wanted); }}>
      <div className="field-pair">
        <NumberField label="Looks a second" value={wanted.desired_fps} min={0.01} max={240} onChange={(fps) => setWanted({ ...wanted, desired_fps: fps ?? 5 })} />
        <NumberField label="Priority, 0 to 100" hint="Whose looks are cut last: 20 more double the share" value={wanted.priority ?? DEFAULT_PRIORITY} min={0} max={100} step={1} onChange={(priority) => setWanted({ ...wanted, priority: priority ?? DEFAULT_PRIORITY })} />
      </div>
      {classes.length > 1 && (
        <>
          <ClassChoice label="Only these classes" empty="all that it knows" chosen={wanted.config?.classes ?? []} classes={classes} onChange={(chosen) => setWanted(withConfig(wanted, { classes: chosen.length === 0 ? undefined : [...chosen] }))} />
          <NumberField label="Confidence at least, 0 to 1" hint="Higher: fewer false alarms, and more that is missed. Empty: as the model suggests" value={wanted.config?.confidence_threshold ?? null} min={0} max={1} onChange={(threshold) => setWanted(withConfig(wanted, { confidence_threshold: threshold ?? undefined }))} />
        </>
      )}
      {wanted.regions && <p className="hint">It looks only where {wanted.regions.model} saw something.</p>}
      {Object.values(problems).map((problem) => <p key={problem} className="problem" role="alert">{problem}</p>)}
      <div className="actions">
        <button type="submit" className="button primary" disabled={busy}>{busy ? 'Saving' : present === null ? 'Let it look' : 'Save'}</button>
        {present && <button type="button" className="button" disabled={busy} onClick={() => save({ ...present, active: present.active === false })}>{present.active === false ? 'Let it look again' : 'Let it rest'}</button>}
        {present && <button type="button" className="button danger" disabled={busy} onClick={() => void put(all.filter(({ model }) => model !== modelId))}>Look no more</button>}
      </div>
    </form>
  );
}

/** What is undefined is left to the model. */
function withConfig(subscription: CameraSubscription, change: { [K in 'classes' | 'confidence_threshold']?: NonNullable<CameraSubscription['config']>[K] | undefined }): CameraSubscription {
  const { config: before, ...rest } = subscription;
  const config = Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined));
  return Object.keys(config).length === 0 ? rest : { ...rest, config };
}
