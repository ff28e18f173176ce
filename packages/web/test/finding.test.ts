import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SubscriptionStatus } from '@ruth/protocol';
import { findingOf } from '@ruth/web';

const running = { state: 'running' } as SubscriptionStatus;

test('what was seen, that nothing was, and that nobody could look are said differently', () => {
  const words = [
    findingOf(running, null, { kind: 'looked', count: 2, masked: 0 }, null, true), findingOf(running, null, { kind: 'looked', count: 0, masked: 0 }, null, true),
    findingOf(running, null, { kind: 'failed', error: 'it is gone' }, null, true), findingOf(running, 'it fell', null, null, true), findingOf(running, null, null, null, true),
  ].map((finding) => [finding.kind, finding.words]);
  assert.deepEqual(words, [['seen', '2 seen'], ['nothing', 'Nothing seen'], ['blind', 'Could not look'], ['blind', 'Model down'], ['idle', 'Looking\u2026']]);
});

test('what masks hide is not seen, and that it is there is said beside it', () => {
  const told = [{ count: 0, masked: 2 }, { count: 1, masked: 2 }].map((sight) => findingOf(running, null, { kind: 'looked', ...sight }, null, true));
  assert.deepEqual(told.map(({ kind, words }) => [kind, words]), [['nothing', 'Nothing that counts'], ['seen', '1 seen']]);
  assert.ok(told.every(({ title }) => title === 'Beside 2 that masks of the camera hide'));
});

test('a model that describes tracks says how many were known again by it, also that it is down', () => {
  assert.deepEqual([0, 3].map((kept) => { const { kind, words } = findingOf({ ...running, identities_kept: kept }, null, null, null, true); return [kind, words]; }), [['idle', '0 known again'], ['seen', '3 known again']]);
  assert.equal(findingOf({ ...running, identities_kept: 3 }, 'it fell', null, null, true).kind, 'blind');
});
