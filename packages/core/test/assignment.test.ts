import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assign, UNPAIRED } from '../src/index.ts';

/** The largest sum there is, by trying everything. */
function bestOf(rows: number, columns: number, gains: readonly number[], row = 0, taken = 0): number {
  if (row === rows) return 0;
  let best = bestOf(rows, columns, gains, row + 1, taken);
  for (let column = 0; column < columns; column++) {
    if (taken & (1 << column)) continue;
    best = Math.max(best, Math.max(gains[row * columns + column]!, 0) + bestOf(rows, columns, gains, row + 1, taken | (1 << column)));
  }
  return best;
}

test('No pairing gains more than the one that is chosen', () => {
  const tables = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })).chain(([rows, columns]) => fc.record({
    rows: fc.constant(rows), columns: fc.constant(columns),
    gains: fc.array(fc.oneof(fc.constant(0), fc.double({ min: -1, max: 1, noNaN: true })), { minLength: rows * columns, maxLength: rows * columns }),
  }));
  fc.assert(fc.property(tables, ({ rows, columns, gains }) => {
    const columnOfRow = [...assign(rows, columns, Float64Array.from(gains))];
    const paired = columnOfRow.filter((column) => column !== UNPAIRED);
    assert.equal(columnOfRow.length, rows);
    assert.equal(new Set(paired).size, paired.length);
    let sum = 0;
    columnOfRow.forEach((column, row) => {
      if (column === UNPAIRED) return;
      assert.ok(gains[row * columns + column]! > 0);
      sum += gains[row * columns + column]!;
    });
    assert.ok(Math.abs(sum - bestOf(rows, columns, gains)) < 1e-9);
  }));
});

test('The nearest for each is given up where that serves all better', () => {
  assert.deepEqual([...assign(2, 2, Float64Array.of(0.9, 0.8, 0.8, 0))], [1, 0]);
});
