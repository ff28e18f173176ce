// What is recorded of one camera on the days that the timeline shows; asked again while one of them is today.
import type { RecordedSpan, RecordingGap, Timeline } from '@ruth/protocol';
import { Observable } from '../observable.ts';
import { ask, type Failure } from '../system/api.ts';
import { dayStartS } from '../wall-clock.ts';
import type { TimeWindow } from './time-window.ts';

const ASK_EVERY_MS = 3000;
const CHANGE_SETTLES_MS = 120;
/** A neighbour this near belongs to what is recorded: frames end where the next begin. */
export const TOUCH_S = 0.05;

export interface TimelineState {
  /** Null until the first answer. */
  readonly timeline: Timeline | null;
  readonly failure: Failure | null;
}

export class TimelineStore extends Observable<TimelineState> {
  readonly #cameraId: string;
  #range: { startS: number; endS: number } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(cameraId: string) {
    super({ timeline: null, failure: null });
    this.#cameraId = cameraId;
  }

  /** Makes known what lies in the window, and the whole days around it. */
  show(window: TimeWindow): void {
    const range = { startS: dayStartS(window.startS), endS: dayStartS(window.startS + window.spanS - 1, 1) };
    if (this.#range?.startS === range.startS && this.#range.endS === range.endS) return;
    const first = this.#range === null;
    this.#range = range;
    this.#askIn(first ? 0 : CHANGE_SETTLES_MS);
  }

  refresh(): void { this.#askIn(0); }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #askIn(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => void this.#ask(), delayMs);
  }

  async #ask(): Promise<void> {
    const range = this.#range!;
    const { value, failure } = await ask<Timeline>(`cameras/${encodeURIComponent(this.#cameraId)}/timeline?start=${range.startS}&end=${range.endS}`);
    if (this.#closed || range !== this.#range) return;
    this.set(failure ? { failure } : { timeline: value, failure: null });
    if (failure || range.endS > Date.now() / 1000) this.#askIn(ASK_EVERY_MS);
  }
}

/** The recorded span that holds `atS`, else null. */
export function spanAt(timeline: Timeline | null, atS: number): RecordedSpan | null {
  return timeline?.spans.find((span) => atS >= span.start - TOUCH_S && atS < span.end) ?? null;
}

/** Why nothing is recorded at `atS`, where that is known. */
export function gapAt(timeline: Timeline | null, atS: number): RecordingGap | null {
  return timeline?.gaps.find((gap) => atS >= gap.start && atS < (gap.end ?? Infinity)) ?? null;
}

/** Where playback begins when `atS` is asked for: there, else where recording goes on, else null. */
export function playableFrom(timeline: Timeline | null, atS: number): number | null {
  if (spanAt(timeline, atS)) return atS;
  return timeline?.spans.filter((span) => span.start > atS).reduce<number | null>((nearest, { start }) => (nearest === null ? start : Math.min(nearest, start)), null) ?? null;
}

/** The gap that begins next after `atS` (`direction` 1), or the one before it (-1). What no gap explains counts too. */
export function neighbourGap(timeline: Timeline, atS: number, direction: 1 | -1): { start: number; end: number } | null {
  const spans = timeline.spans.toSorted((a, b) => a.start - b.start);
  const holes = spans.slice(1).map((span, index) => ({ start: spans[index]!.end, end: span.start })).filter(({ start, end }) => end - start > TOUCH_S);
  if (direction === 1) return holes.find((hole) => hole.start > atS) ?? null;
  // One that playback has just come out of is not the one before.
  return holes.findLast((hole) => hole.end < atS - 3) ?? null;
}
