// Which of the requests that wait look together, in one inference, and whether it is worth waiting for more: no longer than the model's
// manifest allows, and for at most half of the time that each can spare before its deadline. The other half is for a timer that comes late
// and an inference that takes longer than usual: who waits to the last millisecond misses.

export interface Batchable {
  /** Whose frame it is: cameras take turns. */
  readonly source: string;
  /** As `performance.now()` counts; so is the deadline, which may be Infinity. */
  readonly queuedAt: number;
  readonly deadlineAt: number;
}

export interface BatchingOptions {
  /** Most frames in one inference. */
  readonly most: number;
  /** For how long the first of them may wait for others. */
  readonly delayMs: number;
}

export class Batching {
  readonly #options: BatchingOptions;

  constructor(options: BatchingOptions) {
    this.#options = options;
  }

  /**
   * `waiting` in the order in which they came; `expectedMs`: what an inference takes; `free`: sessions that are. What goes now, shared out evenly
   * to as many sessions, or after how many milliseconds to ask again.
   */
  next<T extends Batchable>(waiting: Iterable<T>, nowMs: number, expectedMs: number, free = 1): { readonly batches: readonly T[][] } | { readonly waitMs: number } {
    const { most, delayMs } = this.#options;
    const going = most === 1 ? first(waiting, free) : inTurns(waiting, most * free);
    if (going.length > 0 && going.length < most && delayMs > 0) {
      const until = Math.min(...going.map(({ queuedAt, deadlineAt }) => Math.min(queuedAt + delayMs, (queuedAt + deadlineAt - expectedMs) / 2)));
      if (until > nowMs) return { waitMs: until - nowMs };
    }
    const size = Math.ceil(going.length / free);
    return { batches: Array.from({ length: size === 0 ? 0 : Math.ceil(going.length / size) }, (_, index) => going.slice(index * size, (index + 1) * size)) };
  }
}

function first<T>(all: Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  for (const one of all) if (taken.push(one) === count) break;
  return taken;
}

/** One of each source, the one that waits longest first; then a second one of each, and so on. */
function inTurns<T extends Batchable>(waiting: Iterable<T>, most: number): T[] {
  const turns: T[][] = [];
  const seen = new Map<string, number>();
  for (const one of waiting) {
    const turn = seen.get(one.source) ?? 0;
    seen.set(one.source, turn + 1);
    (turns[turn] ??= []).push(one);
    if (turns[0]!.length === most) break;
  }
  return turns.flat().slice(0, most);
}
