// The instant of the recording that shows a frame. A recording dates its pictures by the stream's own time, drawn towards the picture
// that came with the least delay of late (docs/design/recording.md); the same rule here undoes the jitter of `captured_at`.
import type { Look } from '@ruth/protocol';

const WINDOW_S = 2;

export class RecordingTime {
  #epoch: number | null = null;
  /** Growing in pts; `offset`: UTC of the stream's time 0 if this frame had come without delay. */
  #offsets: { readonly ptsS: number; readonly offset: number }[] = [];

  /** UTC, seconds. Of looks that come a little out of order, too. */
  at({ epoch, pts_us, captured_at }: Pick<Look, 'epoch' | 'pts_us' | 'captured_at'>): number {
    const ptsS = pts_us / 1e6;
    if (epoch !== this.#epoch) this.#offsets = [];
    this.#epoch = epoch;
    const newest = Math.max(ptsS, this.#offsets.at(-1)?.ptsS ?? ptsS);
    this.#offsets = this.#offsets.filter((known) => known.ptsS > newest - WINDOW_S);
    this.#offsets.push({ ptsS, offset: captured_at - ptsS });
    return ptsS + Math.min(...this.#offsets.map(({ offset }) => offset));
  }
}
