import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Overload, OVERLOADED_AFTER_S } from '../src/overload.ts';
import { place, type PlaceableCamera, type PlaceableNode } from '../src/index.ts';

const node = (id: string, more: Partial<PlaceableNode> = {}): PlaceableNode => ({ id, labels: {}, capacityCores: 1, draining: false, refused: new Set(), ...more });
const camera = (id: string, more: Partial<PlaceableCamera> = {}): PlaceableCamera => ({ id, costCores: 0.1, require: {}, prefer: {}, node: null, ...more });
const spread = (placed: ReadonlyMap<string, string>): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const id of placed.values()) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
};

test('cameras are spread over the room there is', () => {
  const { placed, unplaced } = place([node('a'), node('b'), node('c', { capacityCores: 2 })], Array.from({ length: 12 }, (_, index) => camera(`c${index}`)));
  assert.equal(unplaced.size, 0);
  assert.deepEqual(spread(placed), { a: 3, b: 3, c: 6 });
});

test('one that has a node that lives stays there, whatever was better; the others of a node that died are shared', () => {
  const cameras = Array.from({ length: 6 }, (_, index) => camera(`c${index}`, { node: index < 4 ? 'a' : 'gone' }));
  const { placed } = place([node('a'), node('b'), node('c')], cameras);
  assert.deepEqual(spread(placed), { a: 4, b: 1, c: 1 });
});

test('labels that are required are required, those that are preferred are preferred as long as there is room', () => {
  const nodes = [node('north', { labels: { building: 'north' }, capacityCores: 0.2 }), node('south', { labels: { building: 'south' } })];
  const cameras = [
    camera('must', { require: { building: 'south' } }), ...['p1', 'p2', 'p3'].map((id) => camera(id, { prefer: { building: 'north' } })), camera('nowhere', { require: { building: 'west' } }),
  ];
  const { placed, unplaced } = place(nodes, cameras);
  assert.equal(placed.get('must'), 'south');
  assert.deepEqual(['p1', 'p2', 'p3'].map((id) => placed.get(id)), ['north', 'north', 'south']);
  assert.deepEqual([...unplaced], [['nowhere', 'no node that lives has the labels building=west']]);
});

test('what fits nowhere says so, and takes no place from what does', () => {
  const { placed, unplaced } = place([node('a'), node('b')], [camera('big', { costCores: 1.5 }), camera('small')]);
  assert.deepEqual([...placed], [['small', 'a']]);
  assert.deepEqual([...unplaced], [['big', '2 nodes have no room for 1.5 cores']]);
  assert.deepEqual([...place([], [camera('one')]).unplaced], [['one', 'no node lives']]);
});

test('a node that refuses a camera keeps every other one', () => {
  const { placed } = place([node('a', { refused: new Set(['x']) }), node('b', { capacityCores: 0.5 })], [camera('x', { node: 'a' }), camera('y', { node: 'a' })]);
  assert.deepEqual([...placed].sort(), [['x', 'b'], ['y', 'a']]);
});

test('a node that is drained gives away what others have room for, and keeps the rest', () => {
  const { placed } = place([node('a', { draining: true }), node('b', { capacityCores: 0.1 })], [camera('x', { node: 'a' }), camera('y', { node: 'a' })]);
  assert.deepEqual(spread(placed), { a: 1, b: 1 });
});

test('a camera that its node cannot reach goes to another one that has not tried in vain, and stays where there is none', () => {
  const nodes = [node('a'), node('b'), node('c', { capacityCores: 0.5 }), node('small', { capacityCores: 0.05 })];
  const at = (...unreachedAt: string[]): string | undefined => place(nodes, [camera('x', { node: 'a', recordedAt: ['a', 'b'], unreachedAt: new Set(unreachedAt) }), camera('y', { node: 'a' })]).placed.get('x');
  assert.equal(at('a'), 'b');
  assert.equal(at('a', 'b'), 'c');
  assert.equal(at('a', 'b', 'c'), 'a');
  const full = place([node('a', { capacityCores: 0.1 }), node('b', { capacityCores: 0.1 })], [camera('x', { node: 'a', unreachedAt: new Set(['a']) }), camera('y', { node: 'b' })]);
  assert.deepEqual([...full.placed].sort(), [['x', 'a'], ['y', 'b']]);
});

