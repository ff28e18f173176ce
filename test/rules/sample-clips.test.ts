// What models saw in the sample clips was kept (test/rules/looks, made by `--save-looks`); the rules find in it what a person saw.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { judge, sampleClips } from './sample-clips.ts';

for (const clip of sampleClips.clips) {
  test(`on the clip ${clip.name} every event that a person saw is found, and none besides`, async () => {
    const verdict = await judge(clip, join(import.meta.dirname, 'looks', `${clip.name}.jsonl.gz`));
    assert.deepEqual(verdict, { clip: clip.name, expected: clip.events.length, found: clip.events.length, missed: [], false: [], failedLooks: 0 });
  });
}
