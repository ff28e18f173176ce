// Signs in with a name and a password, through a provider where there is one, or by the link that Ruth printed; then lets a password that works once be replaced.
import type { SessionInfo, SignInWays } from '@ruth/protocol';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { failureText, send } from '../system/api.ts';
import { PasswordForm } from './password-form.tsx';

type Step = 'looking' | 'name' | 'new password';

export function SignIn() {
  const [step, setStep] = useState<Step>('looking');
  const [failure, setFailure] = useState<string | null>(null);
  const isLooking = useRef(false);
  const goOn = (session: SessionInfo): void => {
    if (session.must_change_password) setStep('new password');
    else location.replace(destination());
  };
  useEffect(() => {
    if (isLooking.current) return;
    isLooking.current = true;
    void look().then(({ session, problem }) => {
      setFailure(problem);
      if (session) goOn(session);
      else setStep('name');
    });
  }, []);
  return (
    <main className="sign-in">
      <img src="/favicon.svg" alt="" width="40" height="40" />
      <h1>{step === 'new password' ? 'Choose a password' : 'Sign in to Ruth'}</h1>
      {step === 'looking' && <p className="hint" role="status">One moment</p>}
      {step === 'name' && <NameForm onDone={goOn} onFailure={setFailure} />}
      {step === 'name' && <ProviderLink />}
      {step === 'new password' && <PasswordForm asksCurrent={false} hint="The password that you signed in with worked once. This one is for the next time: at least 10 characters." onDone={() => location.replace(destination())} onFailure={setFailure} />}
      <p className="failure" role="alert">{failure}</p>
    </main>
  );
}

interface FormProps<T> { readonly onDone: (value: T) => void; readonly onFailure: (text: string | null) => void }

function NameForm({ onDone, onFailure }: FormProps<SessionInfo>) {
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    onFailure(null);
    const { value, failure } = await send<SessionInfo>('POST', 'session', { name: form.get('name'), password: form.get('password') });
    setBusy(false);
    if (failure) onFailure(failureText(failure));
    else onDone(value);
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <label>Name<input name="name" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus maxLength={63} /></label>
      <label>Password<input name="password" type="password" autoComplete="current-password" required maxLength={256} /></label>
      <button className="button primary" type="submit" disabled={isBusy}>{isBusy ? 'Signing in' : 'Sign in'}</button>
      <p className="hint">Ruth printed the first user's password, and a link that works once, where it was started. Start it again for a new link.</p>
    </form>
  );
}

/** To the OpenID Connect provider, where people may sign in through one. */
function ProviderLink() {
  const [ways, setWays] = useState<SignInWays | null>(null);
  useEffect(() => { void send<SignInWays>('GET', 'session/ways').then(({ value }) => setWays(value)); }, []);
  return ways?.oidc ? <p><a className="button" href={ways.oidc.url}>Sign in with {ways.oidc.title}</a></p> : null;
}

/** By the link, or by the session that there is already. */
async function look(): Promise<{ session: SessionInfo | null; problem: string | null }> {
  const link = location.hash.slice(1);
  // Not to be found in the history.
  if (link !== '') history.replaceState(null, '', location.pathname + location.search);
  const { value, failure } = link === '' ? await send<SessionInfo>('GET', 'session') : await send<SessionInfo>('POST', 'session', { link });
  if (value) return { session: value, problem: null };
  if (link === '') return { session: null, problem: failure.code === 'unauthorized' ? null : failureText(failure) };
  // A link that was used already, by this very browser.
  const { value: known } = await send<SessionInfo>('GET', 'session');
  return { session: known, problem: known ? null : failureText(failure) };
}

/** Where the person wanted to go: a path of this page, and nothing else. */
function destination(): string {
  const wanted = new URLSearchParams(location.search).get('to') ?? '/';
  const url = URL.canParse(wanted, location.origin) ? new URL(wanted, location.origin) : null;
  return url?.origin === location.origin && url.pathname === '/' ? url.pathname + url.search + url.hash : '/';
}
