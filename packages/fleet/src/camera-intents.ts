// What shall be seen at the cameras that this node has: told to its core, which keeps nothing of it when it dies, and may be away.
import { isDeepStrictEqual } from 'node:util';
import { RuthError, type CameraSubscriptions, type SiteCamera } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';

/** What this needs of core. */
export interface CoreOfNode {
  /** Process that answers: another one knows nothing of what the one before was told. */
  incarnation(): Promise<string>;
  put(camera: string, subscriptions: CameraSubscriptions): Promise<void>;
  remove(camera: string): Promise<void>;
}

export class CameraIntents {
  readonly #core: CoreOfNode;
  readonly #logger: Logger;
  readonly #told = new Map<string, CameraSubscriptions>();
  #incarnation: string | null = null;
  #failed: string | null = null;
  #telling = false;

  constructor(core: CoreOfNode, logger: Logger) {
    this.#core = core;
    this.#logger = logger;
  }

  /** Tells what is new; never throws: recording does not wait for what looks. */
  async tell(cameras: ReadonlyMap<string, SiteCamera>): Promise<void> {
    // Of what comes meanwhile, the next one tells.
    if (this.#telling) return;
    this.#telling = true;
    try {
      if (cameras.size > 0 || this.#told.size > 0) await this.#converge(cameras);
      this.#failed = null;
    } catch (cause) {
      const { code, message } = RuthError.from(cause);
      if (this.#failed !== message) this.#logger.warn({ code }, `core could not be told what to look at: ${message}`);
      this.#failed = message;
    } finally {
      this.#telling = false;
    }
  }

  async #converge(cameras: ReadonlyMap<string, SiteCamera>): Promise<void> {
    const incarnation = await this.#core.incarnation();
    if (incarnation !== this.#incarnation) this.#told.clear();
    this.#incarnation = incarnation;
    for (const id of [...this.#told.keys()].filter((one) => !cameras.has(one))) {
      await this.#core.remove(id);
      this.#told.delete(id);
    }
    for (const [id, { intent }] of cameras) {
      const wanted: CameraSubscriptions = {
        subscriptions: (intent?.subscriptions ?? []).map((subscription) => ({ ...subscription, camera: id })), scene: intent?.scene ?? {}, rules: intent?.rules ?? [],
      };
      if (isDeepStrictEqual(this.#told.get(id), wanted)) continue;
      await this.#core.put(id, wanted);
      this.#told.set(id, wanted);
    }
  }
}
