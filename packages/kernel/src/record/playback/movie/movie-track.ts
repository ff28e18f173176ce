// One track of an MP4 that is being put together: the tables of its samples, and its trak box made of them.
import { RuthError } from '@ruth/protocol';
import { child, descendant, type Box } from '../../../mp4/boxes.ts';
import { TICKS_PER_SECOND } from '../../../media/media-packet.ts';
import { box, Column, fullBox, table, u32, u64 } from './box-writing.ts';
import type { TrackRun } from './track-runs.ts';

const ENABLED_IN_MOVIE = 3;
const TKHD_TAIL_BYTES = 60;
const MDHD_TAIL_BYTES = 4;
/** In an stsd of sound: its header, the entry's header and what stands before the rate. */
const SAMPLE_RATE_AT = 16 + 8 + 24;

export class MovieTrack {
  readonly id: number;
  /** What its samples are and how they are decoded. */
  readonly stsd: Buffer;
  readonly #init: Buffer;
  readonly #trak: Box;
  readonly #durations = new Column();
  readonly #sizes = new Column();
  readonly #compositions = new Column();
  readonly #keyframes = new Column();
  readonly #chunkSamples = new Column();
  readonly #chunkPositions: number[] = [];
  readonly #sound: boolean;
  /** Units of the track's own times in a second. */
  readonly #timescale: number;
  #firstTicks: number | null = null;
  /** The track's own time, from its first sample: where the last sample begins, as told by the durations before it, and where it ends. */
  #last = 0;
  #end = 0;

  /** `trak`: of an init. Throws `stream_corrupt`. */
  constructor(init: Buffer, trak: Box) {
    this.#init = init;
    this.#trak = trak;
    const tkhd = this.#bytes('tkhd');
    this.id = tkhd.readUInt32BE(tkhd[8] === 1 ? 28 : 20);
    this.stsd = this.#bytes('mdia', 'minf', 'stbl', 'stsd');
    this.#sound = this.#find('mdia', 'minf', 'smhd') !== null;
    // Players count what they leave out of sound in samples, and believe that the track does so too.
    this.#timescale = this.#sound && this.stsd.length >= SAMPLE_RATE_AT + 2 ? this.stsd.readUInt16BE(SAMPLE_RATE_AT) || TICKS_PER_SECOND : TICKS_PER_SECOND;
  }

