// The best pairing of rows with columns: the largest sum of gains, each row and column used at most once, none used that
// gains nothing. Exact. Source: the shortest augmenting paths of Jonker and Volgenant, Computing 38, 1987.

/** No pairing with a row or column. */
export const UNPAIRED = -1;

/**
 * `gains` has `rows * columns` entries, row by row; entries <= 0 are never paired. Returns the column of each row, or
 * `UNPAIRED`. Takes O(n² (n + m)) steps, n being the smaller side and m the larger.
 */
export function assign(rows: number, columns: number, gains: Float64Array): Int32Array {
  if (rows > columns) {
    const columnOfRow = new Int32Array(rows).fill(UNPAIRED);
    assignWide(columns, rows, (row, column) => gains[column * columns + row]!).forEach((column, row) => {
      if (column !== UNPAIRED) columnOfRow[column] = row;
    });
    return columnOfRow;
  }
  return assignWide(rows, columns, (row, column) => gains[row * columns + column]!);
}

/** A row that is better left alone takes one of as many further columns, where every gain is 0. */
function assignWide(rows: number, columns: number, gain: (row: number, column: number) => number): Int32Array {
  const width = columns + rows;
  const cost = (row: number, column: number): number => (column < columns ? -Math.max(gain(row, column), 0) : 0);
  const rowOf = new Int32Array(width).fill(UNPAIRED);
  const rowPrice = new Float64Array(rows);
  const columnPrice = new Float64Array(width);
  const distance = new Float64Array(width);
  const previous = new Int32Array(width);
  const settled = new Uint8Array(width);
  for (let start = 0; start < rows; start++) {
    // Dijkstra over reduced costs, from the new row to the nearest free column.
    distance.fill(Infinity);
    previous.fill(UNPAIRED);
    settled.fill(0);
    let row = start;
    let from = UNPAIRED;
    let reached = 0;
    let end = UNPAIRED;
    while (end === UNPAIRED) {
      let nearest = UNPAIRED;
      for (let column = 0; column < width; column++) {
        if (settled[column]) continue;
        const through = reached + cost(row, column) - rowPrice[row]! - columnPrice[column]!;
        if (through < distance[column]!) {
          distance[column] = through;
          previous[column] = from;
        }
        if (nearest === UNPAIRED || distance[column]! < distance[nearest]!) nearest = column;
      }
      reached = distance[nearest]!;
      settled[nearest] = 1;
      if (rowOf[nearest] === UNPAIRED) end = nearest;
      else {
        row = rowOf[nearest]!;
        from = nearest;
      }
    }
    rowPrice[start] = rowPrice[start]! + reached;
    for (let column = 0; column < width; column++) {
      if (!settled[column] || column === end) continue;
      const slack = reached - distance[column]!;
      columnPrice[column] = columnPrice[column]! - slack;
      rowPrice[rowOf[column]!] = rowPrice[rowOf[column]!]! + slack;
    }
    for (let column = end; column !== UNPAIRED;) {
      const before = previous[column]!;
      rowOf[column] = before === UNPAIRED ? start : rowOf[before]!;
      column = before;
    }
  }
  const columnOfRow = new Int32Array(rows).fill(UNPAIRED);
  for (let column = 0; column < columns; column++) {
    const row = rowOf[column]!;
    if (row !== UNPAIRED && gain(row, column) > 0) columnOfRow[row] = column;
  }
  return columnOfRow;
}
