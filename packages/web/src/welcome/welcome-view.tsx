// The first run: a password, a camera, which models look at it, and then what they see. Each step says what it is for; those that are
// done already are passed over.
import { useState } from 'react';
import { AddCamera } from '../cameras/add-camera.tsx';
import { refreshSession, useMay, useSession } from '../session.ts';
import { NotAllowed } from '../shell/states.tsx';
import { PasswordForm } from '../sign-in/password-form.tsx';
import type { System, SystemStore } from '../system/system-store.ts';
import { addressOf, LIVE } from '../view-address.ts';
import { FirstSight } from './first-sight.tsx';
import { ModelStep } from './model-step.tsx';
import '../styles/tables.css';
import '../styles/forms.css';
import '../styles/cameras.css';
import '../styles/welcome.css';

const STEPS = ['Password', 'Camera', 'Models', 'Done'] as const;
type Step = (typeof STEPS)[number];

export function WelcomeView({ system, store }: { system: System; store: SystemStore }) {
  const session = useSession();
  const mayAdminister = useMay('administer');
  const [failure, setFailure] = useState<string | null>(null);
  const [reached, setReached] = useState<Step | null>(null);
  const [cameraId, setCameraId] = useState<string | null>(null);
  const cameras = system.cameras.value ?? [];
  const step: Step = reached ?? (session?.one_time_password ? 'Password' : 'Camera');
  if (session && !mayAdminister) return <NotAllowed what="You may not set up this node" />;
  const goTo = (next: Step): void => {
    setFailure(null);
    setReached(next);
    // Whoever goes by keyboard or screen reader is told where it goes on.
    document.querySelector<HTMLElement>('.welcome-title')?.focus();
  };
  return (
    <main className="page-view welcome" data-step={step}>
      <h2 className="view-title welcome-title" tabIndex={-1}>Welcome to Ruth</h2>
      <ol className="welcome-steps" aria-label="Steps">{STEPS.map((each) => <li key={each} aria-current={each === step ? 'step' : undefined} data-done={STEPS.indexOf(each) < STEPS.indexOf(step)}>{each}</li>)}</ol>
      {step === 'Password' && (
        <section className="panel" aria-label="Password">
          <h3>Choose a password for {session?.name ?? 'yourself'}</h3>
          <PasswordForm asksCurrent={false} hint="You came by a link that worked once. With this password you sign in from now on: at least 10 characters." onFailure={setFailure} onDone={() => { refreshSession(); goTo('Camera'); }} />
          {failure && <p className="problem" role="alert">{failure}</p>}
          <div className="actions"><button type="button" className="text-button" onClick={() => goTo('Camera')}>Later</button></div>
        </section>
      )}
      {step === 'Camera' && (
        <>
          <p className="hint">Give the address of a camera's stream, or search the network. Ruth looks at it first, and says what it found.</p>
          <AddCamera embedded taken={cameras.map(({ camera_id }) => camera_id)} onAdded={(id) => { setCameraId(id); store.refresh(); goTo('Models'); }} />
          {cameras.length > 0 && <div className="actions"><a className="text-button" href={addressOf(LIVE)}>Not now: there are {cameras.length} already</a></div>}
        </>
      )}
      {step === 'Models' && cameraId !== null && <ModelStep cameraId={cameraId} models={system.models.value ?? []} onDone={() => { store.refresh(); goTo('Done'); }} />}
      {step === 'Done' && cameraId !== null && <FirstSight cameraId={cameraId} system={system} store={store} />}
    </main>
  );
}
