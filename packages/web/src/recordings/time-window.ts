// The stretch of time that a timeline shows: zoom, pan, and the ticks of its axis. Instants are seconds UTC.
import { dayStartS } from '../wall-clock.ts';

export interface TimeWindow { readonly startS: number; readonly spanS: number }

export const SHORTEST_SPAN_S = 60;
export const LONGEST_SPAN_S = 86_400;
/** Of an axis, from seconds to a quarter of a day. */
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600];
const LABEL_PX = 74;

export interface Tick { readonly atS: number; readonly labelled: boolean }

/** 23 or 25 hours where the clocks are changed. */
export function dayWindow(atS: number): TimeWindow {
  const startS = dayStartS(atS);
  return { startS, spanS: dayStartS(atS, 1) - startS };
}

export const showsDay = ({ startS, spanS }: TimeWindow): boolean => spanS === dayWindow(startS).spanS;

/** What is recorded since `sinceS` and the present, or their day where that is most of it. */
export function recentWindow(sinceS: number, nowS: number): TimeWindow {
  const spanS = Math.max(10 * SHORTEST_SPAN_S, (nowS - sinceS) * 1.2);
  return spanS > LONGEST_SPAN_S / 2 ? dayWindow(nowS) : { startS: nowS - spanS * 0.92, spanS };
}

/** Keeps `anchorS` where it is on the screen. `factor` below 1 shows less time. */
export function zoomed(window: TimeWindow, factor: number, anchorS: number): TimeWindow {
  const spanS = Math.min(Math.max(LONGEST_SPAN_S, window.spanS), Math.max(SHORTEST_SPAN_S, window.spanS * factor));
  const share = (anchorS - window.startS) / window.spanS;
  return { startS: anchorS - share * spanS, spanS };
}

export function panned(window: TimeWindow, byS: number): TimeWindow {
  return { ...window, startS: window.startS + byS };
}

/** The window as it is where it shows `atS` away from its edges, else one of the same span that does. */
export function including(window: TimeWindow, atS: number): TimeWindow {
  const share = (atS - window.startS) / window.spanS;
  if (share >= 0.02 && share <= 0.98) return window;
  // What plays runs to the right: it gets room there.
  if (window.spanS > LONGEST_SPAN_S / 2) return { ...window, startS: dayStartS(atS) };
  return { ...window, startS: atS - window.spanS * (share > 0.98 ? 0.15 : 0.5) };
}

export function shareOf(window: TimeWindow, atS: number): number {
  return (atS - window.startS) / window.spanS;
}

export function timeAt(window: TimeWindow, share: number): number {
  return window.startS + share * window.spanS;
}

/** Ticks lie at round local times; those with a label have room for it. */
export function ticksOf(window: TimeWindow, widthPx: number): Tick[] {
  const stepFor = (px: number): number => STEPS_S.find((step) => step / window.spanS * widthPx >= px) ?? STEPS_S.at(-1)!;
  const labelStepS = stepFor(LABEL_PX);
  const finer = stepFor(9);
  const stepS = labelStepS % finer === 0 ? finer : labelStepS;
  const originS = dayStartS(window.startS);
  const ticks: Tick[] = [];
  // Where the clocks are changed, hours are counted by the clock, so that what is beside them stays round; what is finer runs through the hour that comes twice.
  const tickAt = (index: number): number => (stepS > 3600 ? clockAtS(originS, index * stepS) : originS + index * stepS);
  for (let index = Math.ceil((window.startS - originS) / stepS) - 1; tickAt(index) <= window.startS + window.spanS; index++) {
    const atS = tickAt(index);
    if (atS >= window.startS) ticks.push({ atS, labelled: secondOfDay(atS) % labelStepS === 0 });
  }
  return ticks;
}

/** When the clock shows so many seconds after midnight of that day. */
function clockAtS(dayS: number, seconds: number): number {
  const day = new Date(dayS * 1000);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate(), 0, 0, seconds).getTime() / 1000;
}

function secondOfDay(atS: number): number {
  const date = new Date(atS * 1000);
  return date.getHours() * 3600 + date.getMinutes() * 60 + date.getSeconds();
}

/** A day that a window may show. Panning stops there: nothing is recorded in the future, nor before `oldestS`. */
export function withinReach(window: TimeWindow, oldestS: number | null, nowS: number): TimeWindow {
  const latestS = Math.max(dayStartS(nowS, 1), nowS + window.spanS * 0.1) - window.spanS;
  const earliestS = Math.min(dayStartS(oldestS ?? nowS), latestS);
  return { ...window, startS: Math.min(latestS, Math.max(earliestS, window.startS)) };
}
