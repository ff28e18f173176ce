// Joins a page's WebSocket to the kernel's live view of a camera, byte for byte. Buffers are bounded both ways: when the
// page lags, reading from the kernel pauses, so that the kernel sees the lag and drops to the next keyframe.
import { WebSocket } from 'ws';
import { keepAlive } from './keep-alive.ts';
import { openSource, passedOn, type LiveSource } from './live-source.ts';

const TO_PAGE_BYTES = 2 * 1024 * 1024;
const TO_KERNEL_BYTES = 64 * 1024;
const PAUSE_LIMIT_MS = 15_000;

export interface LiveProxyCounters { opened: number; pauses: number; disconnectedSlow: number }

/** `page` is closed with what `source` ends with. */
export function proxyLive(page: WebSocket, source: LiveSource, counters: LiveProxyCounters): void {
  // Until the kernel's side is open, what the page says stays in its socket.
  page.pause();
  const kernel = openSource(source, (closing) => {
    if (page.readyState !== WebSocket.OPEN) return;
    // A paused socket would never see the page's answer to the close.
    page.resume();
    page.close(...closing);
  });
  kernel.on('open', () => {
    counters.opened++;
    page.resume();
    keepAlive(page);
    forward(page, kernel, TO_KERNEL_BYTES, counters);
    forward(kernel, page, TO_PAGE_BYTES, counters);
  });
  page.on('close', (code, reason) => {
    if (kernel.readyState === WebSocket.OPEN) kernel.close(...passedOn(code, reason));
    else kernel.terminate();
  });
}

function forward(from: WebSocket, to: WebSocket, limitBytes: number, counters: LiveProxyCounters): void {
  let pausedTooLong: NodeJS.Timeout | null = null;
  const resumeWhenDrained = (): void => {
    if (pausedTooLong === null || to.bufferedAmount > limitBytes / 2) return;
    clearTimeout(pausedTooLong);
    pausedTooLong = null;
    from.resume();
  };
  from.on('message', (data, binary) => {
    if (to.readyState !== WebSocket.OPEN) return;
    to.send(data, { binary }, resumeWhenDrained);
    if (to.bufferedAmount <= limitBytes || pausedTooLong !== null) return;
    counters.pauses++;
    from.pause();
    pausedTooLong = setTimeout(() => {
      counters.disconnectedSlow++;
      to.terminate();
    }, PAUSE_LIMIT_MS);
  });
  to.once('close', () => {
    if (pausedTooLong !== null) clearTimeout(pausedTooLong);
    from.resume();
  });
}
