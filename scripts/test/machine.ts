// What is left of this machine while tests run: whether its processors stand idle, and memory is free.
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** So long is looked: what has just begun shows by then. */
const LOOK_MS = 2000;
/** Of all processors. */
const IDLE_SHARE = 0.25;
/** As much as a whole node with a browser takes. */
const FREE_BYTES = 2e9;

export interface Machine {
  readonly cores: number;
  /** Looks for a while; false where it cannot be told. */
  hasRoom(): Promise<boolean>;
}

export const machine: Machine = {
  cores: availableParallelism(),
  async hasRoom() {
    const before = times();
    await delay(LOOK_MS);
    const { idleMs, allMs } = times();
    return idleMs - before.idleMs > IDLE_SHARE * (allMs - before.allMs) && process.availableMemory() > FREE_BYTES;
  },
};

/** Of all processors together, since they began. */
function times(): { idleMs: number; allMs: number } {
  const all = cpus().map((cpu) => cpu.times);
  return { idleMs: all.reduce((sum, { idle }) => sum + idle, 0), allMs: all.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0) };
}
