// Chooses a password of one's own.
import { useState, type FormEvent } from 'react';
import { failureText, send } from '../system/api.ts';

export interface PasswordFormProps {
  /** Whether the present one must be given. */
  readonly asksCurrent: boolean;
  readonly hint: string;
  /** It is what the page is for; so unless told. */
  readonly takesFocus?: boolean;
  readonly onDone: () => void;
  readonly onFailure: (text: string | null) => void;
}

export function PasswordForm({ asksCurrent, hint, takesFocus = true, onDone, onFailure }: PasswordFormProps) {
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    if (form.get('next') !== form.get('again')) {
      onFailure('The two are not the same.');
      return;
    }
    setBusy(true);
    onFailure(null);
    const { failure } = await send<null>('PUT', 'session/password', { ...(asksCurrent ? { current: form.get('current') } : {}), next: form.get('next') });
    setBusy(false);
    if (failure) onFailure(failureText(failure));
    else onDone();
  };
  return (
    <form className="password-form" onSubmit={(event) => void submit(event)}>
      <p className="hint">{hint}</p>
      {asksCurrent && <label>Present password<input name="current" type="password" autoComplete="current-password" required maxLength={256} /></label>}
      <label>New password<input name="next" type="password" autoComplete="new-password" required minLength={10} maxLength={256} autoFocus={takesFocus} /></label>
      <label>The same again<input name="again" type="password" autoComplete="new-password" required minLength={10} maxLength={256} /></label>
      <button className="button primary" type="submit" disabled={isBusy}>{isBusy ? 'Saving' : takesFocus ? 'Save and go on' : 'Change the password'}</button>
    </form>
  );
}
