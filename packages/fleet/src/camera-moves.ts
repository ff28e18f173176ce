// Cameras that pass to another node or come from one, as the node knows it: what it tells its kernel, and what it tells the leader of what came of it.
// A term under which it left is never taken up again, whoever names it.
import type { CameraConfig, NodePlacement, PlacementLease, PlacementStatus, RecordingSeam, SiteCamera, SiteNode } from '@ruth/protocol';
import type { Told } from './moves.ts';

/** Another node records it still. `settings`: revision of the camera. */
export interface NextCamera { readonly term: number; readonly settings: number; readonly camera: SiteCamera }
interface Left { readonly term: number; readonly seam: RecordingSeam | null }

export class CameraMoves {
  #next: ReadonlyMap<string, NextCamera> = new Map();
  /** Terms of those that it is to let go at a keyframe. */
  #leaving: ReadonlyMap<string, number> = new Map();
  readonly #left = new Map<string, Left>();
  /** Where the node before this one ended. */
  readonly #seams = new Map<string, RecordingSeam>();
  #held: ReadonlySet<string> = new Set();

  get next(): ReadonlyMap<string, NextCamera> { return this.#next; }

  /** The kernel is to be asked again soon. */
  get isWaiting(): boolean { return [...this.#next.keys()].some((id) => !this.#held.has(id)) || [...this.#leaving.keys()].some((id) => !this.#left.has(id)); }

  hasLeft(camera: string, term?: number): boolean {
    const left = this.#left.get(camera);
    return left !== undefined && (term === undefined || left.term === term);
  }

  /** What of `named` stays as it is, and what is to be looked up. `own`: what this node has, in the terms and revisions of `read`. */
  sort(named: NodePlacement['cameras'], own: ReadonlyMap<string, SiteCamera>, read: NodePlacement['cameras']): { own: Map<string, SiteCamera>; next: Map<string, NextCamera>; unknown: [camera: string, told: Told][] } {
    const sorted = { own: new Map<string, SiteCamera>(), next: new Map<string, NextCamera>(), unknown: [] as [string, Told][] };
    for (const [camera, told] of Object.entries(named)) {
      const { term, settings, move } = told;
      const known = read[camera]?.term === term ? own.get(camera) : undefined;
      const held = this.#next.get(camera);
      // A camera that moves away goes on as it is, or not at all: its row names another node by now.
      if (move === 'stays' || move === 'leaves' || this.hasLeft(camera, term)) {
        if (known) sorted.own.set(camera, known);
      } else if (known && move === undefined && read[camera]!.settings === settings) sorted.own.set(camera, known);
      else if (move === 'next' && held?.term === term && held.settings === settings) sorted.next.set(camera, held);
      else sorted.unknown.push([camera, told]);
    }
    return sorted;
  }

  /** Adds to `sorted` what this node has, or holds, of those that are to be something else and could not be looked up yet: as they were. */
  stay(late: ReadonlySet<string>, named: NodePlacement['cameras'], own: ReadonlyMap<string, SiteCamera>, read: NodePlacement['cameras'], sorted: { own: Map<string, SiteCamera>; next: Map<string, NextCamera> }): void {
    for (const camera of late) {
      const known = read[camera]?.term === named[camera]!.term ? own.get(camera) : undefined;
      const held = this.#next.get(camera);
      if (known) sorted.own.set(camera, known);
      else if (held) sorted.next.set(camera, held);
    }
  }

  /** It is this node's from now on. */
  begins(camera: string, seam: RecordingSeam | null): void {
    if (seam === null) this.#seams.delete(camera);
    else this.#seams.set(camera, seam);
  }

  /** `named`: as the leader says it; what of it this node has, and is to have next. */
  learnt(named: NodePlacement['cameras'], own: ReadonlyMap<string, SiteCamera>, next: ReadonlyMap<string, NextCamera>): void {
    this.#next = next;
    this.#held = new Set([...this.#held].filter((id) => next.has(id)));
    for (const [id, { term }] of [...this.#left]) if (named[id]?.term !== term) this.#left.delete(id);
    for (const id of [...this.#seams.keys()]) if (!own.has(id)) this.#seams.delete(id);
    const leaving = new Map<string, number>();
    for (const [id, { term, move }] of Object.entries(named)) {
      // Told once, it is so for that term.
      if (move !== 'leaves' && this.#leaving.get(id) !== term) continue;
      leaving.set(id, term);
      // What it never took it will not take any more.
      if (!own.has(id) && !this.#left.has(id)) this.#left.set(id, { term, seam: null });
    }
    this.#leaving = leaving;
  }

  /** Of those that are `told` to the kernel. Where the lease ended, only what was left stays so: the rest is recorded aside. */
  forKernel(told: ReadonlyMap<string, SiteCamera>, holds: boolean): Pick<PlacementLease, 'next' | 'leave' | 'seams'> {
    const next: CameraConfig[] = !holds ? [] : [...this.#next.values()].map(({ camera: { camera } }) => camera);
    const leave = [...this.#leaving.keys()].filter((id) => told.has(id) && (holds || this.#left.has(id)));
    const seams = Object.fromEntries([...this.#seams].filter(([id]) => told.has(id) && !this.#leaving.has(id)));
    return { ...(next.length > 0 && { next }), ...(leave.length > 0 && { leave }), ...(Object.keys(seams).length > 0 && { seams }) };
  }

  /** True where the leader is to hear of it. */
  saw({ cameras, held = [], left = {} }: PlacementStatus): boolean {
    const before = this.#held;
    this.#held = new Set(held.filter((id) => this.#next.has(id)));
    let isNew = this.#held.size !== before.size || [...this.#held].some((id) => !before.has(id));
    for (const [id, term] of this.#leaving) {
      if (this.#left.has(id) || (left[id] === undefined && cameras[id] !== undefined)) continue;
      this.#left.set(id, { term, seam: left[id] ?? null });
      isNew = true;
    }
    return isNew;
  }

  /** What stands in the node's row of it. */
  get told(): Pick<SiteNode, 'held' | 'left'> {
    const held = Object.fromEntries([...this.#held].map((id) => [id, this.#next.get(id)!.term]));
    return { ...(this.#held.size > 0 && { held }), ...(this.#left.size > 0 && { left: Object.fromEntries(this.#left) }) };
  }

  /** The lease ended. */
  clear(): void {
    this.#next = this.#leaving = new Map();
    this.#held = new Set();
    this.#left.clear();
    this.#seams.clear();
  }
}
