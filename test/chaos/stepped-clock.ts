// A wall clock of some processes alone that can be set forward and back: libfaketime (Debian: faketime), which stands between them and the C library. What they take from the
// monotonic clock and from the one since boot is the machine's.
import { existsSync, renameSync, writeFileSync } from 'node:fs';

const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((machine) => `/usr/lib/${machine}/faketime/libfaketime.so.1`);

export class SteppedClock {
  readonly #file: string;
  readonly #library: string;

  private constructor(file: string, library: string) {
    this.#file = file;
    this.#library = library;
    this.set(0);
  }

  /** Null where the library is not installed. */
  static make(file: string): SteppedClock | null {
    const library = LIBRARIES.find((path) => existsSync(path));
    return library === undefined ? null : new SteppedClock(file, library);
  }

  /** Of processes that go by it; theirs inherit it. */
  get environment(): Record<string, string> {
    return { LD_PRELOAD: this.#library, FAKETIME_TIMESTAMP_FILE: this.#file, FAKETIME_CACHE_DURATION: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1' };
  }

  /** Ahead of the machine's by so much, within a second. */
  set(seconds: number): void {
    writeFileSync(`${this.#file}.new`, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}
