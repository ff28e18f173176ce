// The server: API, live WebSockets, and the page.
export { startServer, type RunningServer, type ServerOptions } from './app.ts';
export { LiveHub } from './live-hub.ts';
