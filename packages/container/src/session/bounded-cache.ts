// Keeps the most recently used values, at most `capacity`; the one unused longest is let go when another comes.

export class BoundedCache<V> {
  readonly #entries = new Map<string, V>();
  readonly #capacity: number;
  readonly #release: (value: V) => void;

  constructor(capacity: number, release: (value: V) => void = () => undefined) {
    this.#capacity = capacity;
    this.#release = release;
  }

  /** The value of `key`, made where there is none. */
  get(key: string, make: () => V): V {
    let value = this.#entries.get(key);
    if (value === undefined) {
      value = make();
      if (this.#entries.size >= this.#capacity) this.delete(this.#entries.keys().next().value!);
    } else {
      this.#entries.delete(key);
    }
    this.#entries.set(key, value);
    return value;
  }

  delete(key: string): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#release(value);
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key);
  }
}
