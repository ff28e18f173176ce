// What was recorded aside, whatever happened before, and in whatever order the nodes ask one another: never is an instant in two indexes, and what no index has is lost only where another
// node's begins or ends. Time is a sequence of seconds here; who claims what is decided with the code of the real nodes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOCKS_DIFFER_S, type Holdings, type KeyframesFound, type RecordingSeam, type SiteSpan } from '@ruth/protocol';
import fc from 'fast-check';
import { byThisClock, decide, rivalsOf, type Answer, type AsideOf, type Term } from '../src/claims.ts';

const IDS = ['a', 'b', 'c'] as const;
const LEASE_S = 3;
/** Seconds of one node, as spans by its own clock. */
const spansOf = (seconds: Iterable<number>, offsetS: number): SiteSpan[] => {
  const spans: SiteSpan[] = [];
  for (const second of [...seconds].sort((x, y) => x - y)) {
    const last = spans.at(-1);
    if (last && second + offsetS - last.end < 0.001) last.end = second + 1 + offsetS;
    else spans.push({ start: second + offsetS, end: second + 1 + offsetS });
  }
  return spans;
};

class Node {
  readonly index = new Set<number>();
  readonly aside = new Set<number>();
  /** Under a term that it took; `aside`: it has no lease for it. */
  has: 'nothing' | 'lease' | 'aside' = 'nothing';
  lives = true;
  isCut = false;
  /** Pictures come to it. */
  reaches = true;
  /** Its camera's process stands still, and gets all later: by the lease that it has then. */
  isFrozen = false;
  readonly waiting = new Set<number>();
  leaseEnds = 0;
  readonly id: string;
  readonly offsetS: number;
  constructor(id: string, offsetS: number) {
    this.id = id;
    this.offsetS = offsetS;
  }

  get answers(): boolean { return this.lives && !this.isCut; }

  /** Each second begins with a keyframe. */
  found({ firsts = [], lasts = [] }: Holdings): KeyframesFound['found'] {
    return [...firsts, ...lasts].flatMap((keyframe) => {
      const second = Number(keyframe.picture);
      return this.aside.has(second) ? [{ keyframe, start: second + this.offsetS, next: this.aside.has(second + 1) ? second + 1 + this.offsetS : null }] : [];
    });
  }

  holdings(now: number): Holdings {
    const recorded = spansOf(this.index, this.offsetS);
    const keyframe = (second: number): RecordingSeam => ({ picture: String(second), at: second + this.offsetS });
    return { recorded, firsts: recorded.map(({ start }) => keyframe(Math.round(start - this.offsetS))), lasts: recorded.map(({ end }) => keyframe(Math.round(end - this.offsetS) - 1)), aside: spansOf(this.aside, this.offsetS), settled: this.has === 'nothing' ? now + this.offsetS : this.index.size === 0 ? 0 : Math.max(...this.index) + 1 + this.offsetS };
  }
}

/** A second more than a lease lasts, and the leader has another node have the camera. */
class World {
  now = 100;
  readonly nodes: Node[];
  readonly terms: Term[] = [];
  readonly #kept: number;
  #revokedAt = 0;
  /** All that any node got. */
  readonly seen = new Set<number>();

  readonly #finds: boolean;

  /** Clocks are compared, and differ by more than is allowed else. */
  readonly #measures: boolean;

  constructor(offsets: readonly number[], kept: number, finds = false, measures = false) {
    this.#finds = finds;
    this.#measures = measures;
    this.nodes = IDS.map((id, index) => new Node(id, offsets[index]!));
    this.#kept = kept;
    this.name(this.nodes[0]!);
  }

  get named(): Node { return this.nodes.find(({ id }) => id === this.terms.at(-1)!.placement!.node)!; }

  name(node: Node): void {
    this.terms.push({ createdS: this.now, placement: { node: node.id } });
    node.leaseEnds = this.now + LEASE_S;
  }

