// The cameras of a kernel, added, changed and removed while it runs. Changes of one camera come one after another and never touch
// another one; a change of what its process does not read (its name, how long recordings are kept) leaves the process alone.
import { isDeepStrictEqual } from 'node:util';
import { RuthError, type CameraSettings } from '@ruth/protocol';

/** Why a camera ends. `orphaned`: who supervised the kernel is gone, and did not stop it. */
export type CameraEnd = 'changed' | 'removed' | 'stopped' | 'orphaned';

/** What the roster needs of a camera; KernelCamera is one. */
export interface RosterCamera {
  readonly settings: CameraSettings;
  start(): void;
  /** Ends it, and resolves when nothing of it runs any more. */
  end(why: CameraEnd): Promise<void>;
  /** Takes settings that differ in nothing that the process reads. */
  describe(settings: CameraSettings): void;
}

const MAX_CAMERAS = 1024;

export class CameraRoster<C extends RosterCamera> {
  readonly #make: (settings: CameraSettings) => C;
  readonly #cameras = new Map<string, C>();
  /** By camera: when its last change is done. */
  readonly #changes = new Map<string, Promise<void>>();
  #closed = false;

  constructor(make: (settings: CameraSettings) => C) { this.#make = make; }

  [Symbol.iterator](): IterableIterator<C> { return this.#cameras.values(); }

  /** Undefined where there is none. */
  find(id: string): C | undefined { return this.#cameras.get(id); }

  /** Throws `camera_not_found`. */
  get(id: string): C {
    const camera = this.#cameras.get(id);
    if (!camera) throw new RuthError('camera_not_found', `there is no camera ${JSON.stringify(id)}`);
    return camera;
  }

  /** Adds the camera or changes it. Throws `overloaded` above 1024 cameras, `shutting_down`. */
  put(settings: CameraSettings): Promise<C> {
    return this.#change(settings.id, async () => {
      const present = this.#cameras.get(settings.id);
      if (present && isDeepStrictEqual(readByProcess(present.settings), readByProcess(settings))) {
        present.describe(settings);
        return present;
      }
      if (!present && this.#cameras.size >= MAX_CAMERAS) throw new RuthError('overloaded', `${MAX_CAMERAS} cameras are there already`);
      // One client at a time: many cameras serve no more, and the ring has one writer.
      await present?.end('changed');
      if (this.#closed) throw closing();
      return this.add(settings);
    });
  }

  /** Adds and starts a camera that is not there yet. */
  add(settings: CameraSettings): C {
    const camera = this.#make(settings);
    this.#cameras.set(settings.id, camera);
    camera.start();
    return camera;
  }

  /** Resolves when nothing of it runs any more. Throws `camera_not_found`, `shutting_down`. */
  remove(id: string): Promise<void> {
    return this.#change(id, async () => {
      const camera = this.get(id);
      this.#cameras.delete(id);
      await camera.end('removed');
    });
  }

  async close(why: CameraEnd): Promise<void> {
    this.#closed = true;
    await Promise.all([...[...this.#cameras.values()].map((camera) => camera.end(why)), ...this.#changes.values()]);
  }

  async #change<T>(id: string, change: () => Promise<T>): Promise<T> {
    const before = this.#changes.get(id);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#changes.set(id, done);
    try {
      await before;
      if (this.#closed) throw closing();
      return await change();
    } finally {
      resolve();
      if (this.#changes.get(id) === done) this.#changes.delete(id);
    }
  }
}

const closing = (): RuthError => new RuthError('shutting_down', 'the kernel is stopping');

function readByProcess({ name: _, note: __, onvif: ___, recording, ...rest }: CameraSettings): unknown {
  return { ...rest, record: recording.active };
}
