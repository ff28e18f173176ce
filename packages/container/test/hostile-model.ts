// What a hostile model would try, from inside a container's confinement; says how far it came, one attempt a key. Started by confined-launch.ts.
import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import koffi from 'koffi';
import { refusePrograms } from '@ruth/transport';

interface Targets { readonly folder: string; readonly secret: string; readonly port: number; readonly ringDirectory: string; readonly pid: number; readonly unconfined: readonly string[] }

const attempt = (work: () => unknown): string => {
  try {
    return work() instanceof Error ? 'refused' : 'done';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  }
};
const later = (work: Promise<unknown>): Promise<string> => work.then(() => 'done', (error: unknown) => (error as NodeJS.ErrnoException).code ?? (error as Error).message);
const dial = (address: { port: number; host: string }): Promise<string> => later(new Promise<void>((resolve, reject) => {
  const socket = connect(address);
  socket.once('connect', () => { socket.destroy(); resolve(); });
  socket.once('error', reject);
}));
const send = (port: number): Promise<string> => later(new Promise<void>((resolve, reject) => {
  const socket = createSocket('udp4');
  socket.once('error', reject);
  socket.send('out', port, '127.0.0.1', (error) => { socket.close(); if (error) reject(error); else resolve(); });
}));

const libc = koffi.load(null);
const open = libc.func('int open(const char *path, int flags)') as (path: string, flags: number) => number;
const socketOf = libc.func('int socket(int domain, int type, int protocol)') as (domain: number, type: number, protocol: number) => number;
const kill = libc.func('int kill(int pid, int signal)') as (pid: number, signal: number) => number;

async function attempts({ folder, secret, port, ringDirectory, pid }: Targets): Promise<Record<string, string>> {
  return {
    'reads its own folder': attempt(() => readFileSync(join(folder, 'model.yaml'))),
    'lists rings': attempt(() => readdirSync(ringDirectory)),
    'reads a file of another': attempt(() => readFileSync(secret)),
    'reads it in a thread of the pool': await later(readFile(secret)),
    'reads it by native code': open(secret, 0) < 0 ? 'refused' : 'done',
    'reads /etc/passwd': attempt(() => readFileSync('/etc/passwd')),
    'reads the environment of its parent': attempt(() => readFileSync(`/proc/${pid}/environ`)),
    'writes its own folder': attempt(() => writeFileSync(join(folder, 'left.txt'), 'x')),
    'writes beside the rings': attempt(() => writeFileSync(join(ringDirectory, 'left.txt'), 'x')),
    'connects over TCP': await dial({ port, host: '127.0.0.1' }),
    'sends over UDP': await send(port),
    'makes a network socket by native code': socketOf(2, 2, 0) < 0 ? 'refused' : 'done',
    'starts a program': attempt(() => spawnSync('/bin/true').error),
    'kills its parent': kill(pid, 0) < 0 ? 'refused' : 'done',
  };
}

if (isMainThread) {
  refusePrograms();
  const targets = JSON.parse(readFileSync(0, 'utf8')) as Targets;
  if (targets.unconfined.length > 0) process.stderr.write(`unconfined: ${targets.unconfined.join('; ')}\n`);
  const worker = new Worker(new URL(import.meta.url), { workerData: targets });
  const inThread = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  process.stdout.write(JSON.stringify({ main: await attempts(targets), thread: inThread }));
} else {
  parentPort!.postMessage(await attempts(workerData as Targets));
}
