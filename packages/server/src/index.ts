// The server: API, live WebSockets, and the page.
export { startServer, type RunningServer } from './app.ts';
export type { ServerOptions } from './server-options.ts';
export type { Identify, Identity } from './access/index.ts';
export { LiveHub } from './events/live-hub.ts';
export { openStore, type Store, type StoreAddress } from './store/index.ts';
