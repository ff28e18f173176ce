// People of a real street whom nobody sees for seconds, as behind a bus: how many are known again by motion alone, and with vectors of a real model.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Tracker } from '@ruth/core';
import type { Box } from '@ruth/protocol';
import { ClipAppearance } from '../../bench/tracking/clip-appearance.ts';
import { readSequence, type Sequence } from '../../bench/tracking/sequence.ts';
import { hasWeights, modelFolder, REIDENTIFICATION } from '../../bench/tracking/test-weights.ts';

const FOLDER = join(import.meta.dirname, '../../../shared/data/mot/ADL-Rundle-6');
/** Five looks a second. */
const STRIDE = 6;
const BEFORE_S = 3;
const AFTER_S = 1.2;
const HIDDEN_S = 2;
const FROM_S = [3.2, 5, 7, 9, 11];

interface Known { readonly there: number; readonly kept: number; readonly mistaken: number }

/** Of those who were followed before nobody saw anything for a while, and are there again after it: how many have their id again, and another's. */
async function knownAgain(sequence: Sequence, clip: ClipAppearance | null, fromS: number): Promise<Known> {
  const tracker = new Tracker();
  const [before, after] = [new Map<number, number>(), new Map<number, number>()];
  const untilS = fromS + HIDDEN_S;
  for (let frame = Math.round((fromS - BEFORE_S) * sequence.framesPerSecond); frame < (untilS + AFTER_S) * sequence.framesPerSecond; frame += STRIDE) {
    const timeS = frame / sequence.framesPerSecond;
    const isHidden = timeS >= fromS && timeS < untilS;
    const truth = isHidden ? [] : sequence.truth[frame]!;
    const ids = timeS < fromS ? before : after;
    const found = truth.map(({ box }) => ({ class_id: 0, confidence: 0.9, bbox: [...box] as Box }));
    for (const { id, detectionIndex } of tracker.update(found, timeS)) if (detectionIndex !== null) ids.set(truth[detectionIndex]!.id, id);
    if (!clip) continue;
    const wanted = tracker.wanted();
    tracker.asked(wanted);
    for (const { subject, detectionIndex } of wanted) {
      const vector = await clip.vector(frame, truth[detectionIndex]!.box);
      if (vector) subject.describe(vector);
    }
  }
  const there = [...before.keys()].filter((person) => after.has(person));
  const owner = new Map([...before].map(([person, id]) => [id, person]));
  return {
    there: there.length, kept: there.filter((person) => after.get(person) === before.get(person)).length,
    mistaken: [...after].filter(([person, id]) => owner.has(id) && owner.get(id) !== person).length,
  };
}

test('of the people of a street whom nobody sees for two seconds more are known again with vectors than by motion, and no more are mistaken', { skip: existsSync(FOLDER) && hasWeights(REIDENTIFICATION) ? false : 'the test data beside the project is absent' }, async (t) => {
  const sequence = readSequence(FOLDER);
  const work = mkdtempSync(join(tmpdir(), 'ruth-occlusion-'));
  try {
    await using clip = await ClipAppearance.open(sequence, FOLDER, modelFolder(REIDENTIFICATION, work));
    const sum = async (by: ClipAppearance | null): Promise<Known> => {
      const total = { there: 0, kept: 0, mistaken: 0 };
      for (const fromS of FROM_S) {
        const known = await knownAgain(sequence, by, fromS);
        for (const key of ['there', 'kept', 'mistaken'] as const) total[key] += known[key];
      }
      return total;
    };
    const [motion, appearance] = [await sum(null), await sum(clip)];
    t.diagnostic(`by motion ${JSON.stringify(motion)}, with vectors ${JSON.stringify(appearance)}`);
    assert.ok(motion.there > 30 && appearance.kept >= motion.kept + 4, JSON.stringify([motion, appearance]));
    assert.ok(appearance.mistaken <= motion.mistaken, JSON.stringify([motion, appearance]));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
