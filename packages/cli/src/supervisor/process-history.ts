// What became of a process so far: its state, since when, and why it ended each time; with what it takes now.
import type { SupervisedProcessStatus } from '@ruth/protocol';
import { processUsage } from '@ruth/transport';
import type { ProcessState, SupervisedProcess } from './supervised-process.ts';

const MOST_ENDS = 20;

export class ProcessHistory {
  readonly #utcMs: () => number;
  readonly #ends: { at: number; reason: string }[] = [];
  #state: ProcessState = 'starting';
  #since: number;
  #reason: string | null = null;

  constructor(utcMs: () => number = Date.now) {
    this.#utcMs = utcMs;
    this.#since = utcMs() / 1000;
  }

  get state(): ProcessState { return this.#state; }
  get reason(): string | null { return this.#reason; }

  note(state: ProcessState, { reason }: Readonly<Record<string, unknown>>): void {
    const now = this.#utcMs() / 1000;
    this.#reason = typeof reason === 'string' ? reason : null;
    if (state === 'waiting' || state === 'crash_loop') {
      this.#ends.push({ at: now, reason: this.#reason ?? 'unknown' });
      if (this.#ends.length > MOST_ENDS) this.#ends.shift();
    }
    // One that was not replaced goes on as it was.
    if (state === 'not_replaced') {
      this.#state = 'ready';
      return;
    }
    this.#state = state;
    this.#since = now;
  }

  status(process: SupervisedProcess): SupervisedProcessStatus {
    const { pid } = process;
    return {
      name: process.definition.name, state: this.#state, pid, since: this.#since, reason: this.#reason, restarts: process.restarts, ends: [...this.#ends],
      ...(pid === null ? { resident_bytes: null, cpu_s: null } : usage(pid)),
    };
  }
}

/** As it is told; null where there is none of that id. */
export function usage(pid: number): { resident_bytes: number | null; cpu_s: number | null } {
  const used = processUsage(pid);
  return { resident_bytes: used?.residentBytes ?? null, cpu_s: used?.cpuS ?? null };
}
