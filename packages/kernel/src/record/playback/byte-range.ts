// The Range header (RFC 9110, 14): one range of bytes, or the whole.

/** First byte and the one after the last. */
export interface ByteRange { readonly begin: number; readonly end: number }

/** The range asked for; null for the whole (also where a server may ignore the header); `unsatisfiable` where nothing of it is there. */
export function parseRange(header: string | undefined, size: number): ByteRange | null | 'unsatisfiable' {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return null;
  if (first === '') return Number(last) === 0 ? 'unsatisfiable' : { begin: Math.max(0, size - Number(last)), end: size };
  if (last !== '' && Number(last) < Number(first)) return null;
  if (Number(first) >= size) return 'unsatisfiable';
  return { begin: Number(first), end: last === '' ? size : Math.min(size, Number(last) + 1) };
}