  second(takes: boolean): void {
    const holder = this.named;
    for (const node of this.nodes) {
      if (node.answers && node === holder) {
        // Its lease ended and it is named still: another incarnation of it is, first.
        if (node.leaseEnds < this.now && node.has !== 'nothing') this.name(node);
        node.leaseEnds = this.now + LEASE_S;
        if (takes) node.has = 'lease';
      } else if (node.answers) node.has = 'nothing';
      if (node.has === 'lease' && node.leaseEnds < this.now) node.has = 'aside';
      if (node.has !== 'lease') node.waiting.clear();
      if (!node.lives || !node.reaches || node.has === 'nothing') continue;
      if (node.isFrozen && node.has === 'lease') {
        node.waiting.add(this.now);
        continue;
      }
      (node.has === 'lease' ? node.index : node.aside).add(this.now);
      this.seen.add(this.now);
    }
    if (!holder.answers && this.now > holder.leaseEnds + 1) {
      const next = this.nodes.find((node) => node.answers);
      if (next && this.now >= this.#revokedAt + 2) {
        this.#revokedAt = this.now;
        this.name(next);
      }
    }
    this.now++;
  }

  thaw(node: Node): void {
    node.isFrozen = false;
    if (node.has === 'lease' && node.leaseEnds >= this.now) for (const second of node.waiting) { node.index.add(second); this.seen.add(second); }
    node.waiting.clear();
  }

