// Where the frames of what is loaded begin, as the media itself says. What is seen on the screen does not tell it: a browser leaves
// frames out, and a camera changes its rate.

export interface FrameStep {
  /** Where the neighbouring frame begins, media time. */
  readonly startS: number;
  /** In the middle of it: the start of a frame is not hit exactly in floating point. */
  readonly middleS: number;
}

interface Frame { readonly startS: number; readonly durationS: number }

/** Of pieces of some seconds each: more than a player buffers. */
const MOST_PIECES = 128;
/** Where nothing is known. */
const USUAL_S = 0.04;
const VIDEO_TRACK = 1;
const DURATION = 0x100;
const SIZE = 0x200;
const FLAGS = 0x400;
const COMPOSITION = 0x800;
const DATA_OFFSET = 0x1;
const FIRST_FLAGS = 0x4;

export class FrameTimes {
  readonly #pieces = new Map<number, readonly Frame[]>();

  /** `piece`: fMP4 fragments as the kernel recorded them; they play from `startS` on, for `durationS`. What else it is says nothing. */
  add(piece: ArrayBuffer, startS: number, durationS: number): void {
    const frames = framesOf(new DataView(piece), startS, durationS);
    if (frames.length === 0) return;
    this.#pieces.delete(startS);
    this.#pieces.set(startS, frames);
    if (this.#pieces.size > MOST_PIECES) this.#pieces.delete(this.#pieces.keys().next().value!);
  }

  /** The frame after (1) or before (-1) the one that begins at `fromS`. */
  step(fromS: number, direction: 1 | -1): FrameStep {
    const frames = [...this.#pieces.values()].flat().toSorted((a, b) => a.startS - b.startS);
    const at = frames.reduce((nearest, { startS }, index) => (Math.abs(startS - fromS) < Math.abs(frames[nearest]!.startS - fromS) ? index : nearest), 0);
    const current = frames[at];
    // Where the next piece is not there yet, or the one before not any more, frames are taken to go on alike.
    const isKnown = current !== undefined && Math.abs(current.startS - fromS) <= current.durationS;
    const neighbour = isKnown ? frames[at + direction] : undefined;
    const durationS = neighbour?.durationS ?? (isKnown ? current.durationS : USUAL_S);
    // Between two frames of the media: where a piece plays is known less exactly.
    const startS = Math.max(0, fromS + (neighbour ? neighbour.startS - current!.startS : direction * durationS));
    return { startS, middleS: startS + durationS / 2 };
  }

  clear(): void { this.#pieces.clear(); }
}

/** In order of display. The piece's own length says what a tick is. */
function framesOf(data: DataView, startS: number, durationS: number): Frame[] {
  const samples: { readonly atTicks: number; readonly durationTicks: number }[] = [];
  try {
    for (const moof of boxes(data, 0, data.byteLength)) if (moof.type === 'moof') for (const traf of boxes(data, moof.body, moof.end)) if (traf.type === 'traf') samples.push(...samplesOf(data, traf));
  } catch (error) {
    // A number that would stand behind the end: not one of ours.
    if (error instanceof RangeError) return [];
    throw error;
  }
  const ticks = samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0);
  if (ticks === 0) return [];
  samples.sort((a, b) => a.atTicks - b.atTicks);
  const firstTicks = samples[0]!.atTicks;
  const secondsOf = (some: number): number => some * durationS / ticks;
  return samples.map(({ atTicks, durationTicks }, index) => ({
    startS: startS + secondsOf(atTicks - firstTicks),
    durationS: secondsOf((samples[index + 1]?.atTicks ?? atTicks + durationTicks) - atTicks),
  }));
}

interface Box { readonly type: string; readonly body: number; readonly end: number }

/** ISO/IEC 14496-12, 4.2. Ends in front of one that does not fit. */
function* boxes(data: DataView, from: number, end: number): Generator<Box> {
  for (let at = from; at + 8 <= end;) {
    const size = data.getUint32(at);
    const [bytes, header] = size === 1 && at + 16 <= end ? [Number(data.getBigUint64(at + 8)), 16] : [size === 0 ? end - at : size, 8];
    if (bytes < header || at + bytes > end) return;
    yield { type: String.fromCharCode(...[4, 5, 6, 7].map((place) => data.getUint8(at + place))), body: at + header, end: at + bytes };
    at += bytes;
  }
}

/** Of the pictures (8.8.7, 8.8.8, 8.8.12): when each is displayed, and how long until the next is decoded. */
function* samplesOf(data: DataView, traf: Box): Generator<{ atTicks: number; durationTicks: number }> {
  let atTicks = 0;
  for (const { type, body, end } of boxes(data, traf.body, traf.end)) {
    const flags = data.getUint32(body) & 0xffffff;
    if (type === 'tfhd' && data.getUint32(body + 4) !== VIDEO_TRACK) return;
    if (type === 'tfdt') atTicks = data.getUint8(body) === 1 ? Number(data.getBigUint64(body + 4)) : data.getUint32(body + 4);
    if (type !== 'trun' || (flags & DURATION) === 0) continue;
    const count = data.getUint32(body + 4);
    const bytesOf = (...fields: readonly number[]): number => 4 * fields.filter((field) => (flags & field) !== 0).length;
    const entryBytes = bytesOf(DURATION, SIZE, FLAGS, COMPOSITION);
    const first = body + 8 + bytesOf(DATA_OFFSET, FIRST_FLAGS);
    if (first + count * entryBytes > end) return;
    for (let at = first; at < first + count * entryBytes; at += entryBytes) {
      const durationTicks = data.getUint32(at);
      const compositionTicks = (flags & COMPOSITION) === 0 ? 0 : data.getInt32(at + entryBytes - 4);
      yield { atTicks: atTicks + compositionTicks, durationTicks };
      atTicks += durationTicks;
    }
  }
}
