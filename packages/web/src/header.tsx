// The header: name, the two views, health of every part, and the choice of theme.
import { useEffect } from 'react';
import type { SystemHealth } from '@ruth/protocol';
import { useStoredChoice } from './stored-choice.ts';
import type { System } from './system/system-store.ts';
import { addressOf, type View } from './view-address.ts';

type Tone = 'good' | 'warn' | 'bad' | 'unknown';
interface Part { readonly name: string; readonly tone: Tone; readonly words: string }

export function Header({ system, view }: { system: System; view: View }) {
  return (
    <header className="header">
      <h1 className="brand">
        <img src="/favicon.svg" alt="" width="26" height="26" />
        Ruth
      </h1>
      <nav className="views" aria-label="Views">
        <a href={addressOf({ name: 'live' })} aria-current={view.name === 'live' ? 'page' : undefined}>Live</a>
        <a href={addressOf({ name: 'recordings', cameraId: null, atS: null })} aria-current={view.name === 'recordings' ? 'page' : undefined}>Recordings</a>
      </nav>
      <ul className="health" aria-label="Health">
        {partsOf(system).map((part) => (
          <li key={part.name} data-part={part.name} data-tone={part.tone} title={`${part.name}: ${part.words}`}>
            <span className="dot" aria-hidden="true" />
            {part.name}
            <span className={part.tone === 'good' ? 'hidden-words' : 'words'}>{part.words}</span>
          </li>
        ))}
      </ul>
      <ThemeToggle />
    </header>
  );
}

function partsOf({ server, eventsOpen, health, models }: System): Part[] {
  const connection: Part = server === 'online' && eventsOpen ? { name: 'Connected', tone: 'good', words: 'events arrive live' }
    : server === 'offline' ? { name: 'Server', tone: 'bad', words: 'no answer' } : { name: 'Server', tone: 'unknown', words: 'connecting' };
  if (server !== 'online' || !health) return [connection];
  const name = (id: string): string => models.value?.find((model) => model.model_id === id)?.model_name ?? id;
  return [
    processPart('Kernel', health.kernel), processPart('Core', health.core),
    ...(health.models ?? []).map((model): Part => ({ name: name(model.model_id), tone: model.state === 'up' ? 'good' : 'bad', words: model.state })),
    connection,
  ];
}

function processPart(name: string, { status }: SystemHealth['kernel']): Part {
  const tone = status === 'ready' ? 'good' : status === 'unreachable' ? 'bad' : 'warn';
  return { name, tone, words: status === 'unreachable' ? 'no answer' : status };
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
