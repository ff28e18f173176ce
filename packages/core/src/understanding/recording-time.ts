// The instant of the recording that shows a frame. A recording dates its pictures by the stream's own time, drawn towards the picture
// that came with the least delay of late (docs/design/recording.md); the same rule here undoes the jitter of `captured_at`.
import type { Look } from '@ruth/protocol';

const WINDOW_S = 2;

export class RecordingTime {
  #epoch: number | null = null;
  /** Of the looks of the last seconds, side by side: seconds of the stream, and UTC of the stream's time 0 if the frame had come without delay. Used again: nothing is made for a look. */
  readonly #ptsS: number[] = [];
  readonly #offsets: number[] = [];

  /** UTC, seconds. Of looks that come a little out of order, too. */
  at({ epoch, pts_us, captured_at }: Pick<Look, 'epoch' | 'pts_us' | 'captured_at'>): number {
    const ptsS = pts_us / 1e6;
    const [times, offsets] = [this.#ptsS, this.#offsets];
    const known = epoch === this.#epoch ? times.length : 0;
    this.#epoch = epoch;
    const newest = Math.max(ptsS, times[known - 1] ?? ptsS);
    let least = captured_at - ptsS;
    let kept = 0;
    for (let index = 0; index < known; index++) {
      if (times[index]! <= newest - WINDOW_S) continue;
      least = Math.min(least, offsets[index]!);
      times[kept] = times[index]!;
      offsets[kept++] = offsets[index]!;
    }
    times.length = offsets.length = kept;
    times.push(ptsS);
    offsets.push(captured_at - ptsS);
    return ptsS + least;
  }
}
