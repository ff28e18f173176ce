// Frames by reference. Rings stay mapped between requests; a ring of an older generation is let go and opened anew.
import { PIXEL_FORMATS, RuthError } from '@ruth/protocol/base';
import { RingReader, type RingFrame } from '@ruth/transport/ring';
import { BoundedCache } from './bounded-cache.ts';
import type { InferJob } from './protocol.ts';

/** Most cameras whose rings are mapped at once; more of them are served, at the price of mapping again. */
const MAX_MAPPED_RINGS = 64;

export class FrameSource implements Disposable {
  readonly #ringDirectory: string;
  readonly #readers = new BoundedCache<RingReader>(MAX_MAPPED_RINGS, (reader) => reader.close());

  constructor(ringDirectory: string) {
    this.#ringDirectory = ringDirectory;
  }

  /**
   * The frame that a request names: views into the ring, good while `intact()`. Throws `frame_not_found`,
   * `frame_overwritten`, `frame_unreadable`, `unsupported_format`, `bad_request` (the caller believes what is not so).
   */
  frame({ frameReference, frameId, claimed = {} }: Pick<InferJob, 'frameReference' | 'frameId'> & Partial<Pick<InferJob, 'claimed'>>): RingFrame {
    if (claimed.format !== undefined && !(PIXEL_FORMATS as readonly string[]).includes(claimed.format.toUpperCase())) {
      throw new RuthError('unsupported_format', `frame_metadata.format ${JSON.stringify(claimed.format)} cannot be read; known: ${PIXEL_FORMATS.join(', ')}`);
    }
    const read = this.#open(frameReference).read(frameId);
    switch (read.status) {
      case 'overwritten': throw overwritten(frameReference, frameId);
      case 'not_published': throw new RuthError('frame_not_found', `${frameReference} does not hold frame ${frameId} yet`);
      case 'retired': throw new RuthError('frame_not_found', `${frameReference} is of a generation that has ended`);
      case 'frame': {
        const { width, height, format } = read.frame;
        for (const [key, value] of Object.entries({ width, height, format })) {
          const claim = claimed[key as keyof typeof claimed];
          if (claim !== undefined && String(claim).toUpperCase() !== String(value)) throw new RuthError('bad_request', `frame_metadata.${key} is ${claim}; the ring says ${value}`);
        }
        return read.frame;
      }
    }
  }

  [Symbol.dispose](): void {
    this.#readers.clear();
  }

  #open(reference: string): RingReader {
    try {
      const reader = this.#readers.get(reference, () => RingReader.open(reference, { ringDirectory: this.#ringDirectory }));
      if (reader.isCurrent()) return reader;
      this.#readers.delete(reference);
      return this.#readers.get(reference, () => RingReader.open(reference, { ringDirectory: this.#ringDirectory }));
    } catch (cause) {
      const error = RuthError.from(cause, 'frame_unreadable');
      throw error.code === 'ring_invalid' ? new RuthError('frame_unreadable', error.message, { cause }) : error;
    }
  }
}

export function overwritten(frameReference: string, frameId: number): RuthError {
  return new RuthError('frame_overwritten', `frame ${frameId} of ${frameReference} has been overwritten by a newer one`);
}
