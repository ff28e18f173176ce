// Whether a process still turns its event loop: it is asked each second, and hangs where it leaves too many questions without an
// answer. Questions are counted, not seconds: who asked nothing meanwhile (a laptop that slept, Ctrl-Z) counts nothing.

export interface HeartbeatOptions {
  ask(): void;
  /** Called once. */
  onHang(): void;
  /** So many questions in a row, one each second. */
  readonly limitS: number;
}

const INTERVAL_MS = 1000;

export class Heartbeat implements Disposable {
  limitS: number;
  readonly #options: HeartbeatOptions;
  readonly #timer: NodeJS.Timeout;
  #unanswered = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.limitS = options.limitS;
    this.#timer = setInterval(() => this.#beat(), INTERVAL_MS);
  }

  /** The process gave a sign of life. */
  answered(): void { this.#unanswered = 0; }

  [Symbol.dispose](): void { clearInterval(this.#timer); }

  #beat(): void {
    if (this.#unanswered < this.limitS) {
      this.#unanswered++;
      this.#options.ask();
      return;
    }
    clearInterval(this.#timer);
    this.#options.onHang();
  }
}
