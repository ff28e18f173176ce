// How a thing looks, as vectors of a re-identification model say: what has been hidden for longer than motion can bridge is known again by it.
// A gallery of the last vectors of each track, the nearest of which counts. Source: Wojke et al., Deep SORT, ICIP 2017.

/** A vector of length 1: the scalar product of two is the cosine of the angle between them. */
export type Appearance = Float32Array;

/** Of each track. */
const MOST_VECTORS = 6;
/** Longer ones are no appearance. */
const MOST_NUMBERS = 4096;

/** Of any length but 0; null where it says nothing. */
export function appearanceOf(vector: readonly number[]): Appearance | null {
  const length = Math.hypot(...vector);
  if (vector.length > MOST_NUMBERS || !(length > 0 && length < Infinity)) return null;
  return Float32Array.from(vector, (value) => value / length);
}

export class Gallery {
  #vectors: readonly Appearance[] = [];

  get isEmpty(): boolean { return this.#vectors.length === 0; }

  /** The oldest makes room. Vectors of another length are those of another model: it begins anew. */
  add(...vectors: readonly Appearance[]): void {
    const kept = this.#vectors.filter(({ length }) => length === vectors.at(-1)?.length);
    this.#vectors = [...kept, ...vectors].slice(-MOST_VECTORS);
  }

  /** -1..1: the cosine to the nearest vector; -1 where nothing can be compared. */
  likeness(other: Gallery): number {
    let best = -1;
    for (const mine of this.#vectors) for (const its of other.#vectors) if (mine.length === its.length) best = Math.max(best, cosine(mine, its));
    return best;
  }

  /** Takes over what the other has seen before. */
  follow(before: Gallery): void { this.#vectors = [...before.#vectors, ...this.#vectors].slice(-MOST_VECTORS); }
}

function cosine(a: Appearance, b: Appearance): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}
