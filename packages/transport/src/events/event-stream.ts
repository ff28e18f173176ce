// A process's events to one HTTP consumer as server-sent events. The consumer reads from the log at its own pace: nothing
// is queued for it. One that takes nothing for a while is disconnected, and resumes by `Last-Event-ID`.
import type { ServerResponse } from 'node:http';
import type { LoggedEvent } from './event-log.ts';

const KEEP_ALIVE_MS = 10_000;
const STALL_LIMIT_MS = 10_000;
/** Characters of events written at once; a consumer that is far behind gets them piece by piece. */
const MOST_AT_ONCE = 64 * 1024;

/** Where events are read; an `EventLog` of any kind is one. */
export interface EventSource {
  after(id: number): LoggedEvent | null;
  onAppend(listener: () => void): () => void;
}

export interface EventStreamOptions {
  readonly keepAliveMs?: number;
  /** How long a consumer may leave what was written to it. */
  readonly stallLimitMs?: number;
}

/** Sends everything after `afterId`, then each event as it comes. Resolves when the consumer or `signal` ended it. */
export async function streamEvents(log: EventSource, afterId: number, response: ServerResponse, signal: AbortSignal, options: EventStreamOptions = {}): Promise<void> {
  const { keepAliveMs = KEEP_ALIVE_MS, stallLimitMs = STALL_LIMIT_MS } = options;
  // The end of the connection ends the stream: without chunks around each event, a write is a write.
  response.useChunkedEncodingByDefault = false;
  response.shouldKeepAlive = false;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.flushHeaders();
  let cursor = afterId;
  let stalled: NodeJS.Timeout | null = null;
  let planned: NodeJS.Immediate | null = null;
  let ended = false;
  const send = (): void => {
    planned = null;
    while (stalled === null && !ended) {
      let text = '';
      for (let event = log.after(cursor); event !== null && text.length < MOST_AT_ONCE; event = log.after(cursor)) {
        cursor = event.id;
        text += `id: ${event.id}\ndata: ${event.text}\n\n`;
      }
      if (text === '') return;
      if (!response.write(text)) stalled = setTimeout(() => response.destroy(), stallLimitMs);
    }
  };
  const resume = (): void => {
    if (stalled) clearTimeout(stalled);
    stalled = null;
    send();
  };
  const keepAlive = setInterval(() => { if (stalled === null && !ended) response.write(': keep-alive\n\n'); }, keepAliveMs);
  const end = (): void => {
    send();
    ended = true;
    response.end();
  };
  // What happens in one turn of the event loop is one write.
  const forget = log.onAppend(() => { planned ??= setImmediate(send); });
  response.on('drain', resume);
  response.on('error', () => undefined);
  signal.addEventListener('abort', end);
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once('close', resolve);
  if (signal.aborted) end();
  else send();
  await promise;
  ended = true;
  forget();
  clearInterval(keepAlive);
  if (stalled) clearTimeout(stalled);
  signal.removeEventListener('abort', end);
}
