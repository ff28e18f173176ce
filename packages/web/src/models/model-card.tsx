// One model: whether it runs, what it can, what it costs, whose it is.
import type { ModelStatus, SubscriptionStatus } from '@ruth/protocol';

/** `processReason`: why its process does not run, as its supervisor says; that core cannot reach it is what comes of that. */
export function ModelCard({ model, processReason = null, subscriptions }: { model: ModelStatus; processReason?: string | null; subscriptions: readonly SubscriptionStatus[] }) {
  const { dispatch } = model;
  const [achieved, desired] = [sum(subscriptions.map(({ achieved_fps }) => achieved_fps)), sum(subscriptions.map(({ desired_fps }) => desired_fps))];
  const facts: [string, string][] = [
    ['Looks', subscriptions.length === 0 ? 'at no camera' : `${achieved.toFixed(1)} of ${desired.toFixed(1)} a second, at ${subscriptions.length} ${subscriptions.length === 1 ? 'camera' : 'cameras'}`],
    ['Runs on', model.device ?? '\u2013'],
    ['Does', model.supported_tasks.join(', ') || '\u2013'],
    ['Knows', classesOf(model.classes)],
    ...(dispatch ? [['Busy with', `${dispatch.in_flight} of ${dispatch.places} ${dispatch.places === 1 ? 'look' : 'looks'} at once${dispatch.waiting > 0 ? `, ${dispatch.waiting} wait` : ''}`] satisfies [string, string]] : []),
    ['Licence', model.license ?? 'not stated'],
  ];
  const down = model.state === 'down';
  const resting = dispatch !== undefined && dispatch.circuit !== 'closed';
  return (
    <li className="panel card" data-model-id={model.model_id} data-tone={down ? 'bad' : resting ? 'warn' : 'good'}>
      <h3><span className="dot" aria-hidden="true" />{model.model_name ?? model.model_id}<span className="card-state">{down ? 'Down' : resting ? 'Rests after failures' : 'Up'}</span></h3>
      <p className="hint">{model.model_id}</p>
      <dl>{facts.map(([term, fact]) => <div key={term}><dt>{term}</dt><dd>{fact}</dd></div>)}</dl>
      {down && processReason ? <p className="problem">{processReason}</p> : model.last_error && <p className="problem">{model.last_error.message}</p>}
    </li>
  );
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function classesOf(classes: readonly string[]): string {
  if (classes.length === 0) return '\u2013';
  return classes.length <= 3 ? classes.join(', ') : `${classes.slice(0, 2).join(', ')} and ${classes.length - 2} more classes`;
}
