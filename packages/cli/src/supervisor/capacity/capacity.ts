// How many more cameras like those that are there the machine carries, out of two samples of the node: each resource by what a camera took of it
// on average, and what is left of it with a reserve for peaks. Pure. What was not measured is not guessed: it is said that it cannot be told.
import { CAPACITY_UNITS, type Capacity, type CapacityKind, type CapacityResource, type SubscriptionStatus } from '@ruth/protocol';
import type { NodeSample } from './node-sample.ts';

/** Shorter says little. */
export const LEAST_S = 10;
/** Of CPU, of a model, of a disk's time: beyond it peaks are late. */
const USABLE = 0.85;
/** Of all memory. */
const MEMORY_RESERVE = 0.1;
const DAY_S = 86_400;

export interface CapacityLimits {
  /** Of recordings; null where they stay until room is needed. */
  readonly maxAgeDays: number | null;
  readonly minFreeBytes: number;
}

export function capacityOf(before: NodeSample | null, now: NodeSample | null, limits: CapacityLimits): Capacity {
  const overS = before && now ? now.atS - before.atS : 0;
  const cannot = (message: string): Capacity => ({ measured_at: now?.at ?? null, over_s: overS, cameras: now?.cameras.length ?? 0, more_cameras: null, limited_by: null, message, resources: [] });
  if (!before || !now || overS < LEAST_S) return cannot(`Cannot tell yet: it is measured for ${LEAST_S} s first`);
  const cameras = now.cameras.filter(({ id }) => before.cameras.some((camera) => camera.id === id)).length;
  if (cameras === 0) return cannot('Cannot tell: no camera has streamed all the time that was measured');
  const over = { before, now, overS, cameras };
  const resources = [cpu(over), memory(over), ...models(over), diskTime(over), diskSpace(over, limits)];
  const known = resources.flatMap(({ more_cameras: more }, index) => (more === null ? [] : [{ more, index }]));
  const least = known.toSorted((a, b) => a.more - b.more)[0] ?? null;
  const message = least === null ? 'Cannot tell: nothing could be measured' : `${room(least.more)} like ${cameras === 1 ? 'the one' : `the ${cameras}`} there; ${nameOf(resources[least.index]!)} ends first`;
  return { measured_at: now.at, over_s: overS, cameras, more_cameras: least?.more ?? null, limited_by: least?.index ?? null, message, resources };
}

interface Measured { readonly before: NodeSample; readonly now: NodeSample; readonly overS: number; readonly cameras: number }

const room = (more: number): string => (more === 0 ? 'No room for another camera' : `Room for about ${more} more camera${more === 1 ? '' : 's'}`);
const nameOf = ({ kind, name }: CapacityResource): string => ({ cpu: 'the CPU', memory: 'memory', model: `the model ${name}`, disk_writes: 'the speed of the disk', disk_space: 'the room on the disk' })[kind];

function resource(kind: CapacityKind, values: { name?: string; used?: number | null; usable?: number | null; perCamera?: number | null }, message: string): CapacityResource {
  const { name = null, used = null, usable = null, perCamera = null } = values;
  const more = used === null || usable === null || perCamera === null || perCamera <= 0 ? null : Math.max(0, Math.floor((usable - used) / perCamera));
  return { kind, name, unit: CAPACITY_UNITS[kind], used, usable, per_camera: perCamera, more_cameras: more, message };
}

/** All that the node used belongs to its cameras: what does not grow with them is spread over them, which makes room look smaller rather than larger. */
function cpu({ before, now, overS, cameras }: Measured): CapacityResource {
  const used = Math.min(now.cores, Math.max(0, now.cores - (now.idleS - before.idleS) / overS));
  let node = 0;
  for (const [process, cpuS] of now.cpuS) node += Math.max(0, cpuS - (before.cpuS.get(process) ?? cpuS)) / overS;
  if (node === 0) return resource('cpu', { used }, 'Cannot tell: the processes of the node cannot be seen from here');
  return resource('cpu', { used, usable: USABLE * now.cores, perCamera: node / cameras }, `${used.toFixed(1)} of ${now.cores} cores are busy, ${node.toFixed(1)} of them with this node`);
}

