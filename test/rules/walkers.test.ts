// People who walk, seen from above, with the poses that the built-in model read: none of them may be told to sit.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { settingsOf } from './sample-clips.ts';

const RUTH = join(import.meta.dirname, '../../packages/cli/src/main.ts');

test('of people who walk over the plaza it is told that they stand upright, and of none that he sits, crouches or lies', async () => {
  const looks = join(import.meta.dirname, 'looks/walkers.jsonl.gz');
  const { stdout } = await promisify(execFile)(process.execPath, [RUTH, 'rules', 'test', looks, settingsOf('walkers'), '--json']);
  const events = stdout.trim().split('\n').map((line) => JSON.parse(line) as { type?: string; posture?: string; track?: { id: number } });
  const postures = events.filter(({ type }) => type === 'posture');
  assert.deepEqual(postures.filter(({ posture }) => posture !== 'standing'), []);
  assert.ok(new Set(postures.map(({ track }) => track!.id)).size >= 8, `of ${postures.length} alone is anything told`);
});
