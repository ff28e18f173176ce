// Watches what memory a container has for itself, and says when it has outgrown what its manifest grants it.
import { readFileSync } from 'node:fs';

export interface MemoryWatchOptions {
  /** Of `privateBytes`, in MiB; without one nothing is watched. */
  readonly limitMb: number | undefined;
  /** Called again each minute while the limit is exceeded. */
  readonly onExceeded: (reason: string) => void;
  readonly bytes?: () => number;
}

const LOOK_EVERY_MS = 1000;
const SAY_AGAIN_MS = 60_000;
const MIB = 1024 * 1024;

export class MemoryWatch implements Disposable {
  readonly #timer: NodeJS.Timeout | undefined;
  #saidAtMs = -Infinity;

  constructor({ limitMb, onExceeded, bytes = privateBytes }: MemoryWatchOptions) {
    if (limitMb === undefined) return;
    this.#timer = setInterval(() => {
      const usedMb = bytes() / MIB;
      if (usedMb <= limitMb || performance.now() - this.#saidAtMs < SAY_AGAIN_MS) return;
      this.#saidAtMs = performance.now();
      onExceeded(`it has ${Math.round(usedMb)} MiB of memory; its manifest grants ${limitMb} (resource_requirements.memory_mb)`);
    }, LOOK_EVERY_MS).unref();
  }

  [Symbol.dispose](): void { clearInterval(this.#timer); }
}

/** What is resident and belongs to this process alone: rings of frames, and files that are mapped, are not its own. */
export function privateBytes(): number {
  try {
    const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kib !== undefined) return Number(kib) * 1024;
  } catch {
    // No Linux: what is resident is what is known.
  }
  return process.memoryUsage.rss();
}
