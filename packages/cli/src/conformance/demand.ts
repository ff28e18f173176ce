// How a check says that a container does otherwise than the contract says.

/** The container does not do as the contract says. */
export class Nonconformity extends Error {
  override readonly name = 'Nonconformity';
}

export function demand(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Nonconformity(otherwise);
}

/** A value in a sentence, short. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}
