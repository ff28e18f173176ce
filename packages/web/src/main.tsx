// The page's entry.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { SystemStore } from './system/system-store.ts';
import './styles/tokens.css';
import './styles/page.css';
import './styles/controls.css';
import './styles/tile.css';
import './styles/live.css';

const store = new SystemStore();
store.start();
createRoot(document.getElementById('page')!).render(<StrictMode><App store={store} /></StrictMode>);
