// Where live video comes from: the kernel at a `ws+unix:` address, or the server of another node. How it ends is told as what a viewer's own WebSocket is closed with.
import { RuthError } from '@ruth/protocol';
import { WebSocket } from 'ws';

const HANDSHAKE_MS = 3000;
const MOST_MESSAGE_BYTES = 16 << 20;

export interface LiveSource {
  readonly address: string;
  readonly name: string;
  readonly headers?: Record<string, string>;
  readonly ca?: string | undefined;
  /** Told with which reason it closed. */
  readonly onClosed?: (reason: string) => void;
}

export type Closing = readonly [code: number, reason: string];

/** A failure is 4000 + HTTP status, and `code: message` as the reason. `isAskers`: who asked may not have it (any more), and somebody else perhaps may. */
export type OnEnded = (closing: Closing, isAskers: boolean) => void;

const OF_ASKER = [401, 403];

/** `onEnded`: told once. */
export function openSource({ address, name, headers = {}, ca, onClosed }: LiveSource, onEnded: OnEnded): WebSocket {
  const socket = new WebSocket(address, { headers, ...(ca === undefined ? {} : { ca }), perMessageDeflate: false, handshakeTimeout: HANDSHAKE_MS, maxPayload: MOST_MESSAGE_BYTES });
  let failure: RuthError | null = null;
  let isAskers = false;
  socket.on('unexpected-response', (_request, response) => {
    response.resume();
    failure = refusal(name, response.statusCode ?? 0);
    isAskers = OF_ASKER.includes(response.statusCode ?? 0);
    socket.terminate();
  });
  socket.on('error', (cause) => { failure ??= new RuthError('unreachable', `${name} cannot be reached`, { cause }); });
  socket.on('close', (code, reason) => {
    onClosed?.(reason.toString());
    onEnded(failure ? closingFor(failure) : passedOn(code, reason), isAskers || OF_ASKER.includes(code - 4000));
  });
  return socket;
}

export function closingFor({ httpStatus, code, message }: RuthError): Closing { return [4000 + httpStatus, `${code}: ${message}`.slice(0, 120)]; }

/** Codes such as 1006 say that no close was heard; they may not be sent on. */
export function passedOn(code: number, reason: Buffer): Closing {
  const sendable = code === 1000 || (code >= 1007 && code <= 1014) || code === 1001 || code === 1003 || (code >= 3000 && code <= 4999);
  return sendable ? [code, reason.toString()] : [1001, 'the other side is gone'];
}

function refusal(name: string, status: number): RuthError {
  if (status === 404) return new RuthError('camera_not_found', `${name} knows no such camera`);
  if (status === 403) return new RuthError('forbidden', `${name} refused with status 403`);
  return new RuthError('unreachable', status === 401 ? `${name} does not know who asks: is its DATABASE_URL another one?` : `${name} refused with status ${status}`);
}
