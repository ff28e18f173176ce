// A page that comes back says what it had of each node, and takes the word on a node for no event.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followEvents } from '@ruth/web';

test('a page that comes back asks for what came since from each node by itself', async () => {
  const sockets: (EventTarget & { readonly address: string; close(): void })[] = [];
  const opened: (() => void)[] = [];
  const next = (): Promise<void> => new Promise((resolve) => opened.push(resolve));
  const told: string[] = [];
  const first = next();
  const end = followEvents('ws://ruth/live', ({ type }) => told.push(type), () => undefined, (address) => {
    const socket = Object.assign(new EventTarget(), { address, close: () => undefined });
    sockets.push(socket);
    opened.shift()!();
    return socket as unknown as WebSocket;
  });
  await first;
  const say = (message: object): void => void sockets[0]!.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
  for (const message of [{ type: 'node.there', node: 'south' }, { type: 'camera.up', id: 7 }, { type: 'detection', id: 90, node: 'south' }, { type: 'camera.up', id: 91, node: 'south' }, { type: 'recording.gap', id: 99 }, { type: 'node.away', node: 'south' }]) say(message);
  const second = next();
  sockets[0]!.dispatchEvent(new Event('close'));
  await second;
  end();
  assert.deepEqual(sockets.map(({ address }) => address), ['ws://ruth/live', 'ws://ruth/live?core_after=7&node_after=south:91']);
  assert.equal(told.length, 6);
});
