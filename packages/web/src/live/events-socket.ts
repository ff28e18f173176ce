// Follows the server's event WebSocket for as long as the page is open. After a break it asks for what came meanwhile.
import type { CoreEvent, KernelEvent } from '@ruth/protocol';
import { BackOff } from './back-off.ts';

/** Returns what ends it. `onOpen` tells of every change between open and lost; `open` connects as browsers do, unless told. */
export function followEvents(url: string, onEvent: (event: CoreEvent) => void, onOpen: (open: boolean) => void, open = (address: string): WebSocket => new WebSocket(address)): () => void {
  const backOff = new BackOff();
  let socket: WebSocket;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  let newestCoreId: number | null = null;
  const connect = (): void => {
    socket = open(newestCoreId === null ? url : `${url}?core_after=${newestCoreId}`);
    socket.addEventListener('open', () => { backOff.reset(); onOpen(true); });
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const event = JSON.parse(data) as CoreEvent | KernelEvent;
      if (isFromCore(event)) newestCoreId = event.id;
      onEvent(event as CoreEvent);
    });
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

const isFromCore = ({ type }: CoreEvent | KernelEvent): boolean => type !== 'gap' && !type.startsWith('recording.');
