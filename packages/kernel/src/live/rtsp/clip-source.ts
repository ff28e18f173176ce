// Plays a clip in real time without end, as a camera would: its clock runs whether anybody looks or not.
import { unitAt, type Clip } from './clip.ts';
import { LiveSource, type AccessUnit, type MediaSource, type Subscription, type VideoDescription } from './media-source.ts';

/** Behind by more than this (the machine slept), the clip goes on from where it was instead of making up for it. */
const MAX_CATCH_UP_MS = 1000;

export interface Clock {
  /** Monotonic. */
  nowMs(): number;
  /** Calls once after `delayMs`; returns what cancels it. */
  after(delayMs: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
};

export class ClipSource implements MediaSource, Disposable {
  readonly #clip: Clip;
  readonly #clock: Clock;
  readonly #live: LiveSource;
  #startedAtMs: number;
  #next = 0;
  #cancel: () => void = () => undefined;
  /** How often the clock had to be set back because the process was held up. */
  interruptions = 0;

  constructor(clip: Clip, clock: Clock = systemClock) {
    this.#clip = clip;
    this.#clock = clock;
    this.#live = new LiveSource(clip.video);
    this.#startedAtMs = clock.nowMs();
    this.#emitDue();
  }

  describe(): Promise<VideoDescription> {
    return this.#live.describe();
  }

  subscribe(listener: (unit: AccessUnit) => void, onEnd?: () => void): Subscription {
    return this.#live.subscribe(listener, onEnd);
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }

  #emitDue(): void {
    for (;;) {
      const { dueUs, unit } = unitAt(this.#clip, this.#next);
      // From the absolute due time: a late timer does not add up.
      const waitMs = this.#startedAtMs + dueUs / 1000 - this.#clock.nowMs();
      if (waitMs > 0) {
        this.#cancel = this.#clock.after(waitMs, () => this.#emitDue());
        return;
      }
      if (waitMs < -MAX_CATCH_UP_MS) {
        this.#startedAtMs -= waitMs;
        this.interruptions++;
      }
      this.#next++;
      this.#live.push(unit);
    }
  }
}
