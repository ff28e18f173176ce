// Times of coded sound: they grow by what each frame lasts, without the jitter of the clocks behind them, and are set anew
// where sound and picture drift apart by more than 100 ms.
import { TICKS_PER_SECOND } from '../../media/media-packet.ts';

const MAX_DRIFT_TICKS = TICKS_PER_SECOND / 10;

export class AudioTimeline {
  readonly #sampleRate: number;
  /** Null before the first frame. */
  #anchorTicks: number | null = null;
  #samples = 0;
  /** It ran ahead: frames are left out until the picture is there. */
  #waiting = false;

  constructor(sampleRate: number) { this.#sampleRate = sampleRate; }

  /** What follows has nothing to do with what was. */
  restart(): void {
    this.#anchorTicks = null;
    this.#waiting = false;
  }

  /** `targetTicks`: where it belongs by the clocks. Null where it must be left out, for times never step back. */
  stamp(targetTicks: number, samples: number): { readonly ptsTicks: number; readonly durationTicks: number } | null {
    const next = this.#anchorTicks === null ? null : this.#anchorTicks + this.#ticks(this.#samples);
    if (next !== null && targetTicks < next - (this.#waiting ? 0 : MAX_DRIFT_TICKS)) {
      this.#waiting = true;
      return null;
    }
    if (next === null || this.#waiting || targetTicks > next + MAX_DRIFT_TICKS) {
      this.#anchorTicks = targetTicks;
      this.#samples = 0;
      this.#waiting = false;
    }
    const begin = Math.round(this.#anchorTicks! + this.#ticks(this.#samples));
    this.#samples += samples;
    return { ptsTicks: begin, durationTicks: Math.round(this.#anchorTicks! + this.#ticks(this.#samples)) - begin };
  }

  #ticks(samples: number): number { return samples * TICKS_PER_SECOND / this.#sampleRate; }
}
