// Cameras by models: how often each looks of what was asked for. A cell opens what is behind it.
import type { CameraStatus, ModelStatus, NotAsked, SubscriptionStatus } from '@ruth/protocol';
import { isMissing } from '../system/not-asked.ts';
import { addressOf } from '../view-address.ts';

export interface ModelMatrixProps {
  readonly cameras: readonly CameraStatus[];
  readonly models: readonly ModelStatus[];
  readonly subscriptions: readonly SubscriptionStatus[];
  /** Nodes of whose subscriptions nobody knows. */
  readonly notAsked?: NotAsked | null | undefined;
  readonly chosen: string | null;
  /** Whether a model that does not look may be told to. */
  readonly mayChange: boolean;
  readonly onChoose: (key: string) => void;
}

/** Of a cell. */
export const keyOf = ({ camera_id, model_id }: Pick<SubscriptionStatus, 'camera_id' | 'model_id'>): string => `${camera_id} ${model_id}`;

export function ModelMatrix({ cameras, models, subscriptions, notAsked, chosen, mayChange, onChoose }: ModelMatrixProps) {
  const byKey = new Map(subscriptions.map((subscription) => [keyOf(subscription), subscription]));
  return (
    <div className="table-frame" tabIndex={0} role="group" aria-label="Table of cameras and models">
      <table className="matrix stacks">
        <thead><tr><th scope="col">Camera</th>{models.map((model) => <th key={model.model_id} scope="col">{model.model_name ?? model.model_id}</th>)}</tr></thead>
        <tbody>
          {cameras.map((camera) => (
            <tr key={camera.camera_id}>
              <th scope="row"><a href={addressOf({ name: 'live', cameraId: camera.camera_id })}>{camera.name}</a></th>
              {models.map((model) => {
                const key = keyOf({ camera_id: camera.camera_id, model_id: model.model_id });
                const subscription = byKey.get(key);
                return <td key={model.model_id} data-label={model.model_name ?? model.model_id}>{subscription ? <Cell subscription={subscription} chosen={keyOf(subscription) === chosen} onChoose={onChoose} /> : isMissing(notAsked, camera.node) ? <span className="none">not known</span> : mayChange ? <button type="button" className="matrix-cell none" aria-pressed={key === chosen} onClick={() => onChoose(key)}>does not look</button> : <span className="none">does not look</span>}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ subscription, chosen, onChoose }: { subscription: SubscriptionStatus; chosen: boolean; onChoose: (key: string) => void }) {
  const { achieved_fps: achieved, desired_fps: desired, state } = subscription;
  return (
    <button type="button" className="matrix-cell" data-tone={toneOf(subscription)} aria-pressed={chosen} onClick={() => onChoose(keyOf(subscription))}>
      <span className="dot" aria-hidden="true" />
      {state === 'running' ? <span><strong>{achieved.toFixed(1)}</strong> / {desired.toFixed(1)}</span> : state}
    </button>
  );
}

export function toneOf({ state, achieved_fps, desired_fps }: SubscriptionStatus): 'good' | 'warn' | 'bad' | 'unknown' {
  if (state !== 'running') return 'unknown';
  return achieved_fps >= desired_fps * 0.9 ? 'good' : achieved_fps >= desired_fps * 0.5 ? 'warn' : 'bad';
}
