// Measures what the node takes, now and then, and tells what the machine carries by the last minutes.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError, type Capacity } from '@ruth/protocol';
import { capacityOf, type CapacityLimits } from './capacity.ts';
import type { NodeSample } from './node-sample.ts';

const INTERVAL_MS = 15_000;
/** The first is compared with the last: two minutes. */
const MOST_SAMPLES = 9;

export interface CapacityWatchOptions {
  readonly sample: () => Promise<NodeSample>;
  readonly limits: () => CapacityLimits;
  readonly intervalMs?: number;
}

export class CapacityWatch {
  readonly #options: CapacityWatchOptions;
  #samples: NodeSample[] = [];
  #failure: RuthError | null = null;

  constructor(options: CapacityWatchOptions) { this.#options = options; }

  /** Throws what kept it from being measured: `unreachable` where kernel or core are away. */
  capacity(): Capacity {
    if (this.#failure) throw this.#failure;
    return capacityOf(this.#samples[0] ?? null, this.#samples.at(-1) ?? null, this.#options.limits());
  }

  async run(signal: AbortSignal): Promise<void> {
    const { sample, intervalMs = INTERVAL_MS } = this.#options;
    while (!signal.aborted) {
      try {
        this.#samples = [...this.#samples.slice(1 - MOST_SAMPLES), await sample()];
        this.#failure = null;
      } catch (cause) {
        // What comes after it is measured anew.
        this.#samples = [];
        this.#failure = RuthError.from(cause);
      }
      await delay(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
