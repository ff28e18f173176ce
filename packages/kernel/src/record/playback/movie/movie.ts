// An ordinary MP4 made of fragments without touching a sample: the tables come first, so that it plays while it is still
// being fetched, then the payloads of the fragments as they are.
//
//   ftyp
//   moov  mvhd, and for each track its tables and an edit list that begins and ends it exactly
//   mdat  payload of the first fragment's mdat, of the second's, ...
import { RuthError } from '@ruth/protocol';
import { boxes, child } from '../../../mp4/boxes.ts';
import { TICKS_PER_SECOND } from '../../../media/media-packet.ts';
import { box, fullBox, u32, u64 } from './box-writing.ts';
import { MovieTrack } from './movie-track.ts';
import type { TrackRun } from './track-runs.ts';

const VIDEO = 1;
const FTYP = box('ftyp', Buffer.from('isom'), u32(512), Buffer.from('isomiso2mp41'));
const MDAT_HEADER_BYTES = 16;
const MVHD_TAIL_BYTES = 80;
const FROM_1904_TO_1970_S = 2_082_844_800;

export class Movie {
  readonly #mvhdTail: Buffer;
  readonly #tracks = new Map<number, MovieTrack>();

  /** Bytes of samples so far. */
  payloadBytes = 0;

  /** `init`: of the first file. Throws `stream_corrupt`. */
  constructor(init: Buffer) {
    const moov = child(init, 'moov');
    const mvhd = moov && child(init, 'mvhd', moov);
    if (!mvhd) throw new RuthError('stream_corrupt', 'the beginning of a recording is damaged: there is no moov');
    this.#mvhdTail = init.subarray(mvhd.end - MVHD_TAIL_BYTES, mvhd.end);
    this.accept(init);
  }

  /** Tells of the init of the fragments that follow. False where they need another decoder than those before. */
  accept(init: Buffer): boolean {
    const moov = child(init, 'moov');
    if (moov === null) return false;
    for (const trak of boxes(init, moov.body, moov.end)) {
      if (trak.type !== 'trak') continue;
      const track = new MovieTrack(init, trak);
      const known = this.#tracks.get(track.id);
      // Sound may come later and go away again.
      if (!known) this.#tracks.set(track.id, track);
      else if (!known.stsd.equals(track.stsd)) return false;
    }
    return true;
  }

  /** The next fragment: its samples, what to add to its times, and how many bytes of payload it has. */
  add(runs: readonly TrackRun[], shiftTicks: number, bytes: number): void {
    for (const run of runs) this.#tracks.get(run.track)?.add(run, shiftTicks, this.payloadBytes + run.offset);
    this.payloadBytes += bytes;
  }

  /**
   * Everything in front of the payload. `startTicks` and `durationTicks`: what is shown, in the shifted times of the media, less
   * the delay that reordering costs. Throws `stream_corrupt` where there is no picture.
   */
  head(startTicks: number, durationTicks: number, creationUs: number): Buffer {
    const video = this.#tracks.get(VIDEO);
    if (!video || video.samples === 0) throw new RuthError('stream_corrupt', 'there is no picture in the span');
    const shownTicks = Math.round(startTicks) + video.firstCompositionTicks;
    const length = Math.round(durationTicks);
    const creation = Math.floor(creationUs / 1e6) + FROM_1904_TO_1970_S;
    const tracks = [...this.#tracks.values()].filter(({ samples }) => samples > 0);
    const moov = (payload: number): Buffer => box('moov',
      fullBox('mvhd', 1, 0, u64(creation, creation), u32(TICKS_PER_SECOND), u64(length), this.#mvhdTail),
      ...tracks.map((track) => track.trak(shownTicks, length, payload)));
    // Positions have the same size whatever they are.
    const payload = FTYP.length + moov(0).length + MDAT_HEADER_BYTES;
    return Buffer.concat([FTYP, moov(payload), u32(1), Buffer.from('mdat'), u64(MDAT_HEADER_BYTES + this.payloadBytes)]);
  }
}
