// One model at one camera: what it sees now, how often it looks, how long that takes; and whether its drawing is shown.
import type { CameraStatus, SubscriptionStatus } from '@ruth/protocol';
import type { Failure } from '../system/api.ts';
import type { System } from '../system/system-store.ts';
import type { ModelAtCamera, Sight } from './camera-view.ts';
import { findingOf } from './finding.ts';
import type { ShownCamera } from './use-camera-view.ts';

export function ModelList({ camera, system, shown, explained = false }: { camera: CameraStatus; system: System; shown: ShownCamera; explained?: boolean }) {
  return (
    <ul className="models" aria-label={`Models at ${camera.name}`}>
      {shown.models.map((model) => (
        <ModelRow
          key={model.subscription.model_id} at={model} sight={shown.report.sights.get(model.subscription.model_id) ?? null}
          explained={explained} down={whyDown(model, system)}
          coreFailure={system.subscriptions.failure} playing={shown.condition.state === 'live'} onToggle={() => shown.toggleModel(model.subscription.model_id)}
        />
      ))}
      {shown.models.length === 0 && <li className="no-models">{system.subscriptions.failure ? 'AI is away: nothing is being looked at' : 'No model looks at this camera'}</li>}
    </ul>
  );
}

interface ModelRowProps {
  readonly at: ModelAtCamera;
  readonly sight: Sight;
  /** Why the model is away; null where it is there. */
  readonly down: string | null;
  /** Whether the reason of its rate is said. */
  readonly explained: boolean;
  /** Why core could not be asked; null where it answered. */
  readonly coreFailure: Failure | null;
  /** Whether there is a picture that could be looked at. */
  readonly playing: boolean;
  readonly onToggle: () => void;
}

function ModelRow({ at: { subscription, model, shown }, sight, down, explained, coreFailure, playing, onToggle }: ModelRowProps) {
  const name = model?.model_name ?? subscription.model_id;
  const finding = findingOf(subscription, down, sight, coreFailure, playing);
  return (
    <li className="model" data-model-id={subscription.model_id} data-finding={finding.kind}>
      <button type="button" className="model-toggle" aria-pressed={shown} onClick={onToggle} title={shown ? `Hide what ${name} sees` : `Show what ${name} sees`}>
        <span className="switch" aria-hidden="true" />
        <span className="model-name">{name}</span>
      </button>
      <span className="finding" title={finding.title}>{finding.words}</span>
      <span className="rate" title={dropsOf(subscription)}>
        <meter min={0} max={subscription.desired_fps} low={subscription.desired_fps * 0.5} high={subscription.desired_fps * 0.8} optimum={subscription.desired_fps} value={subscription.achieved_fps} aria-label={`Frames per second of ${name}`} />
        {rounded(subscription.achieved_fps)} / {rounded(subscription.desired_fps)} fps
      </span>
      <span className="latency" title="From the arrival of a frame to its answer: half of the looks are quicker">{subscription.latency_ms ? `${Math.round(subscription.latency_ms.p50)} ms` : '\u2013'}</span>
      {explained && <p className="rate-reason">{down ?? rateReason(subscription)}</p>}
    </li>
  );
}

/** The health has it from the supervisor, who knows why the container ended; core knows that none answers. */
function whyDown({ model, subscription: { model_id } }: ModelAtCamera, { health }: System): string | null {
  if (model?.state !== 'down') return null;
  return health?.models?.find((told) => told.model_id === model_id)?.error ?? model.last_error?.message ?? 'the model is down';
}

export function rateReason({ state, shortfall }: SubscriptionStatus): string {
  if (state !== 'running') return `It is ${state}`;
  return shortfall ? shortfall.message : 'As often as it was asked to';
}

function dropsOf({ due, drops }: SubscriptionStatus): string {
  const causes = Object.entries(drops).filter(([, count]) => count > 0).map(([cause, count]) => `${cause.replaceAll('_', ' ')} ${count}`);
  return causes.length > 0 ? `Of ${due} frames due, not looked at: ${causes.join(', ')}` : `All ${due} frames due were looked at`;
}

function rounded(fps: number): string {
  return fps >= 10 || Number.isInteger(fps) ? String(Math.round(fps)) : fps.toFixed(1);
}
