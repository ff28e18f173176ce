// One's own account: what it may, and its password.
import { useState } from 'react';
import type { SessionInfo } from '@ruth/protocol';
import { refreshSession } from '../session.ts';
import { signOut } from '../sign-in/sign-out-button.tsx';
import { PasswordForm } from '../sign-in/password-form.tsx';
import '../styles/welcome.css';

export function OwnAccount({ session: { name, permissions, cameras, one_time_password: oneTime = false } }: { session: SessionInfo }) {
  const [failure, setFailure] = useState<string | null>(null);
  const [round, setRound] = useState(0);
  return (
    <div className="cards">
      <section className="panel" aria-label="Account">
        <h3>{name}</h3>
        <dl className="facts-list"><div><dt>May</dt><dd>{permissions.join(', ')}</dd></div><div><dt>Cameras</dt><dd>{cameras === null ? 'all' : cameras.join(', ') || 'none'}</dd></div></dl>
        <div className="actions"><button type="button" className="button" onClick={() => void signOut()}>Sign out here</button></div>
      </section>
      <section className="panel" aria-label="Password">
        <h3>Password</h3>
        <PasswordForm key={round} takesFocus={false} asksCurrent={!oneTime} hint="At least 10 characters. Everywhere else you are signed out." onFailure={setFailure} onDone={() => { setRound(round + 1); refreshSession(); }} />
        <p role="status">{round > 0 && failure === null ? 'The password is changed.' : ''}</p>
        {failure && <p className="problem" role="alert">{failure}</p>}
      </section>
    </div>
  );
}
