// The header: name, health, and the choice of theme.
import { useEffect } from 'react';
import { SignOutButton } from '../sign-in/sign-out-button.tsx';
import { useSession } from '../session.ts';
import { useStoredChoice } from '../stored-choice.ts';
import type { System } from '../system/system-store.ts';
import { addressOf } from '../view-address.ts';
import { HealthSummary } from './health-summary.tsx';

/** `onSkip`: whoever goes by keyboard may leave out what stands before the view. */
export function Header({ system, onSkip }: { system: System; onSkip: () => void }) {
  return (
    <header className="header">
      <button type="button" className="skip-link" onClick={onSkip}>Skip to the content</button>
      <h1 className="brand">
        <img src="/favicon.svg" alt="" width="26" height="26" />
        Ruth
      </h1>
      <HealthSummary system={system} />
      <ThemeToggle />
      <AccountLink />
      <SignOutButton />
    </header>
  );
}

function AccountLink() {
  const name = useSession()?.name;
  return (
    <a className="icon-button" href={addressOf({ name: 'people', page: 'account' })} aria-label={name ? `Account of ${name}, people and tokens` : 'Account, people and tokens'} title={name ?? 'Account'}>
      <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d="M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20.5c.8-4 3.8-6 7.5-6s6.700 2 7.500 6" /></svg>
    </a>
  );
}

type Theme = 'system' | 'light' | 'dark';
const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };
const ICONS: Record<Theme, string> = {
  system: 'M4 5h16v10H4zM9 19h6M12 15v4',
  light: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  dark: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z',
};

function ThemeToggle() {
  const [theme, setTheme] = useStoredChoice<Theme>('ruth.theme', 'system');
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return (
    <button type="button" className="icon-button" onClick={() => setTheme(NEXT[theme])} aria-label={`Theme: ${theme}. Change to ${NEXT[theme]}`} title={`Theme: ${theme}`}>
      <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d={ICONS[theme]} /></svg>
    </button>
  );
}
