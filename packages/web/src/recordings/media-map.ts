// Between media time and wall clock: playlists tell of each part when it was recorded, and parts follow one another in
// media time also where hours lie between them.

/** A part of what is loaded. */
export interface MediaPart { readonly mediaS: number; readonly durationS: number; readonly wallS: number }

/** Parts in order. Instants are seconds UTC. */
export class MediaMap {
  readonly #parts: readonly MediaPart[];

  constructor(parts: readonly MediaPart[]) { this.#parts = parts; }

  get startS(): number | null { return this.#parts[0]?.wallS ?? null; }

  get endS(): number | null {
    const last = this.#parts.at(-1);
    return last ? last.wallS + last.durationS : null;
  }

  get mediaEndS(): number | null {
    const last = this.#parts.at(-1);
    return last ? last.mediaS + last.durationS : null;
  }

  /** Wall clock of a media time; null where nothing is loaded. */
  wallAt(mediaS: number): number | null {
    const part = this.#parts.findLast((candidate) => candidate.mediaS <= mediaS + 1e-3) ?? this.#parts[0];
    return part ? part.wallS + Math.min(Math.max(0, mediaS - part.mediaS), part.durationS) : null;
  }

  /** Media time of an instant; of the next recorded one where that was not recorded; null outside of what is loaded. */
  mediaAt(wallS: number): number | null {
    if (this.startS === null || wallS < this.startS - 0.05 || wallS > this.endS!) return null;
    const part = this.#parts.find((candidate) => wallS < candidate.wallS + candidate.durationS);
    return part ? part.mediaS + Math.max(0, wallS - part.wallS) : null;
  }
}
