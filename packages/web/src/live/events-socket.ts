// Follows the server's event WebSocket for as long as the page is open. After a break it asks for what came meanwhile.
import type { CoreEvent, KernelEvent, LiveNode } from '@ruth/protocol';
import { BackOff } from './back-off.ts';

/** Returns what ends it. `onOpen` tells of every change between open and lost; `open` connects as browsers do, unless told. */
export function followEvents(url: string, onEvent: (event: CoreEvent) => void, onOpen: (open: boolean) => void, open = (address: string): WebSocket => new WebSocket(address)): () => void {
  const backOff = new BackOff();
  let socket: WebSocket;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  /** Of the core of each node; '' is the one that serves this page. */
  const newestIds = new Map<string, number>();
  const connect = (): void => {
    const had = [...newestIds].map(([node, id]) => (node === '' ? `core_after=${id}` : `node_after=${node}:${id}`));
    socket = open(had.length === 0 ? url : `${url}?${had.join('&')}`);
    socket.addEventListener('open', () => { backOff.reset(); onOpen(true); });
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const event = JSON.parse(data) as (CoreEvent | KernelEvent) & { readonly node?: string } | LiveNode;
      if (isFromCore(event)) newestIds.set(event.node ?? '', event.id);
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

const isFromCore = (event: CoreEvent | KernelEvent | LiveNode): event is Exclude<CoreEvent, { type: 'gap' }> => event.type !== 'gap' && !event.type.startsWith('recording.') && !event.type.startsWith('node.');
