// In which order cameras stand in the grid, and in how many columns; kept by the browser.

export const MOST_COLUMNS = 6;
/** 0: as many as suit. */
export type ColumnChoice = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** `kept` first, as far as they still exist, then the others in the order in which they come. */
export function arranged<T>(items: readonly T[], kept: readonly string[], idOf: (item: T) => string): T[] {
  const rank = new Map(kept.map((id, index) => [id, index]));
  return items.toSorted((a, b) => (rank.get(idOf(a)) ?? Infinity) - (rank.get(idOf(b)) ?? Infinity) || items.indexOf(a) - items.indexOf(b));
}

/** Columns of a grid as wide as it is high, counted in tiles: 1 for one camera, 6 for 26 and more. */
export function suitingColumns(count: number): number {
  return Math.max(1, Math.min(MOST_COLUMNS, Math.ceil(Math.sqrt(count))));
}

/** Rows that are to fit on the screen at once; what is more is scrolled to. */
export function suitingRows(count: number, columns: number): number {
  return Math.max(1, Math.min(MOST_COLUMNS, Math.ceil(count / columns)));
}

/** With so many columns there is no room for more than a picture, a name and what is seen. */
export function isCompact(count: number, columns: number): boolean {
  return columns > 2 && count > 1;
}
