// Joins a page's WebSocket to the kernel's live view of a camera, byte for byte. Buffers are bounded both ways: when the
// page lags, reading from the kernel pauses, so that the kernel sees the lag and drops to the next keyframe.
import { RuthError } from '@ruth/protocol';
import { WebSocket } from 'ws';
import { keepAlive } from './keep-alive.ts';

const TO_PAGE_BYTES = 2 * 1024 * 1024;
const TO_KERNEL_BYTES = 64 * 1024;
const PAUSE_LIMIT_MS = 15_000;

export interface LiveProxyCounters { opened: number; pauses: number; disconnectedSlow: number }

/** Where what is shown comes from: the kernel at a `ws+unix:` address, or the server of another node. */
export interface LiveSource {
  readonly address: string;
  readonly name: string;
  readonly headers?: Record<string, string>;
  readonly ca?: string | undefined;
  /** Told with which reason it closed. */
  readonly onClosed?: (reason: string) => void;
}

/** A failure closes `page` with 4000 + HTTP status and `code: message` as the reason. */
export function proxyLive(page: WebSocket, { address, name, headers = {}, ca, onClosed }: LiveSource, counters: LiveProxyCounters): void {
  // Until the kernel's side is open, what the page says stays in its socket.
  page.pause();
  const kernel = new WebSocket(address, { headers, ...(ca === undefined ? {} : { ca }), perMessageDeflate: false, handshakeTimeout: 3000, maxPayload: 16 * 1024 * 1024 });
  let failure: RuthError | null = null;
  kernel.on('open', () => {
    counters.opened++;
    page.resume();
    keepAlive(page);
    forward(page, kernel, TO_KERNEL_BYTES, counters);
    forward(kernel, page, TO_PAGE_BYTES, counters);
  });
  kernel.on('unexpected-response', (_request, response) => {
    response.resume();
    failure = response.statusCode === 404 ? new RuthError('camera_not_found', `${name} knows no such camera`) : new RuthError(response.statusCode === 403 ? 'forbidden' : 'unreachable', `${name} refused with status ${response.statusCode}`);
    kernel.terminate();
  });
  kernel.on('error', (cause) => { failure ??= new RuthError('unreachable', `${name} cannot be reached`, { cause }); });
  kernel.on('close', (code, reason) => {
    onClosed?.(reason.toString());
    if (page.readyState !== WebSocket.OPEN) return;
    // A paused socket would never see the page's answer to the close.
    page.resume();
    if (failure) page.close(4000 + failure.httpStatus, `${failure.code}: ${failure.message}`);
    else page.close(...passedOn(code, reason));
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

/** Codes such as 1006 say that no close was heard; they may not be sent on. */
function passedOn(code: number, reason: Buffer): [code: number, reason: string] {
  const sendable = code === 1000 || (code >= 1007 && code <= 1014) || code === 1001 || code === 1003 || (code >= 3000 && code <= 4999);
  return sendable ? [code, reason.toString()] : [1001, 'the other side is gone'];
}
