// What the guide shows is what the settings take.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { conditionText, parseRuleSentence, parseSettings, resolveRule } from '../src/index.ts';

const guide = readFileSync(new URL('../../../docs/rules.md', import.meta.url), 'utf8');
const examples = [...guide.matchAll(/^```yaml\n([^]*?)^```/gm)].map(([, text]) => text!);

test('every example of the guide to rules is taken as it stands', () => {
  assert.ok(examples.length >= 3);
  const rules = examples.flatMap((text, index) => parseSettings(text, `docs/rules.md, example ${index + 1}`).rules);
  assert.deepEqual(rules.map(({ id }) => id), ['loitering', 'queue', 'unattended-desk', 'wrong-way', 'running', 'fall', 'bag']);
});

test('every condition of the guide\'s table is one, and its own text says the same', () => {
  const table = guide.slice(guide.indexOf('| condition |'), guide.indexOf('All conditions but those'));
  const shown = table.split('\n').slice(2).flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, text]) => text!));
  assert.ok(shown.length >= 20, String(shown.length));
  for (const text of shown) {
    const sentence = text.startsWith('...') ? `crosses line "l"${text.slice(3)}` : /^(stationary|standing|sitting|crouching|lying|fallen|left|removed)$/.test(text) ? `is ${text}` : text;
    const { conditions } = resolveRule({ id: 'r', camera: '*', when: /^(at|no) /.test(sentence) ? sentence : `person ${sentence}` });
    assert.equal(conditions.length, 1, text);
    const again = conditionText(conditions[0]!);
    assert.deepEqual(parseRuleSentence('count' in conditions[0]! ? again : `person ${again}`).when, conditions, text);
  }
});
