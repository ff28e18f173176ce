import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuleConfig, SceneConfig } from '@ruth/protocol';
import { TimeWindow } from '../src/index.ts';
import { BEGIN, every, walk, Watch, watched, type Walker } from './walks.ts';

const scene: SceneConfig = {
  zones: [{ id: 'mat', polygon: [[0.5, 0.4], [0.9, 0.4], [0.9, 1], [0.5, 1]] }, { id: 'desk', polygon: [[0, 0.4], [0.3, 0.4], [0.3, 1], [0, 1]] }],
  lines: [{ id: 'sill', points: [[0.5, 1], [0.5, 0.4]] }],
};
const comes = walk([0.2, 0.7], [0.7, 0.7], 1, 4);
const comesAndGoes: Walker = (timeS) => (timeS < 20 ? comes(timeS) : walk([0.7, 0.7], [0.2, 0.7], 20, 23)(timeS));
type Rule = Omit<RuleConfig, 'camera'>;
const alertsOf = (watch: Watch): [string, number][] => watch.of('alert.raised', 'alert.cleared').map(({ type, timeS }) => [type.slice(6), Math.round(timeS)]);
const run = (rule: Rule | Rule[], walkers: readonly Walker[] = [comesAndGoes], untilS = 30): Watch => watched(scene, every(0.2, untilS), walkers, [rule].flat());

test('an alert is raised when a condition has held for as long as it should, and cleared when it does no longer', () => {
  const watch = run({ id: 'loitering', when: 'person in zone mat for 10 s then event "loitering" severity high' });
  assert.deepEqual(alertsOf(watch), [['raised', 13], ['cleared', 22]]);
  const [raised] = watch.of('alert.raised');
  assert.deepEqual([raised!.rule, raised!.event, raised!.severity, raised!.lasting, raised!.conditions[0]!.text, raised!.tracks[0]!.zones], ['loitering', 'loitering', 'high', true, 'in zone "mat" for 10 s', ['mat']]);
  assert.ok(raised!.conditions[0]!.held_s! >= 10 && raised!.conditions[0]!.held_s! < 10.5);
  const [cleared] = watch.of('alert.cleared');
  assert.deepEqual([cleared!.alert_id, cleared!.reason], [raised!.alert_id, 'no_longer']);
  assert.ok(Math.abs(cleared!.lasted_s - 8.5) < 1, `${cleared!.lasted_s}`);
  assert.deepEqual(raised!.bbox, raised!.tracks[0]!.bbox);
});

test('for a shorter stay there is none; one that is over before is none', () => {
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person in zone mat for 25 s' })), []);
});

test('all conditions must hold at once, of one and the same object', () => {
  const two: Walker[] = [comesAndGoes, () => ({ x: 0.1, y: 0.7 })];
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person in zone mat and in zone desk' }, two)), []);
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person in zone mat and at least 1 person in zone desk' }, two)), [['raised', 3], ['cleared', 22]]);
  const both = run({ id: 'r', when: 'person in zone mat and at least 1 person in zone desk' }, two).of('alert.raised')[0]!;
  assert.equal(both.tracks.length, 2);
  assert.ok(both.bbox![0] < 0.1 && both.bbox![2] > 0.5);
});

test('an instant joins what lasts for as long as within says, and raises an alert that is not cleared', () => {
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person crosses line sill in' })), [['raised', 3]]);
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person crosses line sill' })), [['raised', 3], ['raised', 21]]);
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person crosses line sill in within 5 s and in zone mat for 3 s' })), [['raised', 6]]);
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person crosses line sill in within 2 s and in zone mat for 3 s' })), []);
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person leaves zone mat' })), [['raised', 21]]);
});

test('who is lost has not left, and what is removed is an instant, too', () => {
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person leaves zone mat' }, [(timeS) => (timeS < 10 ? comes(timeS) : null)])), []);
  const bag: Walker = (timeS) => (timeS < 50 ? { x: 0.7, y: 0.8, height: 0.1, of: 'suitcase' } : null);
  const watch = run([{ id: 'left', when: 'suitcase is left and in zone mat' }, { id: 'taken', when: 'suitcase is removed' }], [bag], 70);
  assert.deepEqual(watch.of('alert.raised', 'alert.cleared').map(({ type, rule }) => `${type} ${rule}`).sort(), ['alert.cleared left', 'alert.raised left', 'alert.raised taken']);
});

test('what counts speaks of how many, also of none', () => {
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'no person in zone mat for 5 s' })), [['raised', 26]]);
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'at least 2 person in zone mat for 3 s' }, [comesAndGoes, walk([0.2, 0.9], [0.75, 0.9], 5, 8)])), [['raised', 10], ['cleared', 22]]);
});

test('a cooldown keeps a rule silent; its object may be another', () => {
  const again: Walker = (timeS) => (timeS < 12 ? comes(timeS) : timeS < 18 ? walk([0.7, 0.7], [0.2, 0.7], 12, 14)(timeS) : walk([0.2, 0.7], [0.7, 0.7], 18, 20)(timeS));
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person enters zone mat' }, [again])), [['raised', 3], ['raised', 19]]);
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person enters zone mat', cooldown_s: 60 }, [again])), [['raised', 3]]);
});

