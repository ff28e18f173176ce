// What a process gives up of itself before it runs what it does not trust: files but those named, networks, other processes. For good,
// for all threads and processes that it starts, and without any privilege.
//
// Files are confined thread by thread, and Node has threads before its first line of ours runs. So a process first confines itself,
// then starts anew in its own place (exec): same process id, same channel to its supervisor, every thread confined from its birth.
import { writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';
import { restrictFiles, type FileRule } from './landlock.ts';
import { restrictCalls } from './seccomp.ts';

export interface Confinement {
  readonly files: readonly FileRule[];
  /** TCP ports that may be connected to, wherever; none leaves Unix sockets alone. */
  readonly tcpPorts: readonly number[];
}

/** The folder in which `packages` and `node_modules` stand. */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const F_SETFD = 2;

const libc = koffi.load(null);
const memfdCreate = libc.func('int memfd_create(const char *name, uint flags)') as (name: string, flags: number) => number;
const dup2 = libc.func('int dup2(int from, int to)') as (from: number, to: number) => number;
const fcntl = libc.func('int fcntl(int fd, int command, int value)') as (fd: number, command: number, value: number) => number;

/** What Node, native libraries and the clock of the machine need, and what is of nobody in particular. */
export function systemFiles(): FileRule[] {
  return [
    ...['packages', 'node_modules'].map((folder): FileRule => ({ path: join(ROOT, folder), access: 'execute' })),
    { path: join(ROOT, 'package.json'), access: 'read' }, { path: dirname(process.execPath), access: 'execute' },
    ...['/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib'].map((path): FileRule => ({ path, access: 'execute' })),
    ...[
      '/etc/ld.so.cache', '/etc/localtime', '/usr/share/zoneinfo', '/proc/self', '/proc/cpuinfo', '/proc/meminfo', '/proc/stat', '/proc/sys/vm', '/sys/devices/system', '/sys/fs/cgroup',
      '/dev/urandom', '/dev/random', '/dev/zero', '/etc/ssl/openssl.cnf',
    ].map((path): FileRule => ({ path, access: 'read' })),
    { path: '/dev/null', access: 'write' },
  ];
}

/** Of a GPU, by whichever driver. */
export function gpuFiles(): FileRule[] {
  const devices = ['dri', 'nvidia0', 'nvidia1', 'nvidia2', 'nvidia3', 'nvidia4', 'nvidia5', 'nvidia6', 'nvidia7', 'nvidiactl', 'nvidia-uvm', 'nvidia-uvm-tools', 'nvidia-modeset'];
  return [
    ...devices.map((device): FileRule => ({ path: `/dev/${device}`, access: 'write' })),
    ...['/proc/driver/nvidia', '/sys/class/drm', '/sys/bus/pci', '/sys/devices', '/usr/share/vulkan', '/etc/vulkan', '/usr/share/drirc.d'].map((path): FileRule => ({ path, access: 'read' })),
    ...['/usr/local/cuda', '/opt/cuda'].map((path): FileRule => ({ path, access: 'execute' })),
  ];
}

/**
 * Puts `entry` in the place of this process, confined, with `stdin` as its standard input. Call it before anything is listened for.
 * `stdin` is told what this machine cannot take away, in words. Does not return; throws `internal` where the kernel refuses.
 */
export function startConfined(entry: string, args: readonly string[], { stdin, confinement, env }: { stdin: (unconfined: readonly string[]) => string; confinement: Confinement; env: NodeJS.ProcessEnv }): never {
  const unconfined = [...restrictFiles(confinement.files, confinement.tcpPorts), ...restrictCalls({ onlyUnixSockets: confinement.tcpPorts.length === 0 })];
  replaceStandardInput(stdin(unconfined));
  const channel = (process.channel as { fd?: number } | undefined)?.fd;
  if (channel !== undefined) fcntl(channel, F_SETFD, 0);
  const channelEnv = channel === undefined ? {} : { NODE_CHANNEL_FD: String(channel), NODE_CHANNEL_SERIALIZATION_MODE: 'json' };
  // No warning that exec is new in Node.
  process.removeAllListeners('warning');
  return process.execve!(process.execPath, [process.execPath, ...process.execArgv, entry, ...args], { ...env, ...channelEnv });
}

/** With text that can be read from its beginning, whatever was read before. */
export function replaceStandardInput(text: string): void {
  const file = memfdCreate('standard input', 0);
  writeSync(file, text, 0);
  dup2(file, 0);
}
