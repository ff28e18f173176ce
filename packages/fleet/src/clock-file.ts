// What the wall clock of this node was set by since the machine was started, in a file beside its other data: a process that begins anew knows what was set before it began. Of another start of the
// machine nothing counts: its clock since boot began anew. So the file need not outlive the machine, and is not fsynced.
import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RepeatedWarning, type Logger } from '@ruth/transport';

/** From when on, in seconds since boot, the wall clock is so far ahead of that one; oldest first. */
export type ClockOffsets = readonly { readonly atS: number; readonly offsetS: number }[];

/** Where a clock keeps them. */
export interface KeptOffsets {
  /** As they were kept; empty where nothing is known. */
  readonly offsets: ClockOffsets;
  keep(offsets: ClockOffsets): void;
}

export const NOTHING_KEPT: KeptOffsets = { offsets: [], keep: () => undefined };

export class ClockFile implements KeptOffsets {
  readonly offsets: ClockOffsets;
  readonly #path: string;
  readonly #boot: string;
  readonly #warning: RepeatedWarning;
  #latest: ClockOffsets = [];
  #writing: Promise<void> | null = null;

  /** `boot`: another one with each start of the machine. A file that cannot be read is as none. */
  constructor(path: string, boot: string, logger: Logger) {
    this.#path = path;
    this.#boot = boot;
    this.#warning = new RepeatedWarning(logger);
    this.offsets = offsetsIn(path, boot);
  }

  /** Written in the background, the latest at last. */
  keep(offsets: ClockOffsets): void {
    this.#latest = [...offsets];
    this.#writing ??= this.#write().finally(() => { this.#writing = null; });
  }

  /** When all is written. */
  async settled(): Promise<void> { while (this.#writing) await this.#writing; }

  async #write(): Promise<void> {
    for (let written: ClockOffsets | null = null; written !== this.#latest;) {
      written = this.#latest;
      try {
        await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
        await writeFile(`${this.#path}.part`, JSON.stringify({ boot: this.#boot, offsets: written }), { mode: 0o600 });
        await rename(`${this.#path}.part`, this.#path);
        this.#warning.over();
      } catch (cause) {
        this.#warning.warn({ file: this.#path }, `what the clock of this node was set by cannot be kept: ${(cause as Error).message}`);
      }
    }
  }
}

function offsetsIn(path: string, boot: string): ClockOffsets {
  try {
    const kept = JSON.parse(readFileSync(path, 'utf8')) as { boot?: unknown; offsets?: unknown };
    if (kept.boot !== boot || !Array.isArray(kept.offsets)) return [];
    const offsets = kept.offsets as { atS?: unknown; offsetS?: unknown }[];
    return offsets.every(({ atS, offsetS }) => Number.isFinite(atS) && Number.isFinite(offsetS)) ? offsets as unknown as ClockOffsets : [];
  } catch {
    return [];
  }
}