test('a rule that is not active, or of another model or class, is silent', () => {
  for (const rule of [{ active: false }, { model: 'other' }] as const) assert.deepEqual(alertsOf(run({ id: 'r', when: 'person in zone mat', ...rule })), []);
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'car in zone mat' })), []);
});

test('speed and heading are conditions', () => {
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person faster than 0.2 frames/s and heading right' }))[0], ['raised', 2]);
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person faster than 0.2 frames/s and heading up' })), []);
  assert.equal(alertsOf(run({ id: 'r', when: 'person faster than 0.2 frames/s and heading 270 degrees within 20 degrees' }))[0]![1], 21);
  assert.deepEqual(alertsOf(run({ id: 'r', when: 'person is stationary' }))[0], ['raised', 9]);
});

test('what nobody can look at any more is cleared for that reason, and looks that fail clear nothing', () => {
  const watch = new Watch(scene, [{ id: 'r', when: 'person in zone mat for 5 s' }]);
  for (const timeS of every(0.2, 40)) watch.look(timeS, [comes], timeS > 12 && timeS < 15 ? 'it is overloaded' : null);
  assert.deepEqual(alertsOf(watch), [['raised', 8]]);
  watch.note(watch.understanding.tick(BEGIN + 55), 55);
  assert.deepEqual(watch.of('alert.cleared').map(({ reason }) => reason), ['could_not_look']);
  // It is raised anew when it is seen again.
  for (const timeS of every(0.2, 10)) watch.look(60 + timeS, [comes]);
  assert.equal(watch.of('alert.raised').length, 2);
});

test('the end of the track clears, and says so', () => {
  const watch = run({ id: 'r', when: 'person in zone mat for 5 s' }, [(timeS) => (timeS < 15 ? comes(timeS) : null)]);
  assert.deepEqual(watch.of('alert.cleared').map(({ reason }) => reason), ['track_ended']);
});

test('a rule that is changed clears its alerts and begins anew; the others go on', () => {
  const rules: Rule[] = [{ id: 'a', when: 'person in zone mat for 5 s' }, { id: 'b', when: 'person in zone mat for 6 s' }];
  const watch = new Watch(scene, rules);
  const apply = (now: Rule[]): void => watch.note(watch.understanding.apply({ scene, rules: now.map((rule) => ({ ...rule, camera: 'front' })) }), 0);
  for (const timeS of every(0.2, 12)) watch.look(timeS, [comes]);
  apply(rules);
  assert.deepEqual(watch.of('alert.cleared'), [], 'the same again touches nothing');
  apply([rules[0]!, { ...rules[1]!, severity: 'low' }]);
  assert.deepEqual(watch.of('alert.cleared').map(({ rule, reason }) => [rule, reason]), [['b', 'rule_changed']]);
  for (const timeS of every(0.2, 2)) watch.look(12.2 + timeS, [comes]);
  assert.deepEqual(watch.of('alert.raised').map(({ rule, severity }) => [rule, severity]), [['a', 'medium'], ['b', 'medium'], ['b', 'low']]);
});

const windowAt = (window: ConstructorParameters<typeof TimeWindow>[0], text: string): boolean => new TimeWindow(window).applies(Date.parse(text) / 1000);

test('a night goes past midnight and belongs to the day on which it begins', () => {
  const night = { betweenMinutes: [22 * 60, 6 * 60] as const, days: ['fri'] as const, timeZone: 'Europe/Berlin' };
  // Friday is 2026-03-06; Berlin is an hour ahead.
  for (const [text, applies] of [
    ['2026-03-06T20:59:00Z', false], ['2026-03-06T21:00:00Z', true], ['2026-03-06T23:30:00Z', true], ['2026-03-07T04:59:00Z', true], ['2026-03-07T05:00:00Z', false], ['2026-03-06T03:00:00Z', false], ['2026-03-07T22:00:00Z', false],
  ] as const) assert.equal(windowAt(night, text), applies, text);
});

test('times of day follow the clock of the place over the change to summer time', () => {
  const day = { betweenMinutes: [8 * 60, 17 * 60] as const, days: null, timeZone: 'Europe/Berlin' };
  for (const [text, applies] of [['2026-03-28T07:00:00Z', true], ['2026-03-28T06:59:00Z', false], ['2026-03-29T06:00:00Z', true], ['2026-03-29T15:00:00Z', false]] as const) assert.equal(windowAt(day, text), applies, text);
  assert.ok(windowAt({ betweenMinutes: [0, 1440], days: null, timeZone: 'UTC' }, '2026-03-28T23:59:59Z'));
  assert.ok(!windowAt({ betweenMinutes: null, days: ['mon'], timeZone: 'UTC' }, '2026-03-28T12:00:00Z'));
});