  claim(node: Node): void {
    if (!node.answers || node.has === 'aside' || node.aside.size === 0) return;
    const spans = spansOf(node.aside, node.offsetS);
    const aheadS = this.#measures ? node.offsetS : 0;
    const terms = this.terms.slice(-this.#kept).map((term) => ({ ...term, createdS: term.createdS + aheadS }));
    const aside: AsideOf = { node: node.id, start: spans[0]!.start, end: Math.min(spans.at(-1)!.end, this.now + node.offsetS - 4), terms, forgotten: terms.length >= this.#kept, nodes: IDS };
    if (aside.end <= aside.start) return;
    const told = (one: Node): Answer => (this.#measures ? byThisClock(one.holdings(this.now), { ahead_s: one.offsetS - node.offsetS + 0.2, within_s: 0.3 }) : one.holdings(this.now));
    const answers = new Map(rivalsOf(aside).map((id) => this.nodes.find((one) => one.id === id)!).filter((one) => one.answers).map((one) => [one.id, told(one)]));
    const { claim, delete: gone } = decide(aside, this.#finds ? new Map([...answers].map(([id, answer]) => [id, { ...answer, found: node.found(answer) }])) : answers);
    for (const second of [...node.aside]) {
      const from = second + node.offsetS;
      const within = (span: SiteSpan): boolean => from >= span.start - 0.001 && from + 1 <= span.end + 0.001;
      if (claim.some(within)) node.index.add(second);
      else if (!gone.some((span) => from < span.end && from + 1 > span.start)) continue;
      node.aside.delete(second);
    }
  }

  step([what, which]: Step): void {
    const node = this.nodes[which % 3]!;
    switch (what) {
      case 'second': return this.second(true);
      case 'seconds': for (let n = 0; n < 4; n++) this.second(n > which % 3); return;
      case 'claim': return this.claim(node);
      case 'cut': node.isCut = true; return;
      case 'mend': node.isCut = false; return;
      case 'die': node.lives = false; node.has = 'nothing'; node.waiting.clear(); return;
      case 'live': node.lives = true; return;
      case 'freeze': node.isFrozen = true; return;
      case 'thaw': return this.thaw(node);
      case 'unreached': node.reaches = false; return;
      case 'reached': node.reaches = true; return;
      case 'move':
        if (!node.answers || !this.named.answers || node === this.named) return;
        this.named.has = 'nothing';
        this.named.waiting.clear();
        this.name(node);
    }
  }

  assertOnce(after: string): void {
    for (const second of this.seen) {
      const who = this.nodes.filter(({ index }) => index.has(second)).map(({ id }) => id);
      assert.ok(who.length <= 1, `${who.join(' and ')} have ${second} ${after}`);
    }
  }
}

const KINDS = ['second', ...Array.from({ length: 12 }, () => 'seconds' as const), 'claim', 'claim', 'claim', 'mend', 'live', 'cut', 'mend', 'die', 'live', 'unreached', 'reached', 'move', 'freeze', 'thaw', 'thaw'] as const;
type Step = readonly [what: (typeof KINDS)[number], which: number];
const histories = fc.record({
  steps: fc.array(fc.tuple(fc.constantFrom(...KINDS), fc.nat(5)), { minLength: 30, maxLength: 200, size: 'max' }),
  // No two differ by more than is allowed, and none from NATS, unless they are compared.
  offsets: fc.tuple(...IDS.map(() => fc.double({ min: -0.95, max: 0.95, noNaN: true }))), kept: fc.constantFrom(4, 16, 1000), finds: fc.boolean(), measures: fc.boolean(),
});

test('no instant gets into two indexes, and none is lost that no index has but at the edges of what others recorded', () => {
  let claimed = 0;
  fc.assert(fc.property(histories, ({ steps, offsets, kept, finds, measures }) => {
    const world = new World(offsets.map((offsetS) => offsetS * (measures ? 30 : 1)), kept, finds, measures);
    for (const [index, step] of steps.entries()) {
      const before = step[0] === 'claim' ? world.nodes[step[1] % 3]!.index.size : 0;
      world.step(step);
      if (step[0] === 'claim' && world.nodes[step[1] % 3]!.index.size > before) claimed++;
      world.assertOnce(`after ${JSON.stringify(steps.slice(0, index + 1))}`);
    }
    for (const node of world.nodes) {
      Object.assign(node, { isCut: false, lives: true, reaches: true });
      world.thaw(node);
    }
    for (let n = 0; n < 30; n++) {
      world.second(true);
      for (const node of world.nodes) world.claim(node);
    }
    world.assertOnce('when all are there again');
    const indexed = new Set(world.nodes.flatMap(({ index }) => [...index]));
    const aside = new Set(world.nodes.flatMap((node) => [...node.aside]));
    const near = (second: number): boolean => [...indexed].some((other) => Math.abs(other - second) <= 2 * CLOCKS_DIFFER_S + 1);
    for (const second of world.seen) assert.ok(indexed.has(second) || aside.has(second) || near(second), `${second} is lost after ${JSON.stringify(steps)}`);
    // Where nobody can say any more who had it, both wait for the other; else only within the seconds by which clocks may differ from when a node was named.
    if (kept < 1000) return;
    for (const second of aside) assert.ok(world.terms.some(({ createdS }) => Math.abs(createdS - second) <= 2 * CLOCKS_DIFFER_S + 1), `${second} stays aside after ${JSON.stringify(steps)}`);
  }), { numRuns: 400 });
  assert.ok(claimed > 20, `something was claimed ${claimed} times`);
});

const HOUR: Pick<AsideOf, 'node' | 'start' | 'end' | 'forgotten' | 'nodes'> = { node: 'a', start: 1000, end: 2000, forgotten: false, nodes: IDS };
const terms: Term[] = [{ createdS: 10, placement: { node: 'a' } }, { createdS: 1013, placement: { node: 'b' } }];

test('what lies before another node was named is claimed, and the rest as soon as that one says that it has none of it', () => {
  assert.deepEqual(rivalsOf({ ...HOUR, terms }), ['b']);
  assert.deepEqual(decide({ ...HOUR, terms }, new Map()), { claim: [{ start: 1000, end: 1011 }], delete: [], waitsFor: ['b'] });
  assert.deepEqual(decide({ ...HOUR, terms }, new Map([['b', { recorded: [], aside: [], settled: 3000 }]])), { claim: [{ start: 1000, end: 2000 }], delete: [], waitsFor: [] });
  assert.deepEqual(decide({ ...HOUR, terms }, new Map([['b', { recorded: [], aside: [], settled: 0 }]])), { claim: [{ start: 1000, end: 1011 }], delete: [], waitsFor: ['b'] }, 'it has the camera, and may record it still');
});

test('what another node recorded is deleted, and no more; what it has aside is its own to claim', () => {
  const answer = (recorded: SiteSpan[], aside: SiteSpan[] = []): Map<string, Holdings> => new Map([['b', { recorded, aside, settled: 3000 }]]);
  assert.deepEqual(decide({ ...HOUR, terms }, answer([{ start: 1020, end: 1500 }])), { claim: [{ start: 1000, end: 1018 }, { start: 1502, end: 2000 }], delete: [{ start: 1018, end: 1502 }], waitsFor: [] });
  assert.deepEqual(decide({ ...HOUR, terms }, answer([], [{ start: 1020, end: 3000 }])), { claim: [{ start: 1000, end: 1018 }], delete: [], waitsFor: ['b'] });
});

test('where a keyframe of the other node is found aside, its recordings begin and end there, to a picture, whatever the clocks say', () => {
  const [first, last] = [{ picture: 'aa'.repeat(16), at: 1020 }, { picture: 'bb'.repeat(16), at: 1499 }];
  const answer = (found: Answer['found'], aheadS = 0): Map<string, Answer> => new Map([['b', { recorded: [{ start: 1020, end: 1500 }], aside: [], settled: 3000, firsts: [first], lasts: [last], found: found!.map((one) => ({ ...one, start: one.start + aheadS, next: one.next === null ? null : one.next + aheadS })) }]]);
  const edges = (answers: Map<string, Answer>): number[] => { const { claim, delete: gone, waitsFor } = decide({ ...HOUR, terms }, answers); assert.deepEqual([claim.length, gone.length, waitsFor], [2, 1, []]); return [gone[0]!.start, gone[0]!.end]; };
  const both = [{ keyframe: first, start: 1020.2, next: 1021.2 }, { keyframe: last, start: 1499.2, next: 1500.2 }];
  // A picture that ends there, by the roundings of its date, is before it.
  assert.deepEqual(edges(answer(both)), [1020.2 + 0.001, 1500.2 - 0.001]);
  assert.deepEqual(edges(answer(both.map((one) => ({ ...one, next: null })))), [1020.2 + 0.001, 1500 + (1020.2 - 1020) + CLOCKS_DIFFER_S], 'what follows its last keyframe is not here');
  assert.deepEqual(edges(answer([both[1]!])), [1020 + (1499.2 - 1499) - CLOCKS_DIFFER_S, 1500.2 - 0.001], 'where it begins is not here');
  assert.deepEqual(edges(answer([])), [1020 - CLOCKS_DIFFER_S, 1500 + CLOCKS_DIFFER_S]);
});

test('where the clock of the other node was set meanwhile, what lies near its recordings stays aside: they may be elsewhere', () => {
  const held: Holdings = { recorded: [{ start: 1120, end: 1500 }], aside: [], settled: 3000 };
  const decided = (aheadS: number, withinS: number): ReturnType<typeof decide> => decide({ ...HOUR, terms }, new Map([['b', byThisClock(held, { ahead_s: aheadS, within_s: withinS })]]));
  assert.deepEqual(decided(0.4, 0.5), { claim: [{ start: 1000, end: 1118 }, { start: 1502, end: 2000 }], delete: [{ start: 1118, end: 1502 }], waitsFor: [] });
  assert.deepEqual(decided(100, 0.5), { claim: [{ start: 1000, end: 1018 }, { start: 1402, end: 2000 }], delete: [{ start: 1018, end: 1402 }], waitsFor: [] }, 'a difference that is known is taken off');
  assert.deepEqual(decided(0, 11), { claim: [{ start: 1000, end: 1108 }, { start: 1512, end: 2000 }], delete: [{ start: 1128, end: 1492 }], waitsFor: ['b'] });
  assert.deepEqual(decided(0, 1000).delete, [], 'nothing is certain');
});

test('a node that is being made ready has no term; of what nobody remembers everybody is asked', () => {
  assert.deepEqual(rivalsOf({ ...HOUR, terms: [terms[0]!, { createdS: 1013, placement: { node: 'b', from: { node: 'a', incarnation: '00000000-0', term: 1 } } }] }), []);
  assert.deepEqual(rivalsOf({ ...HOUR, terms: [{ createdS: 1500, placement: { node: 'b' } }], forgotten: true }), ['b', 'c']);
});

test('a node whose camera is frozen may record it late: until it has, what lies aside of that waits', () => {
  const world = new World([0, 0, 0], 1000);
  const [a, b] = world.nodes as [Node, Node, Node];
  const pass = (seconds: number): void => { for (let n = 0; n < seconds; n++) world.second(true); };
  pass(3);
  a.isCut = true;
  b.isFrozen = true;
  pass(30);
  assert.deepEqual([world.named.id, b.has, a.has, b.waiting.size > 10, b.index.size], ['b', 'lease', 'aside', true, 0]);
  a.isCut = false;
  pass(10);
  world.claim(a);
  const left = a.aside.size;
  assert.ok(left > 10, 'it stays aside');
  world.thaw(b);
  pass(5);
  world.claim(a);
  assert.equal(a.aside.size, 0);
  world.assertOnce('in the end');
});
