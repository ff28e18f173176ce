// Which camera shall be at which node: a function of what is known, the same for the same input. O((n + m) log n) for n nodes and
// m cameras, times the different sets of labels that cameras ask for.
import type { SiteLabels } from '@ruth/protocol';
import TinyQueue from 'tinyqueue';

/** Of a camera of which nothing is known yet: 1080p that is recorded and not decoded takes about this. */
export const DEFAULT_COST_CORES = 0.05;

export interface PlaceableNode {
  readonly id: string;
  readonly labels: SiteLabels;
  readonly capacityCores: number;
  /** What it has goes to others as far as they have room; it gets nothing more. */
  readonly draining: boolean;
  /** Cameras that it said it cannot take. */
  readonly refused: ReadonlySet<string>;
  /** Its cameras have cost clearly more than it has, for minutes: as many go to others, where those have room, as are too many. */
  readonly overloaded?: boolean;
}

export interface PlaceableCamera {
  readonly id: string;
  readonly costCores: number;
  readonly require: SiteLabels;
  readonly prefer: SiteLabels;
  /** Where it is, or was last. */
  readonly node: string | null;
  /** Nodes that have recordings of it, the newest first. */
  readonly recordedAt?: readonly string[];
  /** Where it is it cannot be reached, nor at these, that among them: another one that may have it and has room is to try, else it stays. */
  readonly unreachedAt?: ReadonlySet<string>;
}

export interface Placement {
  /** Node of each camera that has one. */
  readonly placed: ReadonlyMap<string, string>;
  /** Why a camera has none. */
  readonly unplaced: ReadonlyMap<string, string>;
}

const NOWHERE: ReadonlySet<string> = new Set();

/** `cores` of room as it was when this was put into a heap, and what share of the node that is. */
interface Room { readonly id: string; readonly cores: number; readonly share: number }

/**
 * `nodes`: those that live. A camera at one of them stays, whatever was better, unless that one is being drained, is overloaded, or cannot reach it, and another takes it. One
 * that goes elsewhere goes, among the nodes that have its labels and room, to the one that has its newest recordings, else to the least loaded.
 */
export function place(nodes: readonly PlaceableNode[], cameras: readonly PlaceableCamera[]): Placement {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const room = new Map(nodes.map(({ id, capacityCores }) => [id, capacityCores]));
  const placed = new Map<string, string>();
  const unplaced = new Map<string, string>();
  const put = (camera: PlaceableCamera, node: string): void => {
    placed.set(camera.id, node);
    room.set(node, room.get(node)! - camera.costCores);
  };
  const homeless: PlaceableCamera[] = [];
  const unreached: PlaceableCamera[] = [];
  const relievable = new Map<string, PlaceableCamera[]>(nodes.filter(({ overloaded }) => overloaded).map(({ id }) => [id, []]));
  // In one order, so that sums come out alike.
  for (const camera of cameras.toSorted((a, b) => compare(a.id, b.id))) {
    const home = camera.node === null ? undefined : byId.get(camera.node);
    if (home && !home.draining && mayHave(home, camera)) {
      put(camera, home.id);
      if (camera.unreachedAt) unreached.push(camera);
      else relievable.get(home.id)?.push(camera);
    } else homeless.push(camera);
  }
  const heaps = new Map<string, TinyQueue<Room>>();
  const roomOf = (id: string): Room => {
    const cores = room.get(id)!;
    return { id, cores, share: cores / byId.get(id)!.capacityCores };
  };
  /** Nodes of these labels, the least loaded first. */
  const heapOf = (labels: SiteLabels): TinyQueue<Room> => {
    const key = keyOf(labels);
    let heap = heaps.get(key);
    if (!heap) {
      const fitting = nodes.filter((node) => !node.draining && has(node.labels, labels));
      heap = new TinyQueue(fitting.map(({ id }) => roomOf(id)), leastLoadedFirst);
      heaps.set(key, heap);
    }
    return heap;
  };
  /** Null where it fits nowhere. */
  const elsewhere = (camera: PlaceableCamera, but = NOWHERE): string | null => {
    for (const labels of [{ ...camera.require, ...camera.prefer }, camera.require]) {
      const known = camera.recordedAt?.find((id) => {
        const node = byId.get(id);
        return node !== undefined && !node.draining && !but.has(id) && !node.refused.has(camera.id) && has(node.labels, labels) && room.get(id)! >= camera.costCores;
      });
      const found = known ?? withRoom(heapOf(labels), camera, roomOf, (id) => !but.has(id) && !byId.get(id)!.refused.has(camera.id));
      if (found !== null) return found;
    }
    return null;
  };
  // The dearest first: the small ones fill what they leave.
  for (const camera of homeless.toSorted(dearestFirst)) {
    const node = elsewhere(camera);
    const home = camera.node === null ? undefined : byId.get(camera.node);
    if (node !== null) put(camera, node);
    else if (home && mayHave(home, camera)) put(camera, home.id);
    else unplaced.set(camera.id, obstacleTo(camera, nodes, (id) => room.get(id)!)!);
  }
  const move = (camera: PlaceableCamera, from: string, to: string): void => {
    room.set(from, room.get(from)! + camera.costCores);
    put(camera, to);
  };
  for (const camera of unreached) {
    const node = elsewhere(camera, camera.unreachedAt);
    if (node !== null) move(camera, camera.node!, node);
  }
  for (const [id, cameras] of [...relievable].toSorted(([a], [b]) => compare(a, b))) {
    for (const camera of cameras.toSorted(dearestFirst)) {
      if (room.get(id)! >= 0) break;
      // It does not fit where it is: what is found is another one.
      const node = elsewhere(camera);
      if (node !== null) move(camera, id, node);
    }
  }
  return { placed, unplaced };
}

