import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SubscriptionStatus } from '@ruth/protocol';
import { findingOf } from '@ruth/web';

const running = { state: 'running' } as SubscriptionStatus;

test('what was seen, that nothing was, and that nobody could look are said differently', () => {
  const words = [
    findingOf(running, null, { kind: 'looked', count: 2 }, null, true), findingOf(running, null, { kind: 'looked', count: 0 }, null, true),
    findingOf(running, null, { kind: 'failed', error: 'it is gone' }, null, true), findingOf(running, 'it fell', null, null, true), findingOf(running, null, null, null, true),
  ].map((finding) => [finding.kind, finding.words]);
  assert.deepEqual(words, [['seen', '2 seen'], ['nothing', 'Nothing seen'], ['blind', 'Could not look'], ['blind', 'Model down'], ['idle', 'Looking\u2026']]);
});

test('a model that describes tracks says how many were known again by it, also that it is down', () => {
  assert.deepEqual([0, 3].map((kept) => { const { kind, words } = findingOf({ ...running, identities_kept: kept }, null, null, null, true); return [kind, words]; }), [['idle', '0 known again'], ['seen', '3 known again']]);
  assert.equal(findingOf({ ...running, identities_kept: 3 }, 'it fell', null, null, true).kind, 'blind');
});
