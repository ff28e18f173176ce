// Who was hidden and is known again by what they look like. A vector comes after the look that it is of, so it is asked for at the first sight of
// somebody who may have been here before; their id waits for it, and no id that was told changes. Source of what counts as the same: a cosine
// gate over a gallery, behind a gate of motion, as in Wojke et al., Deep SORT, ICIP 2017.
import type { Box } from '@ruth/protocol';
import { TIME_TOLERANCE_S, type ObjectTrack } from './object-track.ts';
import { centreDistance, coverage } from './overlap.ts';
import type { AppearanceSettings } from './tracker-settings.ts';

/** Whose appearance the tracker would like to know. What it is told of a subject belongs to that thing, whatever its id. */
export interface Wanted { readonly subject: ObjectTrack; readonly detectionIndex: number }

export class Reidentification {
  readonly #settings: AppearanceSettings;

  constructor(settings: AppearanceSettings) {
    this.#settings = settings;
  }

  /** Of the look at `nowS`, in which `boxes` were found: who begins while others are hidden, and now and then everybody. Nobody without a gain: a vector costs an inference. */
  wanted(tracks: readonly ObjectTrack[], boxes: readonly Box[], nowS: number): Wanted[] {
    const { everyS, covered } = this.#settings;
    return tracks.flatMap((track) => {
      const { detectionIndex, seenBox } = track;
      if (detectionIndex === null || seenBox === null) return [];
      const isDue = track.id === null ? track.gallery.isEmpty && !this.isAwaited(track, nowS) && this.#hidden(track, tracks).length > 0 : nowS - track.describedS >= everyS - TIME_TOLERANCE_S;
      return isDue && boxes.every((box) => box === seenBox || coverage(seenBox, box) <= covered) ? [{ subject: track, detectionIndex }] : [];
    });
  }

  /** Whether its id waits for a vector that is on its way. */
  isAwaited(track: ObjectTrack, nowS: number): boolean {
    return track.gallery.isEmpty && nowS - track.askedS <= this.#settings.heldS;
  }

  /** Who it is of those who are hidden; null where it looks like none of them, or like two. */
  whoIs(track: ObjectTrack, tracks: readonly ObjectTrack[]): ObjectTrack | null {
    if (track.gallery.isEmpty) return null;
    const [best, next] = this.#hidden(track, tracks).map((hidden) => ({ hidden, alike: hidden.gallery.likeness(track.gallery) })).sort((a, b) => b.alike - a.alike);
    return best && best.alike >= this.#settings.alike && best.alike - (next?.alike ?? -1) >= this.#settings.ahead ? best.hidden : null;
  }

  /** Who was described, is not seen now, and could have come to where this is. */
  #hidden({ classId, box, firstSeenS }: ObjectTrack, tracks: readonly ObjectTrack[]): ObjectTrack[] {
    const { reach, reachPerS } = this.#settings;
    return tracks.filter((track) => track.id !== null && track.detectionIndex === null && track.classId === classId && !track.gallery.isEmpty && track.lastSeenS < firstSeenS
      && centreDistance(track.lastBox, box) <= (reach + reachPerS * track.unseenS) * (track.lastBox[3] - track.lastBox[1]));
  }
}
