// Many events of one kind that come at once (a switch is unplugged, and twenty cameras fall) are told as one: the first waits a moment for
// those like it. Knows nothing of stores and targets.
import type { FoundEvent } from '../../store/index.ts';

const FOLDED = new Set(['camera.down', 'camera.up', 'recording.gap', 'model.down', 'model.up']);
/** Cameras that lose the same switch are missed within this. */
const WAIT_MS = 10_000;
/** Where one of the kind was told a short time ago. */
const LONG_WAIT_MS = 60_000;
const TOLD_LATELY_MS = 600_000;
/** Those that came so much later are told for themselves. */
const ALIKE_WITHIN_US = 60e6;

export interface FoldingOptions { readonly waitMs?: number; readonly longWaitMs?: number; readonly nowMs?: () => number }

/** Of one target. */
export class Folding {
  readonly #waitMs: number;
  readonly #longWaitMs: number;
  readonly #nowMs: () => number;
  /** When one of a kind was told last. */
  readonly #toldMs = new Map<string, number>();
  /** The first of a kind that is not told yet. */
  readonly #waiting = new Map<string, { readonly id: number; readonly sinceMs: number }>();

  constructor({ waitMs = WAIT_MS, longWaitMs = LONG_WAIT_MS, nowMs = Date.now }: FoldingOptions = {}) {
    this.#waitMs = waitMs;
    this.#longWaitMs = longWaitMs;
    this.#nowMs = nowMs;
  }

  /** For how long it waits for others yet, milliseconds; 0 where it is to be told now. */
  waitMs(event: FoundEvent): number {
    const kind = kindOf(event);
    if (kind === null) return 0;
    const nowMs = this.#nowMs();
    // One of a node whose clock is ahead waits no longer for that.
    if (this.#waiting.get(kind)?.id !== event.id) this.#waiting.set(kind, { id: event.id, sinceMs: Math.min(nowMs, event.atUs / 1000) });
    const limitMs = nowMs - (this.#toldMs.get(kind) ?? -Infinity) < TOLD_LATELY_MS ? this.#longWaitMs : this.#waitMs;
    return Math.max(0, this.#waiting.get(kind)!.sinceMs + limitMs - nowMs);
  }

  /** It is told by itself, and nothing waits for others like it. */
  isAlone(event: FoundEvent): boolean { return kindOf(event) === null; }

  /** Those among `later` that are told with it. */
  alike(event: FoundEvent, later: readonly FoundEvent[]): FoundEvent[] {
    const kind = kindOf(event);
    return kind === null ? [] : later.filter((one) => kindOf(one) === kind && one.atUs - event.atUs <= ALIKE_WITHIN_US);
  }

  told(event: FoundEvent): void {
    const kind = kindOf(event);
    if (kind !== null) this.#toldMs.set(kind, this.#nowMs());
  }
}

/** What begins and what ends are two kinds; null for what is told by itself. */
function kindOf({ series: { type }, body }: FoundEvent): string | null {
  if (!FOLDED.has(type)) return null;
  return type === 'recording.gap' && (JSON.parse(body) as { gap?: { end: number | null } }).gap?.end != null ? `${type} over` : type;
}