test('the same is placed alike in whatever order it is told', () => {
  const nodes = Array.from({ length: 7 }, (_, index) => node(`n${index}`, { capacityCores: 1 + index % 3 }));
  const cameras = Array.from({ length: 60 }, (_, index) => camera(`c${index}`, { costCores: 0.05 * (1 + index % 4), ...(index % 5 === 0 ? { node: `n${index % 7}` } : {}) }));
  const sorted = (placed: ReadonlyMap<string, string>): [string, string][] => [...placed].sort();
  assert.deepEqual(sorted(place(nodes, cameras).placed), sorted(place(nodes.toReversed(), cameras.toReversed()).placed));
});

test('of nodes that may have it, a camera goes to the one that has its newest recordings, never against labels or room', () => {
  const nodes = [node('a', { labels: { building: 'north' } }), node('b', { capacityCores: 8 }), node('c')];
  const at = (more: Partial<PlaceableCamera>, among = nodes): string | undefined => place(among, [camera('x', { node: 'gone', ...more })]).placed.get('x');
  assert.equal(at({}), 'b');
  assert.equal(at({ recordedAt: ['gone', 'c', 'a'] }), 'c');
  assert.equal(at({ recordedAt: ['gone', 'c', 'a'], prefer: { building: 'north' } }), 'a');
  assert.equal(at({ recordedAt: ['c'], require: { building: 'north' } }), 'a');
  assert.equal(at({ recordedAt: ['c', 'a'], costCores: 0.9 }, [...nodes.slice(0, 2), node('c', { capacityCores: 0.5 })]), 'a');
  assert.equal(at({ recordedAt: ['c'] }, [...nodes.slice(0, 2), node('c', { refused: new Set(['x']) })]), 'b');
  assert.equal(at({ recordedAt: ['c'] }, [...nodes.slice(0, 2), node('c', { draining: true })]), 'b');
});

test('a node that is overloaded gives away no more than what is too much, as far as others have room', () => {
  const cameras = ['x', 'y', 'z'].map((id, index) => camera(id, { node: 'a', costCores: 0.4 + index / 100 }));
  assert.deepEqual(spread(place([node('a'), node('b')], cameras).placed), { a: 3 });
  assert.deepEqual([...place([node('a', { overloaded: true }), node('b')], cameras).placed].sort(), [['x', 'a'], ['y', 'a'], ['z', 'b']]);
  assert.deepEqual(spread(place([node('a', { overloaded: true }), node('b', { capacityCores: 0.3 })], cameras).placed), { a: 3 });
  assert.deepEqual(spread(place([node('a', { overloaded: true, capacityCores: 2 }), node('b')], cameras).placed), { a: 3 });
});

test('a node is overloaded where it has cost clearly more than it has, for minutes without a break', () => {
  let nowS = 0;
  const overload = new Overload(() => nowS);
  const after = (seconds: number, cores: number): boolean => {
    nowS += seconds;
    overload.saw('a', cores, 1);
    return overload.has('a');
  };
  assert.deepEqual([after(0, 1.3), after(OVERLOADED_AFTER_S - 1, 1.3), after(1, 1.3)], [false, false, true]);
  assert.equal(after(10, 1.15), false, 'a little too much is not overloaded');
  assert.deepEqual([after(10, 1.3), after(OVERLOADED_AFTER_S, 1.3)], [false, true]);
  overload.forgetBut(new Set());
  assert.equal(after(1, 1.3), false);
});
