// A stream that is open only while somebody wants it, and a little longer: a consumer that restarts finds it still there.
import type { StreamIngest } from './stream-ingest.ts';

const LINGER_MS = 5000;

export class StreamOnDemand implements AsyncDisposable {
  readonly stream: StreamIngest;
  readonly #onClosed: () => void;
  #stop: AbortController | null = null;
  #linger: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(stream: StreamIngest, onClosed: () => void) {
    this.stream = stream;
    this.#onClosed = onClosed;
  }

  get open(): boolean { return this.#stop !== null; }

  setWanted(wanted: boolean): void {
    clearTimeout(this.#linger);
    if (!wanted) {
      if (this.#stop) this.#linger = setTimeout(() => this.#close(), LINGER_MS);
    } else if (this.#stop === null) {
      const { signal } = this.#stop = new AbortController();
      // The connection before may still be closing.
      this.#running = this.#running.then(() => this.stream.run(signal)).then(() => this.#onClosed());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#linger);
    this.#close();
    await this.#running;
  }

  #close(): void {
    this.#stop?.abort();
    this.#stop = null;
  }
}
