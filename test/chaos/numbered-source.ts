// A source whose pictures tell which of all that it ever sent they are: in a message (SEI) beside the slices, which whoever records them keeps. So it can be said of
// recordings which pictures are missing and which are there twice, whatever clocks say.
import { LiveSource, type MediaSource, type Subscription, type AccessUnit, type VideoDescription } from '../../packages/kernel/src/live/rtsp/index.ts';

const NAME = 'ruth-chaos-seen:';
const MARK = /ruth-chaos-seen:(\d{10})/g;

export class NumberedSource implements MediaSource {
  readonly #live: LiveSource;
  #newest = 0;

  private constructor(description: VideoDescription) { this.#live = new LiveSource(description); }

  /** Of H.264. */
  static async of(source: MediaSource): Promise<NumberedSource> {
    const numbered = new NumberedSource(await source.describe());
    source.subscribe((unit) => numbered.#live.push({ ...unit, nals: [message(++numbered.#newest), ...unit.nals] }), () => undefined);
    return numbered;
  }

  get newest(): number { return this.#newest; }
  describe(): Promise<VideoDescription> { return this.#live.describe(); }
  subscribe(listener: (unit: AccessUnit) => void, onEnd?: () => void): Subscription { return this.#live.subscribe(listener, onEnd); }
}

/** Of the pictures in a file, in its order. */
export function numbersIn(file: Buffer): number[] { return [...file.toString('latin1').matchAll(MARK)].map(([, digits]) => Number(digits)); }

/** User data unregistered (ITU-T H.264, D.1.7): a UUID, then text. No byte of it is 0, so none needs to be escaped. */
function message(number: number): Buffer {
  const text = Buffer.from(NAME + String(number).padStart(10, '0'), 'latin1');
  return Buffer.concat([Buffer.from([0x06, 0x05, 16 + text.length]), Buffer.alloc(16, 0x52), text, Buffer.from([0x80])]);
}
