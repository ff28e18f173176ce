// Columns for a terminal.

/** Each column as wide as its widest cell; the last one may be as long as it likes. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) => line.map((cell, column) => (column === line.length - 1 ? cell : cell.padEnd(widths[column]!))).join('  ').trimEnd()).join('\n');
}

export const size = (width: number | null, height: number | null): string => (width === null || height === null ? '-' : `${width}x${height}`);

export function bitrate(bitsPerSecond: number | null): string {
  if (bitsPerSecond === null) return '-';
  return bitsPerSecond >= 1e6 ? `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}

export const number = (value: number | null, digits = 1): string => (value === null ? '-' : String(Number(value.toFixed(digits))));
