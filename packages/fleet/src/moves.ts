// How a camera passes from one living node to another: what is written next into its row, and what each of the two is told. Functions of what is known,
// no I/O. The row names the next node, and whom it comes from, before either is told: from then on the term of the first one is not the newest, so
// nobody can give it the camera again by mistake, and a term that was left is never taken up again.
import { MOST_BEFORE, type CameraPlacement, type NodePlacement, type SiteNode } from '@ruth/protocol';

export type Told = NodePlacement['cameras'][string];
export type Holder = NonNullable<CameraPlacement['from']>;
type Incarnation = Pick<CameraPlacement, 'node' | 'incarnation'>;

/** What a leader has seen. */
export interface Seen {
  /** Null where there is no such node any more. */
  node(id: string): SiteNode | null;
  /** Its `of.<node>`; null before there is one. */
  told(id: string): { readonly cameras: NodePlacement['cameras']; readonly revision: number } | null;
}

/** Who records it, or may still: where it moves, the one that it comes from. */
export const holderOf = ({ node, incarnation, from }: CameraPlacement, term: number): Holder => from ?? { node, incarnation, term };

/** The row of that node must be read, before it is said that it records no more: what was seen of it may be older than what the camera's row says. */
export const isUncertain = ({ node, incarnation }: Holder, seen: Seen): boolean => seen.node(node)?.incarnation !== incarnation;

/**
 * To be asked where nothing is uncertain. True until that node says that it has left under that very term, or acts on the newest revision of what it is told, which does
 * not name the camera and is newer than that term; or until its lease is ended, or followed by another one under which its kernel was told.
 */
export function mayRecord(camera: string, { node: id, incarnation, term }: Holder, seen: Seen): boolean {
  const node = seen.node(id);
  if (!node || node.revoked) return false;
  if (node.incarnation !== incarnation) return node.applied === 0;
  if (node.left?.[camera]?.term === term) return false;
  const told = seen.told(id);
  // Revisions of what nodes are told and terms are of one bucket. An older one was written before the node was given the camera; a newer one, not known here yet, may name it.
  return told === null || told.revision < term || camera in told.cameras || node.applied !== told.revision;
}

/** What is to be written in the place of `present`, for the camera to come to `wanted`; null where nothing is. `mayBegin`: another move may begin now. */
export function nextPlacement(camera: string, present: { readonly placement: CameraPlacement; readonly term: number } | null, wanted: Incarnation, seen: Seen, mayBegin: boolean): CameraPlacement | null {
  const to = { node: wanted.node, incarnation: wanted.incarnation };
  if (present === null) return to;
  const { placement, term } = present;
  if (!placement.from && isSame(placement, to)) return null;
  const holder = holderOf(placement, term);
  const before = [...new Set([holder.node, ...placement.before ?? []])].filter((id) => id !== to.node).slice(0, MOST_BEFORE);
  const next: CameraPlacement = { ...to, ...(before.length > 0 && { before }) };
  // A node never runs beside itself.
  if (holder.node === to.node) return next;
  if (!mayRecord(camera, holder, seen)) {
    const left = seen.node(holder.node)?.left?.[camera];
    const seam = placement.from && isSame(placement, to) && left?.term === holder.term ? left.seam : null;
    return seam === null ? next : { ...next, seam };
  }
  if (placement.from && isSame(placement, to)) return null;
  return mayBegin || placement.from ? { ...next, from: holder } : null;
}

/** Whether a camera's row, in the very revision that a node was told, makes it that node's: its next one, or its own. */
export const isFor = (placement: CameraPlacement, node: Incarnation, move: Told['move']): boolean => isSame(placement, node) && (placement.from !== undefined) === (move === 'next');

/** What is told to the nodes of a camera's row. `leaves`: the first one is to let go now. */
export function toldOf({ node, incarnation, from }: CameraPlacement, term: number, settings: number, seen: Seen, leaves: boolean, holdsBack: boolean): [node: string, told: Told][] {
  const lives = (one: Incarnation): boolean => { const known = seen.node(one.node); return known !== null && !known.revoked && known.incarnation === one.incarnation; };
  const next = { node, incarnation };
  if (!from) return lives(next) ? [[node, { term, settings }]] : [];
  return [
    ...(lives(from) ? [[from.node, { term: from.term, settings, move: leaves ? 'leaves' : 'stays' }] as [string, Told]] : []),
    ...(lives(next) && holdsBack ? [[node, { term, settings, move: 'next' }] as [string, Told]] : []),
  ];
}

const isSame = (one: Incarnation, other: Incarnation): boolean => one.node === other.node && one.incarnation === other.incarnation;
