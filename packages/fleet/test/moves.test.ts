// A camera moves between nodes while whatever may happen happens, in any order: two leaders that know more or less, nodes that are told late, that die, or whose kernel begins
// anew. Time is a sequence of steps here; a node of the model decides with the code of the real one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CameraPlacement, NodePlacement, RecordingSeam, SiteCamera, SiteNode } from '@ruth/protocol';
import fc from 'fast-check';
import { CameraMoves } from '../src/camera-moves.ts';
import { holderOf, isFor, isUncertain, mayRecord, nextPlacement, toldOf, type Seen } from '../src/moves.ts';

const CAMERA = 'gate';
const SETTINGS: SiteCamera = { camera: { id: CAMERA, url: 'rtsp://127.0.0.1/x' } };
const IDS = ['a', 'b', 'c'] as const;

interface Row<T> { readonly value: T; readonly revision: number }
type Told = Row<NodePlacement>;

/** What stands in JetStream. Written by revision. */
class Rows {
  #revision = 0;
  placement: Row<CameraPlacement> | null = null;
  readonly nodes = new Map<string, Row<SiteNode>>();
  readonly told = new Map<string, Told>();
  readonly seams: RecordingSeam[] = [];

  place(value: CameraPlacement, revision: number): boolean {
    if ((this.placement?.revision ?? 0) !== revision) return false;
    this.placement = { value, revision: ++this.#revision };
    return true;
  }

  put<T>(rows: Map<string, Row<T>>, id: string, value: T, revision: number): number | null {
    if ((rows.get(id)?.revision ?? 0) !== revision) return null;
    rows.set(id, { value, revision: ++this.#revision });
    return this.#revision;
  }
}

/** The kernel of a node, and what its agent makes of what it is told. */
class Node {
  readonly id: string;
  readonly #rows: Rows;
  incarnation: string;
  #revision = 0;
  #moves = new CameraMoves();
  #own = new Map<string, SiteCamera>();
  #read: NodePlacement['cameras'] = {};
  #told: Told | null = null;
  #applied = 0;
  /** Looked up, and not acted on yet. */
  #found: { readonly told: Told; readonly apply: () => boolean } | null = null;
  hasLease = false;
  kernel = { records: false, leaves: false, left: undefined as RecordingSeam | null | undefined, holds: false, ready: false };

  constructor(id: string, rows: Rows) {
    this.id = id;
    this.#rows = rows;
    this.incarnation = `${id}0000000-0`;
  }

  hear(): void { this.#told = this.#rows.told.get(this.id) ?? null; }

  lookUp(): void {
    const told = this.#told;
    if (!told || !this.hasLease || this.#applied === told.revision) return;
    const { own, next, unknown } = this.#moves.sort(told.value.cameras, this.#own, this.#read);
    const found = unknown.map(([camera, named]) => ({ camera, named, placement: this.#rows.placement?.revision === named.term ? this.#rows.placement.value : null }));
    this.#found = { told, apply: () => {
      let missing = false;
      for (const { camera, named, placement } of found) {
        if (!placement || !isFor(placement, { node: this.id, incarnation: this.incarnation }, named.move)) missing = true;
        else if (named.move === 'next') next.set(camera, { term: named.term, settings: named.settings, camera: SETTINGS });
        else {
          own.set(camera, SETTINGS);
          this.#moves.begins(camera, placement.seam ?? null);
        }
      }
      this.#own = own;
      this.#read = Object.fromEntries(Object.entries(told.value.cameras).filter(([camera]) => own.has(camera)));
      this.#moves.learnt(told.value.cameras, own, next);
      return !missing;
    } };
  }

  apply(): void {
    const found = this.#found;
    this.#found = null;
    if (!found || !this.hasLease) return;
    const whole = found.apply();
    this.tellKernel();
    if (whole) this.#applied = found.told.revision;
  }

  tellKernel(): void {
    if (!this.hasLease) return;
    const told = this.#moves.forKernel(this.#own, true);
    const { kernel } = this;
    kernel.holds = told.next !== undefined;
    if (!kernel.holds) kernel.ready = false;
    const leaves = told.leave?.includes(CAMERA) ?? false;
    const has = this.#own.has(CAMERA);
    if (leaves && !kernel.leaves) kernel.left = kernel.records ? undefined : null;
    if (!leaves) kernel.left = undefined;
    kernel.leaves = leaves;
    if (!has) kernel.records = false;
    else if (!leaves) kernel.records = true;
    this.see();
  }

  see(): void {
    const { holds, ready, leaves, left } = this.kernel;
    this.#moves.saw({ incarnation: null, until_s: null, refused: {}, cameras: this.#own.has(CAMERA) || holds ? { [CAMERA]: { state: 'recording' } } : {}, held: holds && ready ? [CAMERA] : [], left: leaves && left !== undefined ? { [CAMERA]: left } : {} });
  }

  keyframe(): void {
    const { kernel } = this;
    if (!kernel.leaves || !kernel.records || kernel.left !== undefined) return;
    kernel.records = false;
    kernel.left = { picture: String(this.#rows.seams.length).padStart(32, '0'), at: this.#rows.seams.length };
    this.#rows.seams.push(kernel.left);
  }

  kernelBeginsAnew(): void {
    const { leaves } = this.kernel;
    this.kernel = { records: false, leaves: false, left: undefined, holds: false, ready: false };
    // Its agent tells it all, at the latest with the next renewal.
    if (leaves || this.hasLease) this.tellKernel();
  }

  renew(): void {
    const present = this.#rows.nodes.get(this.id);
    if (!this.hasLease && this.#revision !== 0) {
      // Another incarnation: nothing of the one before is its own.
      this.#moves = new CameraMoves();
      this.#own = new Map();
      this.#read = {};
      this.#applied = 0;
      this.#found = null;
      this.incarnation = `${this.incarnation.slice(0, -1)}${Number(this.incarnation.at(-1)) + 1}`;
      this.#revision = present?.revision ?? 0;
    }
    const value: SiteNode = { incarnation: this.incarnation, revoked: false, machine: this.id, labels: {}, capacity_cores: 4, draining: false, applied: this.#applied, cameras: {}, refused: {}, ...this.#moves.told };
    const revision = this.#rows.put(this.#rows.nodes, this.id, value, this.#revision);
    if (revision === null) return this.end();
    this.#revision = revision;
    this.hasLease = true;
    this.tellKernel();
  }

  /** The lease is over, as this node knows before anybody else. */
  end(): void {
    this.hasLease = false;
    this.kernel = { records: false, leaves: false, left: undefined, holds: false, ready: false };
  }

  /** The process ends; what the kernel was told holds until the lease ends. */
  agentBeginsAnew(): void {
    const { records } = this.kernel;
    this.end();
    this.kernel.records = records;
  }
}

/** Knows what it has seen, which may be old. */
class Leader {
  readonly #rows: Rows;
  readonly #nodes = new Map<string, Row<SiteNode>>();
  readonly #told = new Map<string, Told>();
  #placement: Row<CameraPlacement> | null = null;
  readonly #seen: Seen = { node: (id) => this.#nodes.get(id)?.value ?? null, told: (id) => { const row = this.#told.get(id); return row ? { cameras: row.value.cameras, revision: row.revision } : null; } };

  constructor(rows: Rows) { this.#rows = rows; }

  seeNode(id: string): void { const row = this.#rows.nodes.get(id); if (row) this.#nodes.set(id, row); }
  seeTold(id: string): void { const row = this.#rows.told.get(id); if (row) this.#told.set(id, row); }
  seePlacement(): void { this.#placement = this.#rows.placement; }

  /** Only where it is silent for longer than a lease lasts. */
  revoke(id: string): void {
    const known = this.#nodes.get(id);
    if (!known || known.value.revoked) return;
    const revoked = { ...known.value, revoked: true, cameras: {} };
    const revision = this.#rows.put(this.#rows.nodes, id, revoked, known.revision);
    if (revision !== null) this.#nodes.set(id, { value: revoked, revision });
  }

  settle(id: string): void {
    const node = this.#nodes.get(id)?.value;
    if (!node || node.revoked) return;
    const present = this.#placement && { placement: this.#placement.value, term: this.#placement.revision };
    if (present) {
      const holder = holderOf(present.placement, present.term);
      if (isUncertain(holder, this.#seen)) this.seeNode(holder.node);
    }
    const next = nextPlacement(CAMERA, present, { node: id, incarnation: node.incarnation }, this.#seen, true);
    if (next !== null && this.#rows.place(next, present?.term ?? 0)) this.#placement = this.#rows.placement;
  }

  tell(isLate: boolean): void {
    const row = this.#placement;
    const wanted = new Map<string, NodePlacement['cameras']>([...this.#nodes].filter(([, { value }]) => !value.revoked).map(([id]) => [id, {}]));
    if (row) {
      const leaves = isLate || this.#nodes.get(row.value.node)?.value.held?.[CAMERA] === row.revision;
      for (const [node, told] of toldOf(row.value, row.revision, 1, this.#seen, leaves, true)) wanted.get(node)![CAMERA] = told;
    }
    for (const [id, cameras] of wanted) {
      const known = this.#told.get(id);
      if (known && JSON.stringify(known.value.cameras) === JSON.stringify(cameras)) continue;
      const revision = this.#rows.put(this.#rows.told, id, { cameras }, known?.revision ?? 0);
      if (revision !== null) this.#told.set(id, { value: { cameras }, revision });
    }
  }
}

class World {
  readonly rows = new Rows();
  readonly nodes = IDS.map((id) => new Node(id, this.rows));
  readonly leaders = [new Leader(this.rows), new Leader(this.rows)];

  recording(): string[] { return this.nodes.filter(({ kernel }) => kernel.records).map(({ id }) => id); }

  step([what, which, flag]: Step): void {
    const node = this.nodes[which % 3]!;
    const leader = this.leaders[flag ? 1 : 0]!;
    switch (what) {
      case 'hear': return node.hear();
      case 'look up': return node.lookUp();
      case 'apply': return node.apply();
      case 'renew': return node.renew();
      case 'keyframe': return node.keyframe();
      case 'kernel tells': return node.see();
      case 'pictures come': node.kernel.ready = node.kernel.holds; return node.see();
      case 'kernel anew': return node.kernelBeginsAnew();
      case 'agent anew': return node.agentBeginsAnew();
      case 'lease ends': return node.end();
      case 'node works': node.hear(); node.lookUp(); node.apply(); node.see(); return node.renew();
      case 'leader sees': for (const id of IDS) { leader.seeNode(id); leader.seeTold(id); } return leader.seePlacement();
      case 'see nodes': return leader.seeNode(node.id);
      case 'see told': return leader.seeTold(node.id);
      case 'see placement': return leader.seePlacement();
      case 'settle': return leader.settle(node.id);
      case 'tell': return leader.tell(which === 5);
      case 'revoke':
        // A lease is over before anybody takes the node for silent.
        if (!node.hasLease) node.end();
        if (!node.hasLease) leader.revoke(node.id);
    }
  }

  /** As it goes where nothing goes wrong. */
  calm(wanted: number, rounds: number): void {
    for (let round = 0; round < rounds; round++) {
      for (const node of this.nodes) { node.renew(); node.hear(); node.lookUp(); node.apply(); node.keyframe(); node.kernel.ready = node.kernel.holds; node.see(); node.renew(); }
      const leader = this.leaders[0]!;
      for (const id of IDS) { leader.seeNode(id); leader.seeTold(id); }
      leader.seePlacement();
      leader.settle(IDS[wanted]!);
      leader.tell(false);
    }
  }
}

const KINDS = ['hear', 'look up', 'apply', 'renew', 'keyframe', 'kernel tells', 'pictures come', 'see nodes', 'see told', 'see placement', 'settle', 'tell', 'node works', 'node works', 'node works', 'leader sees', 'leader sees', 'kernel anew', 'agent anew', 'lease ends', 'revoke'] as const;
type Step = readonly [what: (typeof KINDS)[number], which: number, flag: boolean];
/** What goes wrong is seldom, that something comes of the rest. */
const step = fc.tuple(fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...KINDS.slice(0, -4)) }, { weight: 1, arbitrary: fc.constantFrom(...KINDS.slice(-4)) }), fc.nat(5), fc.boolean());

test('whatever happens in whatever order, no two nodes record a camera at a time; and when it is calm again one does', () => {
  let moved = 0;
  fc.assert(fc.property(fc.array(step, { minLength: 20, maxLength: 400, size: 'max' }), fc.nat(2), fc.nat(2), (steps, first, last) => {
    const world = new World();
    world.calm(first, 4);
    assert.deepEqual(world.recording(), [IDS[first]]);
    for (const [index, one] of steps.entries()) {
      world.step(one);
      assert.ok(world.recording().length <= 1, `${world.recording().join(' and ')} record after ${JSON.stringify(steps.slice(0, index + 1))}`);
    }
    if (world.rows.seams.length > 0) moved++;
    world.calm(last, 12);
    assert.deepEqual(world.recording(), [IDS[last]]);
  }), { numRuns: 500 });
  assert.ok(moved > 5, `in ${moved} runs a node ended at a keyframe`);
});

test('a move without a fault hands over the picture at which the first one ended', () => {
  const world = new World();
  world.calm(0, 4);
  world.calm(1, 8);
  assert.deepEqual(world.recording(), ['b']);
  const { value } = world.rows.placement!;
  assert.deepEqual([value.node, value.from, value.seam, value.before], ['b', undefined, world.rows.seams[0], ['a']]);
});

test('a next node to which no pictures come does not take the camera: the first one goes on all the while, under another term', () => {
  const world = new World();
  const [a, b] = world.nodes as [Node, Node];
  const [leader] = world.leaders as [Leader, Leader];
  const works = (node: Node): void => { node.hear(); node.lookUp(); node.apply(); node.see(); node.renew(); assert.deepEqual(world.recording(), ['a']); };
  world.calm(0, 4);
  const term = world.rows.placement!.revision;
  leader.settle('b');
  leader.tell(false);
  for (const node of [b, a, b]) works(node);
  assert.equal(b.kernel.holds, true);
  leader.settle('a');
  leader.tell(false);
  for (const node of [a, b, a]) works(node);
  assert.equal(b.kernel.holds, false, 'it lets go of the camera');
  const { value, revision } = world.rows.placement!;
  assert.deepEqual([value.node, value.from, revision > term], ['a', undefined, true]);
});

test('a leader that was frozen names the camera for the node that let it go a moment ago: that one does not take it', () => {
  const world = new World();
  const [a, b] = world.nodes as [Node, Node];
  const [present, frozen] = world.leaders as [Leader, Leader];
  world.calm(0, 4);
  for (const id of IDS) { frozen.seeNode(id); frozen.seeTold(id); }
  frozen.seePlacement();
  present.settle('b');
  present.tell(true);
  a.hear(); a.lookUp(); a.apply(); a.keyframe(); a.see(); a.renew();
  assert.deepEqual(world.recording(), []);
  // It has seen what nodes are told by now, and not what the camera's row says.
  for (const id of IDS) { frozen.seeNode(id); frozen.seeTold(id); }
  frozen.tell(false);
  a.hear(); a.lookUp(); a.apply();
  assert.deepEqual(world.recording(), [], 'its term is over');
  for (const id of IDS) { present.seeNode(id); present.seeTold(id); }
  present.settle('b');
  present.tell(false);
  b.hear(); b.lookUp(); b.apply();
  assert.deepEqual(world.recording(), ['b']);
  assert.equal(mayRecord(CAMERA, holderOf(world.rows.placement!.value, world.rows.placement!.revision), { node: () => null, told: () => null }), false);
});
