// One model at one camera: why it looks as often as it does, what was not looked at, and where the time of a look goes.
import { LOOK_STAGES, type SubscriptionStatus } from '@ruth/protocol';
import { rateReason } from '../camera/model-row.tsx';
import { STAGE_WORDS } from '../system/stage-words.ts';
import type { System } from '../system/system-store.ts';

export function SubscriptionPanel({ subscription, system }: { subscription: SubscriptionStatus; system: System }) {
  const { camera_id, model_id, drops, due, failed, stages_ms: stages, latency_ms: latency, last_error } = subscription;
  const camera = system.cameras.value?.find((each) => each.camera_id === camera_id)?.name ?? camera_id;
  const model = system.models.value?.find((each) => each.model_id === model_id)?.model_name ?? model_id;
  const causes = Object.entries(drops).filter(([, count]) => count > 0).toSorted((a, b) => b[1] - a[1]);
  return (
    <section className="panel" aria-label={`${model} at ${camera}`} aria-live="polite">
      <h3>{model} at {camera}</h3>
      <p className="first-upper">{rateReason(subscription)}.</p>
      <p className="hint">{causes.length === 0 ? `All ${due} frames that were due were looked at` : `Of ${due} frames that were due, not looked at: ${causes.map(([cause, count]) => `${count} (${cause.replaceAll('_', ' ')})`).join(', ')}`}{failed > 0 ? `; ${failed} looks failed` : ''}.</p>
      {last_error && <p className="problem">{last_error.message}</p>}
      {stages && latency && (
        <div className="table-frame" tabIndex={0} role="group" aria-label="Table of stages"><table className="stages">
          <caption>Where the time of a look goes, milliseconds</caption>
          <thead><tr><th scope="col">Stage</th><th scope="col">half within</th><th scope="col">95 % within</th><td /></tr></thead>
          <tbody>
            {LOOK_STAGES.map((stage) => (
              <tr key={stage}>
                <th scope="row">{STAGE_WORDS[stage]}</th><td>{stages[stage].p50.toFixed(1)}</td><td>{stages[stage].p95.toFixed(1)}</td>
                <td><meter min={0} max={Math.max(1, latency.p50)} value={stages[stage].p50} aria-label={`${STAGE_WORDS[stage]}, share of the whole`} /></td>
              </tr>
            ))}
          </tbody>
          <tfoot><tr><th scope="row">Whole</th><td>{latency.p50.toFixed(1)}</td><td>{latency.p95.toFixed(1)}</td><td /></tr></tfoot>
        </table></div>
      )}
    </section>
  );
}
