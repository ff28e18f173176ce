import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { classesText, Condition, conditionText, HEADINGS, OBJECT_STATES, ownRuleProblems, parseRuleSentence, resolveRule, SentenceError, SPEED_UNITS, validator, type RuleConfig } from '../src/index.ts';

const ruleOf = (when: RuleConfig['when'], rest: Partial<RuleConfig> = {}): RuleConfig => ({ id: 'r', camera: 'door', when, ...rest });

test('The sentence of the issue is a rule', () => {
  const sentence = 'when person in zone "door" for 10 s between 22:00 and 06:00 then event "loitering" severity high';
  assert.deepEqual(parseRuleSentence(sentence), {
    objects: ['person'], when: [{ in_zone: 'door', for_s: 10 }], during: { between: ['22:00', '06:00'] }, event: 'loitering', severity: 'high',
  });
  assert.deepEqual(resolveRule(ruleOf(sentence)), {
    id: 'r', name: 'r', active: true, camera: 'door', model: null, objects: ['person'], conditions: [{ in_zone: 'door', for_s: 10 }],
    betweenMinutes: [1320, 360], days: null, timeZone: null, event: 'loitering', severity: 'high', cooldownS: 0,
  });
});

for (const [sentence, expected] of [
  ['car or truck crosses line gate in', { objects: ['car', 'truck'], when: [{ crosses_line: 'gate', direction: 'in' }] }],
  ['person enters zone yard within 30 s and leaves zone "hall"', { objects: ['person'], when: [{ enters_zone: 'yard', within_s: 30 }, { leaves_zone: 'hall' }] }],
  ['any object faster than 2.5 m/s for 1 min', { when: [{ faster_than: 2.5, unit: 'm/s', for_s: 60 }] }],
  ['person heading left within 30 degrees for 2s and outside zone a', { objects: ['person'], when: [{ heads: 'left', within_degrees: 30, for_s: 2 }, { outside_zone: 'a' }] }],
  ['car heading 200 degrees', { objects: ['car'], when: [{ heads: 200 }] }],
  ['person is lying for 20 s', { objects: ['person'], when: [{ is: 'lying', for_s: 20 }] }],
  ['at least 5 person in zone queue for 2 min on sat, sun', { when: [{ count: ['person'], zone: 'queue', at_least: 5, for_s: 120 }], during: { days: ['sat', 'sun'] } }],
  ['no person in zone desk for 5 min between 08:00 and 18:00 on mon, tue severity low', { when: [{ count: ['person'], zone: 'desk', at_most: 0, for_s: 300 }], during: { between: ['08:00', '18:00'], days: ['mon', 'tue'] }, severity: 'low' }],
  ['"fire hydrant" is removed', { objects: ['fire hydrant'], when: [{ is: 'removed' }] }],
  ['"forklift" in zone aisle and at least 1 person in zone aisle', { objects: ['forklift'], when: [{ in_zone: 'aisle' }, { count: ['person'], zone: 'aisle', at_least: 1 }] }],
  ['at most 2 any object', { when: [{ count: 'any', at_most: 2 }] }],
] as const) {
  test(`"${sentence}" is read`, () => assert.deepEqual(parseRuleSentence(sentence), expected));
}

for (const [sentence, message] of [
  ['', 'at the beginning something is missing; there can be: a class of objects, such as person'],
  ['person', 'after "person" something is missing; there can be: in, outside, enters, leaves, crosses, faster, slower, heading, is, at least, at most, no'],
  ['person in zoen door', 'after "person in" stands "zoen"; there can be: zone'],
  ['person in zone', 'after "person in zone" something is missing; there can be: the name of a zone'],
  ['person in zone door for ten s', 'after "zone door for" stands "ten"; there can be: a duration such as 10 s'],
  ['person in zone door for 10 parsecs', 'after "door for 10" stands "parsecs"; there can be: s, sec, second, seconds, min, minute, minutes, h, hour, hours'],
  ['person in zone door between 22:00 and 26:00', 'after "between 22:00 and" stands "26:00"; there can be: a time of day from 00:00 to 24:00'],
  ['person in zone door severity bad', 'after "zone door severity" stands "bad"; there can be: info, low, medium, high, critical'],
  ['person in zone door please', 'after "in zone door" stands "please"; there can be: and, between, on, then event, severity, or the end'],
  ['person in zone "door', 'a quote is left open at "door'],
  ['person faster than 3 mph', 'after "faster than 3" stands "mph"; there can be: m/s, km/h, frames/s'],
] as const) {
  test(`"${sentence}" is refused at the word where it is no rule`, () => assert.throws(() => parseRuleSentence(sentence), (error) => error instanceof SentenceError && error.message === message));
}