/** The least loaded node that has room for it. Room only shrinks, so an entry that is out of date is put right when it comes up. */
function withRoom(heap: TinyQueue<Room>, { costCores }: PlaceableCamera, roomOf: (id: string) => Room, mayHaveIt: (id: string) => boolean): string | null {
  const seen: Room[] = [];
  let found: string | null = null;
  for (let top = heap.pop(); top !== undefined; top = heap.pop()) {
    const present = roomOf(top.id);
    if (present.cores !== top.cores) {
      heap.push(present);
      continue;
    }
    seen.push(top);
    if (present.cores < costCores || !mayHaveIt(top.id)) continue;
    found = top.id;
    break;
  }
  for (const entry of seen) heap.push(entry);
  return found;
}

/** Why none of the nodes, which live, can get it; null where one can. `roomOf`: cores that a node has to spare. */
export function obstacleTo({ id, require, costCores }: Pick<PlaceableCamera, 'id' | 'require' | 'costCores'>, nodes: readonly PlaceableNode[], roomOf: (node: string) => number): string | null {
  if (nodes.length === 0) return 'no node lives';
  const fitting = nodes.filter((node) => has(node.labels, require));
  if (fitting.length === 0) return `no node that lives has the labels ${keyOf(require)}`;
  const draining = fitting.filter((node) => node.draining);
  const refusing = fitting.filter((node) => !node.draining && node.refused.has(id));
  const full = fitting.filter((node) => !node.draining && !node.refused.has(id) && roomOf(node.id) < costCores);
  if (draining.length + refusing.length + full.length < fitting.length) return null;
  const told = ([[draining, 'is', 'are', 'being drained'], [refusing, 'cannot', 'cannot', 'take it'], [full, 'has', 'have', `no room for ${costCores} cores`]] as const).flatMap(([those, one, several, words]) => {
    if (those.length === 0) return [];
    return those.length === 1 ? `${those[0]!.id} ${one} ${words}` : `${those.length} nodes ${several} ${words}`;
  });
  return told.join('; ');
}

const mayHave = (node: PlaceableNode, camera: PlaceableCamera): boolean => has(node.labels, camera.require) && !node.refused.has(camera.id);

function has(labels: SiteLabels, asked: SiteLabels): boolean {
  for (const key in asked) if (labels[key] !== asked[key]) return false;
  return true;
}

const keyOf = (labels: SiteLabels): string => Object.entries(labels).map(([key, value]) => `${key}=${value}`).sort().join(', ');
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const dearestFirst = (a: PlaceableCamera, b: PlaceableCamera): number => b.costCores - a.costCores || compare(a.id, b.id);
const leastLoadedFirst = (a: Room, b: Room): number => b.share - a.share || b.cores - a.cores || compare(a.id, b.id);
