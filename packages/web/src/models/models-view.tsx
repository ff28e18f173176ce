// The models: what each is and how it does, and which looks at which camera how often.
import { useState } from 'react';
import type { ModelStatus, SupervisedModel } from '@ruth/protocol';
import { Empty, Unknown, Waiting } from '../shell/states.tsx';
import { useMay } from '../session.ts';
import { SERVER_UNREACHABLE } from '../system/api.ts';
import { notAskedText } from '../system/not-asked.ts';
import type { System, SystemStore } from '../system/system-store.ts';
import { usePolled } from '../system/use-polled.ts';
import { InstalledModels } from './installed-models.tsx';
import { ModelCard } from './model-card.tsx';
import { ModelJobs } from './model-jobs.tsx';
import { keyOf, ModelMatrix } from './model-matrix.tsx';
import { SubscriptionForm } from './subscription-form.tsx';
import { SubscriptionPanel } from './subscription-panel.tsx';
import '../styles/tables.css';
import '../styles/forms.css';

const INSTALLED_EVERY_MS = 3000;

export function ModelsView({ system, store }: { system: System; store: SystemStore }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const { models, subscriptions, cameras } = system;
  const mayOperate = useMay('operate');
  const mayAdminister = useMay('administer');
  const installed = usePolled<SupervisedModel[]>(mayAdminister ? 'models/installed' : null, INSTALLED_EVERY_MS);
  if (models.value === null) return models.failure ? <Unknown what="The models are not known yet" failure={models.failure} /> : <Waiting words="Loading" />;
  const subscription = subscriptions.value?.find((each) => keyOf(each) === chosen) ?? null;
  return (
    <main className="page-view">
      <h2 className="view-title">Models</h2>
      {models.failure && models.failure.code !== SERVER_UNREACHABLE && <p className="problem" role="status">The AI core does not answer. What you see is what it said last.</p>}
      {models.value.length === 0 && (
        <Empty title="No model runs on this node">
          <p>{mayAdminister ? 'Switch one on, or add one, below.' : 'Whoever administers this node can add one.'}</p>
        </Empty>
      )}
      <ul className="cards" aria-label="Models">
        {models.value.map((model) => <ModelCard key={model.model_id} model={model} processReason={installed.value?.find(({ model_id }) => model_id === model.model_id)?.reason ?? null} subscriptions={(subscriptions.value ?? []).filter(({ model_id }) => model_id === model.model_id)} />)}
      </ul>
      {models.value.length > 0 && (
        <section className="panel" aria-label="Which model looks at which camera">
          <h3>How often each model looks, a second</h3>
          <p className="hint">A look is one model examining one picture: how many there are, of how many were asked for. Press one to change it, or to see why.</p>
          {subscriptions.notAsked && <p className="problem" role="status">Not all nodes could be asked: {notAskedText(subscriptions.notAsked)}</p>}
          {(cameras.value ?? []).length === 0 ? <p className="hint">No camera is known.</p> : (
            <ModelMatrix cameras={cameras.value!} models={models.value} subscriptions={subscriptions.value ?? []} notAsked={subscriptions.notAsked} chosen={chosen} mayChange={mayOperate} onChoose={(key) => setChosen(key === chosen ? null : key)} />
          )}
        </section>
      )}
      {subscription && <SubscriptionPanel subscription={subscription} system={system} />}
      {chosen !== null && mayOperate && <ChosenForm key={chosen} chosen={chosen} models={models.value} onChanged={() => store.refresh()} />}
      {mayAdminister && (
        <>
          <InstalledModels known={installed} />
          <ModelJobs installed={installed.value ?? []} />
        </>
      )}
    </main>
  );
}

function ChosenForm({ chosen, models, onChanged }: { chosen: string; models: readonly ModelStatus[]; onChanged: () => void }) {
  const [cameraId, modelId] = chosen.split(' ') as [string, string];
  return (
    <section className="panel" aria-label={`How often ${modelId} shall look at ${cameraId}`}>
      <h3>How often {modelId} shall look at {cameraId}</h3>
      <SubscriptionForm cameraId={cameraId} modelId={modelId} classes={models.find(({ model_id }) => model_id === modelId)?.classes ?? []} onChanged={onChanged} />
    </section>
  );
}
