// What a node takes at an instant: of the machine as the kernel of the operating system counts it, of each camera and model as kernel and core tell.
import { readFileSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { CameraStatus, coreSocketPath, kernelSocketPath, StorageStatus, SubscriptionStatus, validator } from '@ruth/protocol';
import { ask } from '@ruth/transport';
import { usage } from '../process-history.ts';

const cameraStatus = validator(CameraStatus);
const subscriptionStatus = validator(SubscriptionStatus);
const storageStatus = validator(StorageStatus);
const ANSWER_TIMEOUT_MS = 5000;

export interface NodeSample {
  /** Seconds of a clock that is never set. */
  readonly atS: number;
  /** UTC, seconds. */
  readonly at: number;
  readonly cores: number;
  /** Of all cores together, since the machine started, seconds. */
  readonly idleS: number;
  /** Bytes; null where the machine does not tell. */
  readonly memory: { readonly available: number; readonly total: number } | null;
  /** CPU time used so far, seconds, by process: its name and id, so that one that was started again is another. */
  readonly cpuS: ReadonlyMap<string, number>;
  /** Cameras that stream; `residentBytes` null where its process cannot be seen from here. */
  readonly cameras: readonly { readonly id: string; readonly recordedBytes: number; readonly residentBytes: number | null }[];
  readonly subscriptions: readonly SubscriptionStatus[];
  readonly storage: StorageStatus;
  /** For how long the disk of the recordings was busy, seconds; null where that cannot be told. */
  readonly diskBusyS: number | null;
}

/** `processes`: of the supervisor. Throws `unreachable` where kernel or core cannot be asked. */
export async function sampleNode(socketDirectory: string, processes: readonly { readonly name: string; readonly pid: number | null }[]): Promise<NodeSample> {
  const get = (socket: string, path: string): Promise<unknown> => ask(socket, 'GET', path, undefined, { timeoutMs: ANSWER_TIMEOUT_MS });
  const kernel = kernelSocketPath(socketDirectory);
  const [cameraList, storage, subscriptions] = await Promise.all([get(kernel, '/v1/cameras'), get(kernel, '/v1/storage'), get(coreSocketPath(socketDirectory), '/v1/subscriptions')]);
  const cameras = (cameraList as unknown[]).map((one) => cameraStatus.parse(one, 'internal'));
  const used = new Map<string, number>();
  const residents = new Map<string, number | null>();
  for (const { name, pid } of [...processes, ...cameras.map(({ camera_id, pid }) => ({ name: `camera ${camera_id}`, pid }))]) {
    const { cpu_s: cpuS, resident_bytes: resident } = pid === null ? { cpu_s: null, resident_bytes: null } : usage(pid);
    if (cpuS !== null) used.set(`${name} ${pid}`, cpuS);
    residents.set(name, resident);
  }
  const cores = cpus();
  const told = storageStatus.parse(storage, 'internal');
  return {
    atS: performance.now() / 1000, at: Date.now() / 1000, cores: cores.length, idleS: cores.reduce((sum, { times }) => sum + times.idle, 0) / 1000, memory: memory(), cpuS: used,
    cameras: cameras.filter(({ state }) => state === 'streaming').map(({ camera_id: id, recording }) => ({ id, recordedBytes: recording.bytes_written, residentBytes: residents.get(`camera ${id}`) ?? null })),
    subscriptions: (subscriptions as unknown[]).map((one) => subscriptionStatus.parse(one, 'internal')), storage: told, diskBusyS: told.directory === null ? null : diskBusyS(told.directory),
  };
}

function memory(): NodeSample['memory'] {
  try {
    const text = readFileSync('/proc/meminfo', 'utf8');
    const [available, total] = ['MemAvailable', 'MemTotal'].map((key) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024);
    return Number.isFinite(available) && Number.isFinite(total) ? { available: available!, total: total! } : null;
  } catch {
    return null;
  }
}

/** The time that /proc/diskstats counts as spent on I/O, of the device that holds the folder; file systems in memory or of several devices have none. */
function diskBusyS(directory: string): number | null {
  try {
    const { dev } = statSync(directory);
    const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
    const fields = readFileSync('/proc/diskstats', 'utf8').split('\n').map((line) => line.trim().split(/\s+/)).find(([a, b]) => Number(a) === major && Number(b) === minor);
    return fields === undefined ? null : Number(fields[12]) / 1000;
  } catch {
    return null;
  }
}
