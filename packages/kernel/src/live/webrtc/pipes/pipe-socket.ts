// One end of the conversation of protocol/live-pipe.ts: messages are checked and taken in turn, and whatever goes wrong ends it.
import { redactUrls, RuthError, type Validator } from '@ruth/protocol';
import type { WebSocket } from 'ws';

const MAX_WAITING = 8;
const MAX_REASON = 120;

export interface PipeSocket<Said> {
  readonly isOpen: boolean;
  say(message: Said): void;
  /** Null: nothing went wrong. */
  end(cause: unknown): void;
}

/** `onEnd` is called once, however it ends. */
export function pipeSocket<Heard, Said>(socket: WebSocket, schema: Validator<Heard>, take: (message: Heard) => Promise<void> | void, onEnd: () => void): PipeSocket<Said> {
  let waiting = 0;
  let turn = Promise.resolve();
  const end = (cause: unknown): void => {
    if (cause === null) return socket.close(1000);
    const { httpStatus, code, message } = RuthError.from(cause);
    socket.close(4000 + httpStatus, `${code}: ${redactUrls(message)}`.slice(0, MAX_REASON));
  };
  socket.on('message', (data: Buffer, binary) => {
    if (binary || ++waiting > MAX_WAITING) return end(new RuthError('bad_request', binary ? 'messages are text' : 'too many messages at once'));
    turn = turn.then(() => take(schema.parse(parseJson(data.toString())))).catch(end).finally(() => { waiting--; });
  });
  socket.once('close', onEnd);
  socket.on('error', () => socket.terminate());
  return { get isOpen() { return socket.readyState === socket.OPEN; }, say: (message) => { if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message)); }, end };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RuthError('bad_request', 'a message is no JSON', { cause });
  }
}