test('What a sentence says that no list of conditions could say is refused too', () => {
  assert.deepEqual(ownRuleProblems(ruleOf('at least 0 person')).map(({ path, message }) => [path.join('.'), message]), [['when', 'in condition 0.at_least: must be >= 1, not 0']]);
  assert.match(ownRuleProblems(ruleOf('person heading 400 degrees'))[0]!.message, /must be/);
});

const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,12}$/);
const seconds = fc.oneof(fc.integer({ min: 1, max: 600_000 }), fc.integer({ min: 1, max: 99 }).map((tenths) => tenths / 10));
const held = fc.record({ for_s: seconds }, { requiredKeys: [] });
const happened = fc.record({ within_s: seconds }, { requiredKeys: [] });
const classNames = fc.array(fc.stringMatching(/^[a-z][a-z ]{0,10}[a-z]$/), { minLength: 1, maxLength: 3 });
const bounds = fc.oneof(fc.record({ at_least: fc.integer({ min: 1, max: 50 }) }), fc.record({ at_most: fc.integer({ min: 0, max: 50 }) }));
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.tuple(fc.constantFrom('in_zone', 'outside_zone'), id, held).map(([key, zone, rest]) => ({ [key]: zone, ...rest }) as Condition),
  fc.tuple(fc.constantFrom('enters_zone', 'leaves_zone'), id, happened).map(([key, zone, rest]) => ({ [key]: zone, ...rest }) as Condition),
  fc.tuple(id, fc.record({ direction: fc.constantFrom('in' as const, 'out' as const) }, { requiredKeys: [] }), happened).map(([line, direction, rest]): Condition => ({ crosses_line: line, ...direction, ...rest })),
  fc.tuple(fc.constantFrom('faster_than', 'slower_than'), fc.integer({ min: 0, max: 99 }), fc.constantFrom(...SPEED_UNITS), held).map(([key, than, unit, rest]) => ({ [key]: than, unit, ...rest }) as Condition),
  fc.tuple(fc.oneof(fc.constantFrom(...HEADINGS), fc.integer({ min: 0, max: 359 })), fc.record({ within_degrees: fc.integer({ min: 5, max: 175 }) }, { requiredKeys: [] }), held).map(([heads, within, rest]): Condition => ({ heads, ...within, ...rest })),
  fc.tuple(fc.constantFrom(...OBJECT_STATES), held).map(([is, rest]): Condition => ({ is, ...rest })),
  fc.tuple(fc.oneof(classNames, fc.constant('any')), fc.record({ zone: id }, { requiredKeys: [] }), bounds, held).map(([count, zone, bound, rest]) => ({ count, ...zone, ...bound, ...rest })),
);

test('Every condition has a sentence that says exactly it', () => {
  const check = validator(Condition);
  fc.assert(fc.property(fc.array(condition, { minLength: 1, maxLength: 4 }), fc.oneof(fc.constant(null), classNames), (conditions, objects) => {
    for (const one of conditions) assert.deepEqual(check.violations(one), []);
    const sentence = `${objects ? classesText(objects) : 'any object'} ${conditions.map(conditionText).join(' and ')}`;
    assert.deepEqual(parseRuleSentence(sentence), { ...(objects ? { objects } : {}), when: conditions }, sentence);
  }), { numRuns: 500 });
});

test('Any text is a sentence or is refused as none; nothing else is ever thrown', () => {
  const word = fc.constantFrom('person', 'in', 'zone', '"door"', 'for', '10', 's', 'between', '22:00', 'and', 'at', 'least', 'no', 'then', 'event', 'severity', 'high', '"', ',', 'heading', 'left', 'on', 'mon', '__proto__', 'constructor');
  fc.assert(fc.property(fc.oneof(fc.string(), fc.array(word, { maxLength: 20 }).map((words) => words.join(' '))), (text) => {
    const problems = ownRuleProblems(ruleOf(text));
    if (problems.length === 0) resolveRule(ruleOf(text));
  }), { numRuns: 2000 });
});
