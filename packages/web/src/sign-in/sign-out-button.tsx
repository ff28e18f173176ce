// Ends the session of this browser, and leads to where another one begins.
import { send } from '../system/api.ts';

export async function signOut(): Promise<void> {
  const { failure } = await send<null>('DELETE', 'session');
  if (!failure) location.assign('/sign-in');
}

/** On a phone it stands with the account. */
export function SignOutButton() {
  return (
    <button type="button" className="icon-button sign-out" onClick={() => void signOut()} aria-label="Sign out" title="Sign out">
      <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d="M14 4h-8v16h8M10 12h10M16.5 8.5 20 12l-3.5 3.5" /></svg>
    </button>
  );
}
