// Follows the server's event WebSocket for as long as the page is open.
import type { CoreEvent } from '@ruth/protocol';
import { BackOff } from './back-off.ts';

/** Returns what ends it. `onOpen` tells of every change between open and lost. */
export function followEvents(url: string, onEvent: (event: CoreEvent) => void, onOpen: (open: boolean) => void): () => void {
  const backOff = new BackOff();
  let socket: WebSocket;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  const connect = (): void => {
    socket = new WebSocket(url);
    socket.addEventListener('open', () => { backOff.reset(); onOpen(true); });
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => onEvent(JSON.parse(data) as CoreEvent));
    socket.addEventListener('close', () => {
      if (ended) return;
      onOpen(false);
      timer = setTimeout(connect, backOff.nextMs());
    });
  };
  connect();
  return () => {
    ended = true;
    clearTimeout(timer);
    socket.close();
  };
}
