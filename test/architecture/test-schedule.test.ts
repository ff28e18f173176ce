// How files of tests are run beside one another: what is sure always, more where the machine has room, each once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { runInTurns } from '../../scripts/test/schedule.ts';

const FILES = ['packages/kernel/test/a.test.ts', 'packages/web/test/b.test.ts', 'test/end-to-end/c.test.ts', 'packages/kernel/test/d.test.ts', 'test/end-to-end/e.test.ts', 'packages/web/test/f.test.ts'];

const BUSY = { cores: 2, hasRoom: async () => { await turn(); return false; } };

/** Runs them on two cores until all have ended; `room` is what the machine answers. */
async function runOn(room: () => boolean | Promise<boolean>) {
  const runs = new Map<string, () => void>();
  const begun: string[] = [];
  const all = runInTurns(FILES, (file) => {
    begun.push(file);
    const { promise, resolve } = Promise.withResolvers<void>();
    runs.set(file, () => {
      runs.delete(file);
      resolve();
    });
    return promise;
  }, { machine: { cores: 2, hasRoom: async () => { await turn(); return room(); } } });
  const settle = async (): Promise<string[]> => {
    for (let turns = 0; turns < 20; turns++) await turn();
    return [...runs.keys()].map((file) => file.replace(/.*\/(\w)\.test\.ts/, '$1'));
  };
  return { begun, runs, all, settle };
}

test('an end-to-end test runs beside one that waits, and no more where processors are busy', async () => {
  const { begun, runs, all, settle } = await runOn(() => false);
  assert.deepEqual(await settle(), ['c', 'a']);
  runs.get(FILES[0]!)!();
  assert.deepEqual(await settle(), ['c', 'd']);
  runs.get(FILES[2]!)!();
  assert.deepEqual(await settle(), ['d', 'e'], 'the next long one as soon as there is place');
  while (runs.size > 0) {
    for (const end of runs.values()) end();
    await settle();
  }
  await all;
  assert.deepEqual(begun.toSorted(), FILES.toSorted(), 'each once');
});

test('where processors stand idle more run, but never more than twice as much', async () => {
  const { runs, all, settle } = await runOn(() => true);
  assert.deepEqual(await settle(), ['c', 'a', 'e', 'd']);
  runs.get(FILES[0]!)!();
  assert.deepEqual(await settle(), ['c', 'e', 'd'], 'what is left asks for two parts');
  runs.get(FILES[3]!)!();
  assert.deepEqual(await settle(), ['c', 'e', 'b']);
  while (runs.size > 0) {
    for (const end of runs.values()) end();
    await settle();
  }
  await all;
});

test('a file that cannot be run ends all of it', async () => {
  await assert.rejects(runInTurns(FILES, () => Promise.reject(new Error('no such file')), { machine: BUSY }), /no such file/);
});

test('what begins first has a core of its own, and where it fails no further file begins', async () => {
  const [types, file] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const begun: string[] = [];
  const all = runInTurns(FILES, (name) => {
    begun.push(name);
    return file.promise;
  }, { machine: BUSY, beside: [() => types.promise] });
  assert.deepEqual(begun, [FILES[0], FILES[3]], 'two that wait, for there is no place for more');
  types.reject(new Error('a type is wrong'));
  const failed = assert.rejects(all, /a type is wrong/);
  await turn();
  file.resolve();
  await failed;
  assert.equal(begun.length, 2, 'what runs is waited for, so that it can clear up');
});