function memory({ now }: Measured): CapacityResource {
  const sizes = now.cameras.flatMap(({ residentBytes }) => residentBytes ?? []);
  if (now.memory === null || sizes.length === 0) return resource('memory', {}, 'Cannot tell: memory cannot be read here');
  const { available, total } = now.memory;
  return resource('memory', { used: total - available, usable: (1 - MEMORY_RESERVE) * total, perCamera: sizes.reduce((sum, size) => sum + size, 0) / sizes.length }, `${percent(available / total)} of ${gigabytes(total)} are free`);
}

/** A model that does not keep up has no room; how much one that does could do more is told by the CPU, which it shares with all. */
function models({ now }: Measured): CapacityResource[] {
  return [...Map.groupBy(now.subscriptions.filter(({ state }) => state === 'running'), ({ model_id }) => model_id)].map(([name, subscriptions]) => {
    const used = subscriptions.reduce((sum, { achieved_fps }) => sum + achieved_fps, 0);
    const cameras = new Set(subscriptions.map(({ camera_id }) => camera_id)).size;
    const perCamera = used / cameras;
    const short = subscriptions.filter(isCut);
    if (short.length > 0) return resource('model', { name, used, usable: used, perCamera }, `It looks less often than it should at ${short.length} of ${cameras} cameras: ${short[0]!.shortfall!.message}`);
    if (used === 0) return resource('model', { name, used }, 'Cannot tell: it does not look at all at the moment');
    return resource('model', { name, used, perCamera }, `It keeps up with ${used.toFixed(1)} looks a second; where it ends was not reached, and cannot be told before`);
  });
}

const OF_THE_MODEL: ReadonlySet<string> = new Set(['busy', 'overloaded', 'deadline', 'overwritten']);
const isCut = ({ shortfall }: SubscriptionStatus): boolean => shortfall != null && OF_THE_MODEL.has(shortfall.cause);

function diskTime({ before, now, overS, cameras }: Measured): CapacityResource {
  if (now.storage.state === 'off') return resource('disk_writes', {}, 'Nothing is recorded');
  if (before.diskBusyS === null || now.diskBusyS === null) return resource('disk_writes', {}, 'Cannot tell: this file system has no disk of its own whose time is counted');
  const used = Math.min(1, Math.max(0, (now.diskBusyS - before.diskBusyS) / overS));
  return resource('disk_writes', { used, usable: USABLE, perCamera: used / cameras }, `The disk is busy ${percent(used)} of the time, whoever uses it`);
}

function diskSpace({ before, now, overS }: Measured, { maxAgeDays, minFreeBytes }: CapacityLimits): CapacityResource {
  const { storage } = now;
  if (storage.state === 'off') return resource('disk_space', {}, 'Nothing is recorded');
  let perDay = 0;
  let recorded = 0;
  for (const { id, recordedBytes } of now.cameras) {
    const earlier = before.cameras.find((camera) => camera.id === id)?.recordedBytes;
    if (earlier === undefined || recordedBytes <= earlier) continue;
    perDay += (recordedBytes - earlier) / overS * DAY_S;
    recorded++;
  }
  if (recorded === 0 || storage.free_bytes === null) return resource('disk_space', {}, 'Cannot tell: nothing was written in the time that was measured');
  const bytes = Math.max(0, storage.bytes + storage.free_bytes - minFreeBytes);
  const days = bytes / perDay;
  const message = `At this rate the disk holds ${timeText(days)}`;
  if (maxAgeDays === null) return resource('disk_space', { used: perDay, perCamera: perDay / recorded }, `${message}, with each camera more less; no number of days is asked for`);
  return resource('disk_space', { used: perDay, usable: bytes / maxAgeDays, perCamera: perDay / recorded }, `${message}; wanted: ${timeText(maxAgeDays)}`);
}

function timeText(days: number): string {
  const [value, unit] = days >= 1 ? [days, 'day'] : days * 24 >= 1 ? [days * 24, 'hour'] : [Math.round(days * 24 * 60), 'minute'];
  const rounded = Number(value.toFixed(1));
  return `${rounded} ${unit}${rounded === 1 ? '' : 's'}`;
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