  get firstCompositionTicks(): number { return this.#compositions.length === 0 ? 0 : this.#compositions.at(0); }
  get samples(): number { return this.#sizes.length; }

  /** `shiftTicks`: added to the run's times. `position`: of its first sample, in the payload of the movie's mdat. */
  add({ decodeTicks, samples }: TrackRun, shiftTicks: number, position: number): void {
    if (samples.length === 0) return;
    this.#firstTicks ??= decodeTicks + shiftTicks;
    let ticks = decodeTicks + shiftTicks - this.#firstTicks;
    if (this.samples > 0) {
      // Until the first of these is when the last before them lasts, be there a hole between or not.
      this.#end = Math.max(this.#last + 1, this.#own(ticks));
      this.#durations.setLast(this.#end - this.#last);
    }
    for (const sample of samples) {
      ticks += sample.durationTicks;
      this.#last = this.#end;
      this.#end = Math.max(this.#last, this.#own(ticks));
      this.#durations.push(this.#end - this.#last);
      this.#sizes.push(sample.size);
      this.#compositions.push(sample.compositionTicks);
      if (sample.keyframe) this.#keyframes.push(this.#sizes.length);
    }
    this.#chunkSamples.push(samples.length);
    this.#chunkPositions.push(position);
  }

  /** Shows what is displayed from `startTicks` for `durationTicks`; `payload`: where in the movie mdat's payload begins. */
  trak(startTicks: number, durationTicks: number, payload: number): Buffer {
    const tkhd = this.#bytes('tkhd');
    const mdhd = this.#bytes('mdia', 'mdhd');
    return box('trak',
      fullBox('tkhd', 1, ENABLED_IN_MOVIE, u64(0, 0), u32(this.id, 0), u64(durationTicks), tkhd.subarray(-TKHD_TAIL_BYTES)),
      box('edts', this.#editList(startTicks, durationTicks)),
      box('mdia',
        fullBox('mdhd', 1, 0, u64(0, 0), u32(this.#timescale), u64(this.#end), mdhd.subarray(-MDHD_TAIL_BYTES)),
        this.#bytes('mdia', 'hdlr'),
        box('minf', this.#bytes('mdia', 'minf', this.#sound ? 'smhd' : 'vmhd'), this.#bytes('mdia', 'minf', 'dinf'), this.#sampleTable(payload)),
      ));
  }

  /** A player that knows edit lists, as nearly all do, begins and ends exactly where it was asked for. */
  #editList(startTicks: number, durationTicks: number): Buffer {
    const rate = u32(0x00010000);
    const mediaTicks = startTicks - (this.#firstTicks ?? 0);
    if (mediaTicks >= 0) return fullBox('elst', 1, 0, u32(1), u64(durationTicks, this.#own(mediaTicks)), rate);
    const emptyTicks = Math.min(-mediaTicks, durationTicks);
    return fullBox('elst', 1, 0, u32(2), u64(emptyTicks, -1), rate, u64(durationTicks - emptyTicks, 0), rate);
  }

  #sampleTable(payload: number): Buffer {
    const composed = [...this.#compositions.runs()];
    return box('stbl', this.stsd,
      fullBox('stts', 0, 0, pairs([...this.#durations.runs()])),
      ...(composed.every(({ value }) => value === 0) ? [] : [fullBox('ctts', 0, 0, pairs(composed))]),
      ...(this.#sound ? [] : [fullBox('stss', 0, 0, table(this.#keyframes.length, 4, (out, row) => {
        for (let index = 0; index < this.#keyframes.length; index++) out.writeUInt32BE(this.#keyframes.at(index), row(index));
      }))]),
      fullBox('stsc', 0, 0, this.#samplesToChunks()),
      fullBox('stsz', 0, 0, u32(0), table(this.#sizes.length, 4, (out, row) => {
        for (let index = 0; index < this.#sizes.length; index++) out.writeUInt32BE(this.#sizes.at(index), row(index));
      })),
      fullBox('co64', 0, 0, table(this.#chunkPositions.length, 8, (out, row) => {
        for (const [index, position] of this.#chunkPositions.entries()) out.writeBigUInt64BE(BigInt(payload + position), row(index));
      })));
  }

  #samplesToChunks(): Buffer {
    const runs = [...this.#chunkSamples.runs()];
    return table(runs.length, 12, (out, row) => {
      let chunk = 1;
      for (const [index, { count, value }] of runs.entries()) {
        out.writeUInt32BE(1, out.writeUInt32BE(value, out.writeUInt32BE(chunk, row(index))));
        chunk += count;
      }
    });
  }

  #own(ticks: number): number { return Math.round(ticks * this.#timescale / TICKS_PER_SECOND); }

  #find(...types: readonly string[]): Box | null {
    const [first, ...rest] = types;
    const found = child(this.#init, first!, this.#trak);
    return found === null || rest.length === 0 ? found : descendant(this.#init, found, ...rest);
  }

  #bytes(...types: readonly string[]): Buffer {
    const found = this.#find(...types);
    if (found === null) throw new RuthError('stream_corrupt', `the beginning of a recording is damaged: there is no ${types.at(-1)}`);
    return this.#init.subarray(found.start, found.end);
  }
}

const pairs = (runs: readonly { readonly count: number; readonly value: number }[]): Buffer => table(runs.length, 8, (out, row) => {
  for (const [index, { count, value }] of runs.entries()) out.writeUInt32BE(value, out.writeUInt32BE(count, row(index)));
});
