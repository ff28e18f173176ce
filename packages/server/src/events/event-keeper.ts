// Events go with the recordings that they belong to: an hour of a camera is forgotten once it is older than events are kept, or than
// the oldest recording of the camera (unless told otherwise), and nothing of it is recorded (any more). Where the kernel cannot be asked, nothing goes.
import { setTimeout as sleep } from 'node:timers/promises';
import { CameraStatus, isId, RuthError, Timeline, validator } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import Type from 'typebox';
import { HOUR_US, type Store } from '../store/index.ts';
import type { Upstream } from '../upstream.ts';

const ROUND_MS = 10 * 60_000;
const HOURS_PER_DAY = 24;
const timelineOf = validator(Timeline);
const cameraStatuses = validator(Type.Array(CameraStatus));

export interface EventKeeperOptions {
  readonly store: Store;
  readonly kernel: Upstream;
  readonly logger: Logger;
  /** Of events without a recording, and of those that belong to no camera. Null: for ever. */
  readonly maxAgeDays: number | null;
  /** What is younger stays although its recording is gone; so it has to be where other nodes may have recorded, too: this kernel knows nothing of that. */
  readonly byAgeAlone?: boolean;
  /** Wall clock, milliseconds UTC. */
  readonly utcMs: () => number;
}

export class EventKeeper {
  readonly counters = { forgotten: 0 };
  readonly #options: EventKeeperOptions;

  constructor(options: EventKeeperOptions) { this.#options = options; }

  /** Ends when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(ROUND_MS, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.runOnce(signal).catch((error: unknown) => { this.#options.logger.warn(`old events stay for now: ${RuthError.from(error).message}`); });
    }
  }

  /** Throws `unreachable` where the kernel is away, and what the store throws. */
  async runOnce(signal: AbortSignal): Promise<void> {
    const { store, kernel, maxAgeDays, byAgeAlone = false, utcMs } = this.#options;
    const nowHour = Math.floor(utcMs() * 1000 / HOUR_US);
    const tooOld = maxAgeDays === null ? -Infinity : nowHour - maxAgeDays * HOURS_PER_DAY;
    const cameras = new Set((await kernel.get('/v1/cameras', cameraStatuses)).map(({ camera_id }) => camera_id));
    for (const { camera, hour: oldest } of await store.read('oldestHours')) {
      const recorded = cameras.has(camera) && isId(camera) ? await this.#recorded(camera, oldest, nowHour) : null;
      const before = Math.max(tooOld, (byAgeAlone ? null : recorded?.oldestHour) ?? -Infinity);
      if (oldest >= before) continue;
      for (const hour of await store.read('hoursOf', camera, oldest, Math.min(before, nowHour))) {
        if (signal.aborted) return;
        if (!recorded?.hours.has(hour)) await this.#forget(camera, hour, signal);
      }
    }
  }

  async #recorded(camera: string, fromHour: number, toHour: number): Promise<{ oldestHour: number; hours: Set<number> } | null> {
    const seconds = HOUR_US / 1e6;
    const path = `/v1/cameras/${camera}/timeline?start=${fromHour * seconds}&end=${(toHour + 1) * seconds}`;
    const timeline = await this.#options.kernel.get(path, timelineOf).catch((error: unknown) => {
      if ((error as RuthError).code === 'recording_off') return null;
      throw error;
    });
    if (!timeline || timeline.oldest === null) return null;
    const { oldest, spans } = timeline;
    const hours = new Set<number>();
    for (const { start, end } of spans) for (let hour = Math.floor(start / seconds); hour * seconds < end; hour++) hours.add(hour);
    return { oldestHour: Math.floor(oldest / seconds), hours };
  }

  async #forget(camera: string, hour: number, signal: AbortSignal): Promise<void> {
    for (let isDone = false; !isDone && !signal.aborted;) {
      const forgotten = await this.#options.store.write('forgetHour', camera, hour);
      this.counters.forgotten += forgotten.events;
      isDone = forgotten.isDone;
    }
  }
}
