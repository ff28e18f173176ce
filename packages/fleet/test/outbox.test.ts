// The outbox on a real disk: each event once and in order, whatever happens to the process or the file; and what goes where its bound is reached.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { GapEvent } from '@ruth/protocol';
import { createLogger } from '@ruth/transport';
import { Outbox, type OutboxLimits, type OutboxRow, type OutboxSource } from '../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'ruth-outbox-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const clock = { wallMs: 1_700_000_000_000, bootS: 1000 };
const pass = (seconds: number): void => { clock.wallMs += seconds * 1000; clock.bootS += seconds; };
const roomy: OutboxLimits = { maxBytes: 1e6, maxAgeS: 3600 };
const logger = createLogger('outbox', 'silent');
let files = 0;
const newFile = (): string => join(folder, `${++files}.sqlite`);
const open = (file: string, limits = roomy): Outbox => Outbox.open(file, limits, logger, { utcMs: () => clock.wallMs, monotonicS: () => clock.bootS });
const body = (id: number, size = 100): string => JSON.stringify({ id, type: 'zone.entered', fill: 'x'.repeat(size) }).slice(0, size);

async function add(outbox: Outbox, source: OutboxSource, ids: readonly number[], size = 100): Promise<void> {
  const after = await outbox.positionOf(source);
  await outbox.append({ source, after, position: { epoch: after.epoch, lastId: ids.at(-1)! }, kept: ids.map((id) => ({ epoch: after.epoch, id, body: body(id, size) })) });
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const all = (outbox: Outbox): OutboxRow[] => {
  const rows = outbox.take(100_000, Infinity);
  outbox.settle([]);
  return rows;
};
const gapIn = ({ body: text }: OutboxRow): GapEvent => JSON.parse(text) as GapEvent;

describe('the outbox', () => {
  it('holds events in order until they are settled, also when it is opened again', async () => {
    const file = newFile();
    {
      using outbox = open(file);
      await add(outbox, 'core', range(1, 5));
      await add(outbox, 'kernel', [1, 2]);
      await add(outbox, 'core', [6]);
      const rows = outbox.take(4, Infinity);
      assert.deepEqual(rows.map(({ source, id }) => [source, id]), [['core', 1], ['core', 2], ['core', 3], ['core', 4]]);
      outbox.settle(rows.slice(0, 3));
      assert.equal(outbox.state.waiting, 5);
    }
    using outbox = open(file);
    assert.deepEqual(all(outbox).map(({ source, id }) => [source, id]), [['core', 4], ['core', 5], ['kernel', 1], ['kernel', 2], ['core', 6]]);
    assert.deepEqual([outbox.state.waiting, outbox.state.bytes, outbox.state.dropped], [5, 500, 0]);
    assert.deepEqual(await outbox.positionOf('core'), { epoch: 0, lastId: 6 });
    assert.deepEqual(outbox.take(100, 250).map(({ id }) => id), [4, 5]);
  });

  it('takes a batch that it has already for what it is', async () => {
    using outbox = open(newFile());
    const batch = { source: 'core', after: { epoch: 0, lastId: -1 }, position: { epoch: 0, lastId: 1 }, kept: [{ epoch: 0, id: 1, body: body(1) }] } as const;
    await outbox.append(batch);
    await assert.rejects(outbox.append(batch), { code: 'conflict' });
    assert.equal(outbox.state.waiting, 1);
  });

  it('lets the oldest go where it is full, counts them, and has one gap in their place', async () => {
    const file = newFile();
    const limits = { maxBytes: 8000, maxAgeS: 3600 };
    {
      using outbox = open(file, limits);
      await add(outbox, 'kernel', [7]);
      for (let id = 1; id <= 200; id += 10) await add(outbox, 'core', range(id, id + 9));
      const [first, ...rest] = all(outbox).filter(({ source }) => source === 'core');
      const gap = gapIn(first!);
      assert.deepEqual([gap.type, gap.asked_after, gap.id, gap.oldest], ['gap', 0, first!.id, first!.id + 1]);
      assert.deepEqual(rest.map(({ id }) => id), range(gap.oldest, 200));
      const ofKernel = gapIn(all(outbox).find(({ source }) => source === 'kernel')!);
      assert.deepEqual([ofKernel.type, ofKernel.asked_after, ofKernel.id], ['gap', 6, 7]);
      assert.equal(outbox.state.dropped, 201 - rest.length);
      assert.ok(outbox.state.bytes <= limits.maxBytes && rest.length > 60, `${outbox.state.bytes} bytes, ${rest.length} events`);
    }
    using outbox = open(file, limits);
    assert.equal(outbox.state.dropped, 201 - all(outbox).filter(({ body: text }) => !text.includes('"gap"')).length);
  });

  it('does not let go what is on its way', async () => {
    using outbox = open(newFile(), { maxBytes: 2000, maxAgeS: 3600 });
    await add(outbox, 'core', range(1, 10));
    const taken = outbox.take(5, Infinity);
    await add(outbox, 'core', range(11, 40));
    outbox.settle(taken);
    const [first, ...rest] = all(outbox);
    assert.deepEqual([gapIn(first!).asked_after, gapIn(first!).oldest], [5, rest[0]!.id]);
    assert.equal(outbox.state.dropped, 40 - 5 - rest.length);
    assert.equal(outbox.state.bytes, [first!, ...rest].reduce((sum, { bytes }) => sum + bytes, 0));
  });

  it('lets go what is too old, and nothing because somebody set the clock', async () => {
    using outbox = open(newFile());
    await add(outbox, 'core', [1, 2]);
    clock.wallMs += 30 * 86_400_000;
    outbox.tidy();
    await add(outbox, 'core', [3]);
    assert.deepEqual([outbox.state.waiting, outbox.state.dropped, outbox.state.oldestAgeS], [3, 0, 0]);
    pass(1800);
    await add(outbox, 'core', [4]);
    assert.equal(outbox.state.oldestAgeS, 1800);
    pass(1801);
    outbox.tidy();
    assert.deepEqual([outbox.state.dropped, all(outbox).map(({ id, body: text }) => [id, text.includes('"gap"')])], [3, [[3, true], [4, false]]]);
  });

  it('comes back with whole batches where power was cut while one was written', async () => {
    const file = newFile();
    using outbox = open(file);
    const sizes: number[] = [];
    for (let id = 1; id <= 50; id += 10) {
      await add(outbox, 'core', range(id, id + 9), 400);
      sizes.push(readFileSync(`${file}-wal`).length);
    }
    for (const cutBytes of [1, 100, 4000, sizes[4]! - sizes[3]! - 1, sizes[4]! - sizes[2]! - 1]) {
      const torn = newFile();
      copyFileSync(file, torn);
      copyFileSync(`${file}-wal`, `${torn}-wal`);
      truncateSync(`${torn}-wal`, sizes[4]! - cutBytes);
      using after = open(torn);
      const whole = sizes.filter((size) => size <= sizes[4]! - cutBytes).length * 10;
      assert.deepEqual(all(after).map(({ id }) => id), range(1, whole), `${cutBytes} bytes are missing`);
      assert.deepEqual(await after.positionOf('core'), { epoch: 0, lastId: whole });
    }
  });

  it('puts a broken file aside and goes on with a new one', async () => {
    const file = newFile();
    writeFileSync(file, Buffer.alloc(20_000, 'no database '));
    using outbox = open(file);
    await add(outbox, 'core', [1]);
    assert.equal(outbox.state.waiting, 1);
    assert.match(readFileSync(`${file}.broken`, 'utf8'), /^no database/);
  });
});
