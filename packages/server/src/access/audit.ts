// Notes who saw, changed and exported what. Written in the background, in batches; what cannot be written for long is counted. The same
// person seeing the same camera (of a recording, the same hour of it) in the same way again within a minute is one note.
import type { Logger } from '@ruth/transport';
import type { AuditRow, Store } from '../store/index.ts';
import type { Identity } from './identity.ts';

const MOST_WAITING = 2048;
const GATHER_MS = 200;
const AGAIN_MS = 60_000;
const MOST_RECENT = 4096;
const KEPT_US = 400 * 86_400e6;
const TIDY_EVERY_MS = 6 * 3600_000;

/** `hour`: of the recording that it is about. */
export interface Deed { readonly action: string; readonly camera?: string; readonly detail?: string; readonly address: string; readonly hour?: number }

export class Audit implements AsyncDisposable {
  readonly counters = { noted: 0, lost: 0 };
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #waiting: AuditRow[] = [];
  readonly #recent = new Map<string, number>();
  readonly #tidying: NodeJS.Timeout;
  #writing: Promise<void> | null = null;

  constructor(store: Store, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
    this.#tidying = setInterval(() => { void store.write('forgetAudit', Date.now() * 1000 - KEPT_US).catch(() => undefined); }, TIDY_EVERY_MS);
    this.#tidying.unref();
  }

  /** Every time. */
  note(actor: Identity | string, { action, camera = '', detail = '', address }: Deed): void {
    if (this.#waiting.length >= MOST_WAITING) {
      if (this.counters.lost++ === 0) this.#logger.error('the audit log cannot be written to, and what is done goes unnoted');
      return;
    }
    this.#waiting.push({ at_us: Date.now() * 1000, actor: typeof actor === 'string' ? actor : actor.name, action, camera, detail, address });
    this.#writing ??= this.#write();
  }

  /** Once in a while. */
  saw(actor: Identity | string, deed: Deed): void {
    const key = `${typeof actor === 'string' ? actor : actor.name} ${deed.address} ${deed.action} ${deed.camera} ${deed.hour}`;
    const nowMs = performance.now();
    if (nowMs - (this.#recent.get(key) ?? -Infinity) < AGAIN_MS) return;
    this.#recent.delete(key);
    this.#recent.set(key, nowMs);
    if (this.#recent.size > MOST_RECENT) this.#recent.delete(this.#recent.keys().next().value!);
    this.note(actor, deed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#tidying);
    await this.#writing;
    if (this.#waiting.length > 0) await this.#store.write('note', this.#waiting.splice(0)).catch(() => undefined);
  }

  async #write(): Promise<void> {
    await new Promise((resolve) => { setTimeout(resolve, GATHER_MS); });
    const rows = this.#waiting.splice(0);
    this.#writing = null;
    try {
      await this.#store.write('note', rows);
      this.counters.noted += rows.length;
    } catch (error) {
      this.#waiting.unshift(...rows.slice(0, Math.max(0, MOST_WAITING - this.#waiting.length)));
      this.#logger.warn(`the audit log waits for the store: ${(error as Error).message}`);
    }
  }
}
