// Decides which decoded frames are published. Never more than was asked, no bursts after a gap, and exact where the
// stream is faster than twice the asked rate; where it is not, every frame is published and the reader's own gate decides.
//
// Slots of 1/fps lie around an anchor frame, half a slot to either side, so that a jitter of the stream's clock does not
// throw a frame into the next slot, and so that a reader that anchors at any published frame finds one in each of its slots.

export class PublicationGate {
  #fps = 0;
  #epoch: number | null = null;
  #anchorUs = 0;
  #slot = -1;

  /** Frames per second wanted; a change begins anew with the next frame. */
  set fps(fps: number) {
    if (fps === this.#fps) return;
    this.#fps = fps;
    this.#epoch = null;
  }

  /** Whether this frame is due. `streamFps` is null while not yet known. */
  due(ptsUs: number, epoch: number, streamFps: number | null): boolean {
    if (this.#fps <= 0) return false;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#anchorUs = ptsUs;
      this.#slot = -1;
    }
    const slot = Math.floor((ptsUs - this.#anchorUs) * this.#fps / 1e6 + 0.5);
    const advanced = slot > this.#slot;
    if (advanced) this.#slot = slot;
    return advanced || (streamFps !== null && streamFps < this.#fps * 2);
  }
}
