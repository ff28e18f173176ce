// Gathers pictures and sound into fragments of one file. A picture is complete when the next one is there: that tells how
// long it lasts. Sound goes with the pictures beside it, or with later ones where it came late.
import { fragmentParts, type AudioSample, type VideoSample } from '../../mp4/index.ts';
import { TICKS_PER_SECOND, type AudioPacket, type MediaPacket } from '../../media/media-packet.ts';
import type { Placed } from './running-time.ts';

/** Kept in memory at most, so that less than a second is lost. A little over half a second: two fragments hold a second, not two and a rest. */
const MAX_FRAGMENT_TICKS = 0.55 * TICKS_PER_SECOND;
const MAX_FRAGMENT_BYTES = 8 << 20;
/** In a file with sound the pictures begin so much after 0: room for sound that came after the pictures it belongs before. */
export const AUDIO_LEAD_TICKS = TICKS_PER_SECOND / 4;
const MAX_SOUNDS = 1000;

interface Picture extends Placed { readonly packet: MediaPacket }
interface Sound { readonly data: Buffer; readonly ticks: number; readonly durationTicks: number }

export interface BuiltFragment {
  /** One after the other. */
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  /** From the file's first picture. */
  readonly startTicks: number;
  readonly durationTicks: number;
  readonly keyframe: boolean;
  readonly pictures: number;
}

export class FragmentBuilder {
  #pictures: Picture[] = [];
  #bytes = 0;
  #startUs = 0;
  #sounds: Sound[] = [];
  #lastSoundTicks = -Infinity;
  #sequence = 0;
  /** Running time of the file's first picture, its delay to display, and where it stands in the file. */
  #file = { originTicks: 0, delayTicks: 0, leadTicks: 0, audio: false };

  readonly drops = { audio_late: 0, audio_ahead: 0 };

  /** Pictures that are in no fragment yet. */
  get pictures(): number { return this.#pictures.length; }

  /** What follows is for a new file, whose first picture this is. */
  beginFile(first: Placed, audio: boolean): void {
    this.#file = { originTicks: first.decodeTicks, delayTicks: first.compositionTicks, leadTicks: audio ? AUDIO_LEAD_TICKS : 0, audio };
    this.#sequence = 0;
  }

  /** Whether a picture that begins then, and lasts so long, makes it too much. */
  isFull({ decodeTicks }: Placed, intervalTicks: number): boolean {
    const first = this.#pictures[0];
    return first !== undefined && (decodeTicks + intervalTicks - first.decodeTicks > MAX_FRAGMENT_TICKS || this.isLarge);
  }

  get isLarge(): boolean { return this.#bytes > MAX_FRAGMENT_BYTES; }

  /** All that is in no fragment yet was then later by so much, us. */
  shift(us: number): void { this.#startUs += us; }

  /** `atUs`: its date. */
  add(packet: MediaPacket, placed: Placed, atUs: number): void {
    if (this.#pictures.length === 0) this.#startUs = atUs;
    this.#pictures.push({ packet, decodeTicks: placed.decodeTicks, compositionTicks: placed.compositionTicks });
    this.#bytes += packet.data.length;
  }

  addSound({ data, durationTicks }: AudioPacket, ticks: number): void {
    if (!this.#file.audio || ticks <= this.#lastSoundTicks) {
      this.drops.audio_late++;
      return;
    }
    if (this.#sounds.length >= MAX_SOUNDS) {
      this.drops.audio_ahead++;
      this.#sounds.shift();
    }
    this.#lastSoundTicks = ticks;
    this.#sounds.push({ data, ticks, durationTicks });
  }

  /** All pictures as one fragment, the last of which lasts until `endTicks`; null where there is none. */
  take(endTicks: number): BuiltFragment | null {
    const [first] = this.#pictures;
    if (!first) return null;
    const { originTicks, delayTicks, leadTicks } = this.#file;
    const samples = this.#pictures.map(({ packet, decodeTicks, compositionTicks }, index): VideoSample => ({
      nals: packet.nals, keyframe: packet.keyframe, compositionTicks, durationTicks: (this.#pictures[index + 1]?.decodeTicks ?? endTicks) - decodeTicks,
    }));
    const startTicks = first.decodeTicks - originTicks;
    const decodeTicks = startTicks + leadTicks;
    const audio = this.#takeSounds(endTicks);
    const parts = fragmentParts({
      sequence: ++this.#sequence, video: { decodeTicks, samples }, ...(audio && { audio }),
      wallClock: { us: this.#startUs, mediaTicks: decodeTicks + delayTicks },
    });
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    const built = { parts, bytes, startTicks, durationTicks: endTicks - first.decodeTicks, keyframe: first.packet.keyframe, pictures: samples.length };
    this.#clearPictures();
    return built;
  }

  /** Forgets what is in no fragment yet; returns the number of pictures. */
  clear(): number {
    const pictures = this.#pictures.length;
    this.#clearPictures();
    this.#sounds = [];
    return pictures;
  }

  #clearPictures(): void {
    this.#pictures = [];
    this.#bytes = 0;
  }

  #takeSounds(endTicks: number): { decodeTicks: number; samples: AudioSample[] } | null {
    const fileTicks = this.#file.leadTicks - this.#file.originTicks;
    const later = this.#sounds.findIndex(({ ticks }) => ticks >= endTicks);
    const sounds = this.#sounds.splice(0, later < 0 ? this.#sounds.length : later);
    // From before the file began.
    while (sounds[0] && sounds[0].ticks + fileTicks < 0) {
      sounds.shift();
      this.drops.audio_late++;
    }
    const [first] = sounds;
    if (!first) return null;
    return {
      decodeTicks: first.ticks + fileTicks,
      samples: sounds.map(({ data, ticks, durationTicks }, index) => ({ data, durationTicks: (sounds[index + 1]?.ticks ?? ticks + durationTicks) - ticks })),
    };
  }
}
