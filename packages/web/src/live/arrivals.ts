// When pictures come: how early at their earliest, how late at their latest. What a picture is late by is how long playback
// must lag so that it does not run dry before it. All by one clock, seconds: an instant less a media time.

/** Where pictures come this much earlier than those before did, those were a backlog and say nothing of what is to come. */
const BACKLOG_S = 0.05;
/** Later than this it was an outage: to lag behind as far for the sake of the next one would cost more than it saves. */
const OUTAGE_S = 1;

interface Span { readonly fromS: number; earliestS: number; latestS: number }

export class Arrivals {
  readonly #windowS: number;
  /** One per second, oldest first: at most `windowS` + 1. */
  #spans: Span[] = [];
  /** How early pictures came when it began to note. */
  #beganS = 0;

  constructor(windowS = 15) { this.#windowS = windowS; }

  /** Playback at `now - earliestS` shows a picture as it comes, where none is late; null before the first. */
  get earliestS(): number | null { return this.#spans.length === 0 ? null : Math.min(...this.#spans.map((span) => span.earliestS)); }

  /** Playback at `now - latestS` would have waited for none of the window's pictures, but for those of the worst second: what is late once says nothing of what comes. */
  get latestS(): number | null {
    const latest = this.#spans.map((span) => span.latestS).toSorted((a, b) => b - a);
    return latest[1] ?? latest[0] ?? null;
  }

  forget(): void { this.#spans = []; }

  /** At `nowS` what is buffered grew from `endBeforeS` to `endS` by so many pictures. */
  note(nowS: number, endBeforeS: number, endS: number, pictures: number): void {
    const newestStartS = endS - (endS - endBeforeS) / Math.max(1, pictures);
    const earlyS = nowS - newestStartS;
    if (this.#spans.length > 0 && earlyS < this.#beganS - BACKLOG_S) this.#spans = [];
    if (this.#spans.length === 0) this.#beganS = earlyS;
    while (this.#spans.length > 0 && nowS - this.#spans[0]!.fromS > this.#windowS) this.#spans.shift();
    const earliestS = Math.min(earlyS, this.earliestS ?? Infinity);
    let span = this.#spans.at(-1);
    if (!span || nowS - span.fromS >= 1) this.#spans.push(span = { fromS: nowS, earliestS: earlyS, latestS: earliestS });
    span.earliestS = Math.min(span.earliestS, earlyS);
    const lateS = nowS - endBeforeS;
    if (lateS < earliestS + OUTAGE_S) span.latestS = Math.max(span.latestS, lateS);
  }
}
