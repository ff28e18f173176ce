// Watches what memory a container has for itself, and says when it has outgrown what its manifest grants it. Where that is less than the model takes as
// soon as it is loaded, no successor would need less: that is told as it is, and the container watched from twice of what it has on.
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
/** Of what it has when it is loaded, for its first looks. */
const LEAST_ROOM = 1.25;
const MIB = 1024 * 1024;

export class MemoryWatch implements Disposable {
  readonly #timer: NodeJS.Timeout | undefined;
  /** Why what the manifest grants cannot be enough; null where it can. */
  readonly trouble: string | null = null;
  #saidAtMs = -Infinity;

  /** To be made once the model is loaded. */
  constructor({ limitMb, onExceeded, bytes = privateBytes }: MemoryWatchOptions) {
    if (limitMb === undefined) return;
    const loadedMb = Math.round(bytes() / MIB);
    const isTooLittle = loadedMb * LEAST_ROOM > limitMb;
    const mostMb = isTooLittle ? 2 * loadedMb : limitMb;
    if (isTooLittle) this.trouble = `it has ${loadedMb} MiB of memory as soon as it is loaded; its manifest grants ${limitMb} (resource_requirements.memory_mb): grant ${mostMb} or more. Until then a successor takes its place past ${mostMb}`;
    this.#timer = setInterval(() => {
      const usedMb = bytes() / MIB;
      if (usedMb <= mostMb || performance.now() - this.#saidAtMs < SAY_AGAIN_MS) return;
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
