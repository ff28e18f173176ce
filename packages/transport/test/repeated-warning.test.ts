import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, RepeatedWarning } from '../src/index.ts';

test('what goes wrong again and again is said at once, then every ten minutes with how often it was, and anew when it was well between', () => {
  const lines: unknown[] = [];
  let nowMs = 0;
  const logger = createLogger('test', 'warn', { write: (line: string) => { const { msg, times } = JSON.parse(line) as { msg: string; times?: number }; lines.push([nowMs / 1000, msg, times]); } });
  const warning = new RepeatedWarning(logger, () => nowMs);
  for (; nowMs < 1_201_000; nowMs += 2000) warning.warn({}, 'away');
  assert.deepEqual(lines.splice(0), [[0, 'away', undefined], [600, 'away', 300], [1200, 'away', 300]]);
  warning.warn({}, 'refused');
  warning.warn({}, 'refused');
  warning.over();
  warning.warn({}, 'refused');
  assert.deepEqual(lines.map((line) => (line as unknown[])[1]), ['refused', 'refused']);
});
