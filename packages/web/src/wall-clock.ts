// Instants in words, in this browser's time zone and language. Instants are seconds UTC.

const two = (value: number): string => String(value).padStart(2, '0');

/** `14:03:09`, with `.250` where milliseconds are wanted. */
export function clockText(atS: number, { milliseconds = false, seconds = true } = {}): string {
  const date = new Date(Math.floor(atS * 1000 + 1e-4));
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (!seconds) return minutes;
  return `${minutes}:${two(date.getSeconds())}${milliseconds ? `.${String(date.getMilliseconds()).padStart(3, '0')}` : ''}`;
}

export function dateText(atS: number): string {
  return new Date(atS * 1000).toLocaleDateString(undefined, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
}

/** For `<input type="date">` and file names: `2026-11-22`. */
export function isoDate(atS: number): string {
  const date = new Date(atS * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Midnight before `atS`, or that of the day `days` after it. */
export function dayStartS(atS: number, days = 0): number {
  const date = new Date(atS * 1000);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime() / 1000;
}

/** Null where the text is no `2026-11-22`. */
export function dayOfIsoDate(text: string): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  return match ? new Date(Number(match[1]), Number(match[2]) - 1, Number(match[3])).getTime() / 1000 : null;
}

/** `8 s`, `4 min 10 s`, `3 h 2 min`. */
export function durationText(durationS: number): string {
  const whole = Math.max(0, Math.round(durationS));
  if (durationS < 10) return `${durationS < 1 ? durationS.toFixed(1) : whole} s`;
  if (whole < 60) return `${whole} s`;
  const [large, largeUnit, small, smallUnit] = whole < 3600 ? [Math.floor(whole / 60), 'min', whole % 60, 's'] as const : [Math.floor(whole / 3600), 'h', Math.floor(whole % 3600 / 60), 'min'] as const;
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** `4.2 MB`; thousands, as disks are sold. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
