// Records of one kind in a bucket of JetStream, checked when they are read. Writes name the revision that they replace: who knows an older one changes nothing. What is watched is watched anew after each
// reconnection.
import { JetStreamApiError } from '@nats-io/jetstream';
import type { KV, KvEntry } from '@nats-io/kv';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { RuthError } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import { setTimeout as delay } from 'node:timers/promises';

const WRONG_LAST_SEQUENCE = 10_071;
/** A request that has no answer by then has none. */
export const ANSWER_LIMIT_MS = 2000;
export const RECONNECT_MS = 500;
/** Header of what is said again: the revision that it is. */
export const SEQUENCE = 'Nats-Sequence';

export interface Entry<T> { readonly key: string; /** Null: deleted. */ readonly value: T | null; readonly revision: number; /** When it was written, by the clock of NATS. */ readonly createdMs: number }

/** One that is there. */
export interface Present<T> { readonly value: T; readonly revision: number }

type Changes = Awaited<ReturnType<KV['watch']>>;

/** What was told while a connection was lost may be lost with it, and where nothing else follows nobody notices: whatever is watched is watched anew after that. */
export class Reconnects {
  readonly #listeners = new Set<() => void>();

  constructor(connection: NatsConnection) {
    void (async () => {
      for await (const { type } of connection.status()) if (type === 'reconnect') for (const listener of [...this.#listeners]) listener();
    })();
  }

  /** Stops `changes` at the next reconnection, which `isLost` then says, or when `signal` aborts. */
  whileConnected(changes: Changes, signal: AbortSignal): { readonly stop: () => void; readonly isLost: () => boolean } {
    let lost = false;
    const end = (): void => changes.stop();
    const lose = (): void => {
      lost = true;
      end();
    };
    this.#listeners.add(lose);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    return {
      isLost: () => lost && !signal.aborted,
      stop: () => {
        this.#listeners.delete(lose);
        signal.removeEventListener('abort', end);
      },
    };
  }
}

/** One kind of record: a bucket, and what its keys begin with. */
export class Records<T> {
  readonly #kv: KV;
  readonly #reconnects: Reconnects;
  readonly #prefix: string;
  readonly #validator: { parse(value: unknown): T };
  readonly #logger: Logger;

  constructor(kv: KV, reconnects: Reconnects, prefix: string, check: { parse(value: unknown): T }, logger: Logger) {
    this.#kv = kv;
    this.#reconnects = reconnects;
    this.#prefix = prefix;
    this.#validator = check;
    this.#logger = logger;
  }

  /** With `revision`: null also where that is not its newest one any more; a server finds it at once, where the newest of a name is searched for. */
  async get(id: string, revision?: number): Promise<Entry<T> | null> {
    const key = this.#prefix + encodeToken(id);
    const entry = await this.#kv.get(key, revision === undefined ? undefined : { revision }).catch((cause: unknown) => { throw new RuthError('unreachable', `JetStream does not tell ${key}: ${(cause as Error).message}`, { cause }); });
    return entry && this.#entry(entry);
  }

  /** Returns its revision. Throws `conflict` where it is no longer the one of `revision`; 0: where it is there already. */
  async put(id: string, value: T, revision: number | null): Promise<number> {
    const key = this.#prefix + encodeToken(id);
    const data = JSON.stringify(value);
    try {
      return revision === null ? await this.#kv.put(key, data) : revision === 0 ? await this.#kv.create(key, data) : await this.#kv.update(key, data, revision, ANSWER_LIMIT_MS);
    } catch (cause) {
      throw refusalOf(key, cause);
    }
  }

  /** With `revision`: throws `conflict` where that is not its newest one any more. */
  async delete(id: string, revision?: number): Promise<void> {
    const key = this.#prefix + encodeToken(id);
    await this.#kv.delete(key, revision === undefined ? undefined : { previousSeq: revision }).catch((cause: unknown) => { throw refusalOf(key, cause); });
  }

