// A core that only speaks: it emits an event now and then, into shared memory as the real one does, and writes down which, for the count at the end.
//
//   node speaking-core-main.ts SOCKET_DIRECTORY RING_DIRECTORY JOURNAL
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { coreEventsPath, coreSocketPath, type CoreEvent } from '@ruth/protocol';
import { EventLog, EventStore, listenOnSocket, streamEvents } from '@ruth/transport';

const EVERY_MS = 100;
/** As core keeps them. */
const [MOST_EVENTS, MOST_BYTES] = [16_384, 8 << 20];

const [socketDirectory, ringDirectory, journal] = process.argv.slice(2) as [string, string, string];
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
const log = new EventLog<CoreEvent>({ utcMs: Date.now, store: EventStore.open(coreEventsPath(ringDirectory), MOST_BYTES, MOST_EVENTS) });
const server = createServer((request, response) => {
  if (request.url === '/v1/events') void streamEvents(log, Number(request.headers['last-event-id'] ?? 0), response, stop.signal);
  else response.writeHead(404).end('{}');
});
await listenOnSocket(server, coreSocketPath(socketDirectory));
// What was emitted just before a kill, and not written down, is not asked for.
const speaking = setInterval(() => appendFileSync(journal, `${log.append({ type: 'camera.up', camera_id: 'chaos', reason: null }).id}\n`), EVERY_MS);
stop.signal.addEventListener('abort', () => {
  clearInterval(speaking);
  server.close();
});
