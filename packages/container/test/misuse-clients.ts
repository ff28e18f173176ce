// Clients that do all that a client should not: random bytes, lengths that lie, messages that never end, requests that are wrong in every
// field, answers that nobody reads. In a thread of their own (`startMisuse`), so that they slow no honest client of the same process.
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface MisuseOptions {
  readonly socketPath: string;
  /** That misuse the socket, each about `perSecond` times a second. */
  readonly clients: number;
  readonly perSecond: number;
  /** Connections that are opened and say nothing. */
  readonly idle: number;
  /** What a good request looks like, to be made wrong. */
  readonly request: Readonly<Record<string, unknown>>;
}

/** Resolves once all idle connections are open. `stop` gives how often the socket was misused. */
export async function startMisuse(options: MisuseOptions): Promise<{ stop(): Promise<number> }> {
  const worker = new Worker(new URL(import.meta.url), { workerData: options });
  await once(worker, 'message');
  return {
    async stop() {
      // The last message and the end may come in one go.
      const over = Promise.all([once(worker, 'message') as Promise<[number]>, once(worker, 'exit')]);
      worker.postMessage('stop');
      const [[count]] = await over;
      return count;
    },
  };
}

const message = (body: Buffer | string, claimed = Buffer.byteLength(body)): Buffer => {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(claimed >>> 0);
  return Buffer.concat([prefix, Buffer.from(body)]);
};

const HOSTILE: readonly unknown[] = [
  null, true, -1, 1e308, '', [], {}, '../../etc/passwd', '/dev/shm/../../etc/passwd', '/dev/zero', '\u0000', 'a'.repeat(5000), { length: 1e9 }, [[[[[[]]]]]], Number.MAX_SAFE_INTEGER, '__proto__',
];

/** One field, at any depth, is another value. */
function spoiled(request: Readonly<Record<string, unknown>>): string {
  const copy = structuredClone(request) as Record<string, unknown>;
  const keys = Object.keys(copy);
  const key = keys[randomInt(keys.length)]!;
  const inner = copy[key];
  const value = HOSTILE[randomInt(HOSTILE.length)];
  if (typeof inner === 'object' && inner !== null && randomInt(2) === 0) copy[key] = { ...inner, [Object.keys(inner)[0] ?? 'x']: value };
  else copy[key] = value;
  return JSON.stringify(copy);
}

/** Each gets a fresh connection, and returns when it has done its worst. */
const MISUSES: readonly ((socket: Socket, request: MisuseOptions['request'], signal: AbortSignal) => Promise<void> | void)[] = [
  (socket) => { socket.write(randomBytes(randomInt(1, 4096))); },
  (socket) => { socket.write(message(randomBytes(randomInt(1, 4096)))); },
  (socket) => { socket.write(message('', [0, 2 ** 32 - 1, 10 * 1024 * 1024 + 1][randomInt(3)])); },
  (socket) => { socket.write(message('{"type":', randomInt(100, 10 * 1024 * 1024))); },
  (socket, request) => { socket.write(message(spoiled(request))); },
  (socket, request) => { for (let index = 0; index < 20; index++) socket.write(message(spoiled(request))); },
  // A good request that is cut off in the middle, and one whose client is gone before it is answered.
  (socket, request) => { socket.end(message(JSON.stringify(request)).subarray(0, randomInt(5, 60))); },
  (socket, request) => { socket.write(message(JSON.stringify(request)), () => socket.destroy()); },
  (socket) => { socket.write(message(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)); },
  (socket) => { socket.write(message(JSON.stringify({ type: 'infer', filler: 'x'.repeat(200_000) }))); },
  // Its answers are never read.
  async (socket, request, signal) => {
    socket.pause();
    for (let index = 0; index < 50; index++) socket.write(message(JSON.stringify({ ...request, type: 'describe' })));
    await delay(500, undefined, { signal });
  },
  // A byte at a time.
  async (socket, request, signal) => {
    const bytes = message(JSON.stringify(request));
    for (let at = 0; at < 20 && !socket.destroyed; at++) {
      socket.write(bytes.subarray(at, at + 1));
      await delay(100, undefined, { signal });
    }
  },
];

function open(socketPath: string): Socket {
  const socket = connect(socketPath);
  socket.on('error', () => undefined);
  socket.resume();
  return socket;
}

async function misuse({ socketPath, clients, perSecond, idle, request }: MisuseOptions): Promise<void> {
  const stop = new AbortController();
  const sockets = Array.from({ length: idle }, () => open(socketPath));
  await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => { socket.once('connect', () => resolve()).once('close', () => resolve()); })));
  parentPort!.once('message', () => stop.abort());
  parentPort!.postMessage('open');
  let count = 0;
  await Promise.all(Array.from({ length: clients }, async () => {
    while (!stop.signal.aborted) {
      const socket = open(socketPath);
      try {
        await MISUSES[count++ % MISUSES.length]!(socket, request, stop.signal);
        await delay(1000 / perSecond * (0.5 + Math.random()), undefined, { signal: stop.signal });
      } catch {
        // Stopped meanwhile.
      }
      socket.destroy();
    }
  }));
  for (const socket of sockets) socket.destroy();
  parentPort!.postMessage(count);
}

if (!isMainThread) await misuse(workerData as MisuseOptions);