  /** What it was, oldest first; the last is what it is. As far as the bucket keeps it. */
  async history(id: string): Promise<Entry<T>[]> {
    const entries: Entry<T>[] = [];
    for await (const change of await this.#kv.history({ key: this.#prefix + encodeToken(id) })) {
      const entry = this.#entry(change);
      if (entry) entries.push(entry);
    }
    return entries;
  }

  /**
   * Tells each record that is there, then each change, until `signal` aborts; and all that are there once more where the connection was lost meanwhile. `caughtUp` once all are told that were there. One
   * record alone with `id`. Rejects where JetStream ends it.
   */
  async watch(onEntry: (entry: Entry<T>) => void, { signal, id, caughtUp }: { signal: AbortSignal; id?: string; caughtUp?: () => void }): Promise<void> {
    const key = this.#prefix + (id === undefined ? '>' : encodeToken(id));
    for (let changes: Changes | null = await this.#kv.watch({ key }); changes; ) {
      const { stop, isLost } = this.#reconnects.whileConnected(changes, signal);
      using _ = { [Symbol.dispose]: stop };
      // Where no record is there, none tells that it is the last one.
      if (caughtUp && (id === undefined ? await isEmpty(this.#kv, key) : !(await this.get(id))?.value)) {
        caughtUp();
        caughtUp = undefined;
      }
      for await (const change of changes) {
        const entry = this.#entry(change);
        if (entry) onEntry(entry);
        if (!change.isUpdate) continue;
        caughtUp?.();
        caughtUp = undefined;
      }
      changes = isLost() ? await this.#watchAgain(key, signal) : null;
    }
  }

  /** A cluster that just came back may need seconds. */
  async #watchAgain(key: string, signal: AbortSignal): Promise<Changes | null> {
    while (!signal.aborted) {
      const changes = await this.#kv.watch({ key }).catch(() => null);
      if (changes) return changes;
      await delay(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
    return null;
  }

  /** Of a message in which a server says again what it stored. Null for one that is broken. */
  saidAgain(id: string, { headers, data: value }: Msg): Entry<T> | null {
    const revision = Number(headers?.get(SEQUENCE));
    if (!Number.isSafeInteger(revision) || revision < 1) return null;
    return this.#entry({ key: this.#prefix + encodeToken(id), operation: headers!.has('KV-Operation') ? 'DEL' : 'PUT', revision, value, created: new Date() });
  }

  #entry({ key, operation, revision, value, created }: Pick<KvEntry, 'key' | 'operation' | 'revision' | 'value' | 'created'>): Entry<T> | null {
    const id = decode(key.slice(this.#prefix.length));
    if (operation !== 'PUT') return { key: id, value: null, revision, createdMs: created.getTime() };
    try {
      return { key: id, value: this.#validator.parse(JSON.parse(Buffer.from(value).toString('utf8'))), revision, createdMs: created.getTime() };
    } catch (cause) {
      // One record that nobody can read must not stop the site.
      this.#logger.error({ key, revision }, `a record of the site is broken and not regarded: ${(cause as Error).message}`);
      return null;
    }
  }
}

/** All that are there, once. */
export async function allOf<T>(records: Records<T>): Promise<Map<string, Present<T>>> {
  const found = new Map<string, Present<T>>();
  const end = new AbortController();
  await records.watch(({ key, value, revision }) => { if (value) found.set(key, { value, revision }); }, { signal: end.signal, caughtUp: () => end.abort() });
  return found;
}

function refusalOf(key: string, cause: unknown): RuthError {
  if (cause instanceof JetStreamApiError && cause.code === WRONG_LAST_SEQUENCE) return new RuthError('conflict', `${key} was changed by somebody else`, { cause });
  return new RuthError('unreachable', `JetStream did not take ${key}: ${(cause as Error).message}`, { cause });
}

async function isEmpty(kv: KV, filter: string): Promise<boolean> {
  for await (const _ of await kv.keys(filter)) return false;
  return true;
}

/** Ids have dots, which divide the subjects of NATS. */
export const encodeToken = (id: string): string => id.replaceAll('.', '=');
const decode = (key: string): string => key.replaceAll('=', '.');
