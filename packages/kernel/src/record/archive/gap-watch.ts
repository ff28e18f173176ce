// Says of one camera when it is not recorded, and why. Knows nothing of files and of the index: it is told what came onto the disk and
// what is wrong, and tells each gap that begins, changes or ends.
import type { GapCause } from '@ruth/protocol';
import { ROUNDING_US, type Gap } from './gap-table.ts';

export interface Clock {
  /** Wall clock, microseconds UTC. */
  utcUs(): number;
  monotonicMs(): number;
}

export const systemClock: Clock = { utcUs: () => Date.now() * 1000, monotonicMs: () => performance.now() };

export interface GapWatchOptions {
  readonly clock: Clock;
  /** End of what is recorded; null where nothing is. */
  readonly recordedUntilUs: number | null;
  /** The gap that lasts since an earlier run. */
  readonly gap: Gap | null;
  /** A gap began, or (its start tells which) ended, or its cause was found. */
  readonly onGap: (gap: Gap) => void;
  /** What can be said of a gap whose cause is not known; null where nothing can. */
  readonly hint?: () => string | null;
  /** The gap was none: what it missed came after all. */
  readonly onWithdrawn: (gap: Gap) => void;
}

interface Trouble { readonly cause: GapCause; readonly message: string | null }

/** What was taken before comes onto the disk within this, or not at all. */
const LATE_MS = 2000;
/** Nothing is known to be wrong: the next keyframe may take this long. */
const QUIET_MS = 10_000;
const NOTHING_KNOWN: Trouble = { cause: 'unknown', message: null };

const NODE_CAUSES: readonly GapCause[] = ['process_died', 'machine_off', 'stopped', 'clock', 'unknown'];
const CAMERA_CAUSES: readonly GapCause[] = ['camera_down', 'camera_stalled'];
/** A gap is told of anew when the blame passes from one to another. */
const blame = (cause: GapCause): string => (NODE_CAUSES.includes(cause) ? 'node' : CAMERA_CAUSES.includes(cause) ? 'camera' : 'disk');

export class GapWatch {
  readonly #options: GapWatchOptions;
  #recordedUntilUs: number | null;
  #gap: Gap | null;
  #trouble: Trouble | null = null;
  #quietSinceMs: number;
  readonly #startedUs: number;

  constructor(options: GapWatchOptions) {
    this.#options = options;
    this.#recordedUntilUs = options.recordedUntilUs;
    this.#gap = options.gap;
    this.#quietSinceMs = options.clock.monotonicMs();
    this.#startedUs = options.clock.utcUs();
  }

  get recordedUntilUs(): number | null { return this.#recordedUntilUs; }
  get gap(): Gap | null { return this.#gap; }

  /** [startUs, endUs) came onto the disk; `continues`: nothing lies between it and what came before. `known`: else, why something does. */
  grew(startUs: number, endUs: number, continues: boolean, known?: GapCause): void {
    const { clock, onGap, onWithdrawn } = this.#options;
    const untilUs = this.#recordedUntilUs;
    if (this.#gap !== null) {
      if (this.#gap.cause === 'unknown' && (known || this.#trouble)) this.#gap = { ...this.#gap, ...(known ? { cause: known, message: null } : this.#trouble!) };
      if (!continues && startUs > this.#gap.startUs) onGap({ ...this.#gap, endUs: startUs });
      else onWithdrawn(this.#gap);
    } else if (!continues && untilUs !== null && startUs - untilUs > ROUNDING_US) {
      onGap({ startUs: untilUs, endUs: startUs, ...(known ? { cause: known, message: null } : this.#trouble ?? NOTHING_KNOWN) });
    }
    this.#gap = null;
    this.#trouble = null;
    this.#recordedUntilUs = Math.max(endUs, untilUs ?? 0);
    this.#quietSinceMs = clock.monotonicMs();
  }

  /** More was on the disk than was told of: it ends then. What is wrong by now stays so. */
  wasRecordedUntil(untilUs: number): void {
    if (untilUs <= (this.#recordedUntilUs ?? 0)) return;
    this.#recordedUntilUs = untilUs;
    const gap = this.#gap;
    if (gap === null || gap.startUs >= untilUs) return;
    this.#options.onWithdrawn(gap);
    this.#begin(gap, untilUs);
  }

  /** What keeps the camera from being recorded, as far as is known. May be told again and again. */
  trouble(cause: GapCause, message: string | null): void { this.#trouble = { cause, message: message ?? (this.#trouble?.cause === cause ? this.#trouble.message : null) }; }

  /** To be called every second or so. */
  look(): void {
    const quietMs = this.#options.clock.monotonicMs() - this.#quietSinceMs;
    if (this.#gap === null) {
      if (quietMs > (this.#trouble ? LATE_MS : QUIET_MS)) this.#begin(this.#trouble ?? { ...NOTHING_KNOWN, message: this.#options.hint?.() ?? null }, this.#recordedUntilUs ?? this.#startedUs);
    } else if (this.#trouble && this.#gap.cause === 'unknown') {
      // What is found out later was wrong from the beginning: nothing else was.
      this.#begin(this.#trouble, this.#gap.startUs);
    } else if (this.#trouble && blame(this.#trouble.cause) !== blame(this.#gap.cause)) this.#pass(this.#trouble);
  }

  /** Recording ends now: on purpose, unless another cause is told. */
  stop(message: string | null, cause: GapCause = 'stopped'): void {
    if (this.#gap === null) this.#begin({ cause, message }, this.#recordedUntilUs ?? this.#options.clock.utcUs());
    else if (this.#gap.cause !== cause) this.#pass({ cause, message });
  }

  #begin({ cause, message }: Trouble, startUs: number): void {
    this.#gap = { startUs, endUs: null, cause, message };
    this.#options.onGap(this.#gap);
  }

  #pass(trouble: Trouble): void {
    const { clock, onGap, onWithdrawn } = this.#options;
    const nowUs = clock.utcUs();
    if (nowUs > this.#gap!.startUs) onGap({ ...this.#gap!, endUs: nowUs });
    else onWithdrawn(this.#gap!);
    this.#begin(trouble, Math.max(nowUs, this.#gap!.startUs));
  }
}
