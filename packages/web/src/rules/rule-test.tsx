// What a rule would have said of the last hour: its alerts, each with the way to its instant in the recordings, and what is not known of that time.
import { useEffect, useState } from 'react';
import type { CameraRule, RuleTest } from '@ruth/protocol';
import { testRules } from '../cameras/camera-api.ts';
import { eventWords } from '../events/event-words.ts';
import type { Failure } from '../system/api.ts';
import { addressOf } from '../view-address.ts';
import { clockText, durationText } from '../wall-clock.ts';

/** A recording is shown from a little before. */
const LEAD_S = 3;
/** What alerts of a rule stand beside is told by the rule itself. */
const BESIDE: Readonly<Record<string, string>> = {
  'zone.entered': 'entered a zone', 'zone.left': 'left a zone', 'line.crossed': 'crossed a line', dwell: 'stayed', 'object.left': 'left behind', 'object.removed': 'removed', fall: 'fell',
};

export interface RuleTestPanelProps {
  readonly cameraId: string;
  /** As it is written now; what was told of it before holds no longer when it changes. */
  readonly rule: CameraRule;
  readonly disabled: boolean;
  /** What the server found wrong with the rule. */
  readonly onFailure: (failure: Failure | null) => void;
}

export function RuleTestPanel({ cameraId, rule, disabled, onFailure }: RuleTestPanelProps) {
  const [asking, setAsking] = useState<AbortController | null>(null);
  const [test, setTest] = useState<RuleTest | null>(null);
  const written = JSON.stringify(rule);
  useEffect(() => setTest(null), [written]);
  useEffect(() => () => asking?.abort(), [asking]);
  const ask = async (): Promise<void> => {
    const controller = new AbortController();
    setAsking(controller);
    setTest(null);
    onFailure(null);
    const { value, failure } = await testRules(cameraId, { rules: [rule] }, controller.signal);
    setAsking(null);
    if (failure?.code !== 'cancelled') onFailure(failure);
    if (value) setTest(value);
  };
  return (
    <section className="rule-test" aria-label="Test on the last hour">
      <div className="actions">
        {asking ? <button type="button" className="button" onClick={() => asking.abort()}>Cancel the test</button>
          : <button type="button" className="button" disabled={disabled} onClick={() => void ask()}>{test ? 'Test again' : 'Test on the last hour'}</button>}
        <p className="hint" role="status">{asking ? 'What was seen in the last hour is gone through.' : test ? verdictOf(test) : 'Tells which alerts it would have raised. Nothing is stored, nobody is told.'}</p>
      </div>
      {test && <Told test={test} cameraId={cameraId} />}
    </section>
  );
}

function verdictOf({ alerts, alerts_left_out: more, start, end }: RuleTest): string {
  const count = alerts.length + more;
  return `${count === 0 ? 'No alert' : count === 1 ? 'One alert' : `${count} alerts`} from ${clockText(start, { seconds: false })} to ${clockText(end, { seconds: false })}.`;
}

function Told({ test, cameraId }: { test: RuleTest; cameraId: string }) {
  const { alerts, alerts_left_out: more, models, events } = test;
  const beside = Object.entries(events).filter(([type, count]) => count > 0 && type in BESIDE).map(([type, count]) => `${count} ${BESIDE[type]}`);
  return (
    <>
      {alerts.length > 0 && (
        <ol className="event-list" aria-label="Alerts that it would have raised">
          {alerts.map(({ raised, cleared }) => (
            <li key={raised.id} data-event-tone="alert">
              <a href={addressOf({ name: 'recordings', cameraId, atS: raised.recording_at - LEAD_S })} target="_blank" rel="noreferrer" title="Show it in the recordings, in another tab">
                <time>{clockText(raised.recording_at)}</time><span>{eventWords(raised).title}{raised.lasting ? `, ${cleared ? `for ${durationText(cleared.lasted_s)}` : 'lasted to the end'}` : ''}</span>
              </a>
            </li>
          ))}
        </ol>
      )}
      {more > 0 && <p className="hint">and {more} more</p>}
      <ul className="not-known" aria-label="What is not known">{unknownOf(test).map((words) => <li key={words}>{words}</li>)}</ul>
      <p className="hint">
        {models.length === 0 ? 'No model looked' : models.map(({ model_id: id, looks, held }) => `${looks} looks by ${id}${held > 0 ? `, ${held} pictures passed over as nothing moved` : ''}`).join('; ')}.
        {beside.length > 0 && ` In that time: ${beside.join(', ')}.`}
      </p>
    </>
  );
}

function unknownOf({ start, end, kept_since: since, unseen, models }: RuleTest): string[] {
  const failed = models.reduce((sum, model) => sum + model.failed, 0);
  const blindS = unseen.reduce((sum, span) => sum + span.end - span.start, 0);
  const longest = unseen.toSorted((a, b) => b.end - b.start - (a.end - a.start)).slice(0, 3).map((span) => `${clockText(span.start)} for ${durationText(span.end - span.start)}`);
  return [
    since === null ? 'Nothing is known of this time: no look is kept. Looks are kept from when core starts.' : since > start + 1 ? `What was before ${clockText(Math.min(since, end))} is not known: looks are kept from then on.` : null,
    since !== null && blindS > 0 ? `Nobody looked for ${durationText(blindS)}: ${longest.join(', ')}${unseen.length > 3 ? ` and ${unseen.length - 3} more times` : ''}.` : null,
    failed > 0 ? `${failed} ${failed === 1 ? 'look' : 'looks'} failed: what happened then is not known.` : null,
  ].filter((words) => words !== null);
}
