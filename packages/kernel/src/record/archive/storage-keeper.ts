// Keeps the recordings within their limits and the disk from filling up, and says how the disk is. Deletes in small batches, so that
// the store answers others between them; never what is kept or held.
import type { GapCause, RecordingHealth, RecordingSettings, StorageStatus, UnclaimedFiles } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { DiskSpace } from './archive-store.ts';
import type { Clock } from './gap-watch.ts';
import { isAside } from './aside.ts';
import type { Deletable, DeletionCause, RetentionLimits } from './retention.ts';
import type { StoreThread } from './store-thread.ts';

type Aside = Readonly<Record<string, Omit<UnclaimedFiles, 'cameras'>>>;

export interface StorageKeeperOptions {
  readonly settings: RecordingSettings;
  readonly store: StoreThread;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly space?: () => DiskSpace;
  /** What the start found and did. */
  readonly repaired: Record<string, number>;
  /** Files in use; their deletion waits. */
  readonly held: ReadonlyMap<string, number>;
  readonly limits: () => RetentionLimits;
  /** Why recorders pause, one for each that does. */
  readonly paused: () => GapCause[];
  readonly onEvent: (event: { state: StorageStatus['state']; message: string }) => void;
}

const SWEEP_INTERVAL_MS = 30_000;
/** While recorders pause for want of room. */
const URGENT_INTERVAL_MS = 1000;
const BATCH = 64;
/** Deleting early makes so much more room than is wanted, that it need not begin anew at once. */
const EARLY_SHARE = 1.02;
/** Deleted at a time while recorders pause for want of room, where no free space is asked for. */
const ROOM_TO_GO_ON_BYTES = 64 << 20;
/** A disk whose room lasts for moments is full all the while: it is told once, not each time. */
const FULL_FOR_MS = 20_000;
/** So much more room than is wanted, and the disk counts as nearly full no longer. */
const EASED_SHARE = 1.25;

export class StorageKeeper {
  readonly #options: StorageKeeperOptions;
  readonly #deleting = new Set<string>();
  #state: StorageStatus['state'] = 'ok';
  #message: string | null = null;
  #sinceUs: number;
  /** When recorders last paused for want of room. */
  #fullMs = -Infinity;
  /** Room was wanted, and nothing was left that may be deleted for it. */
  #nothingLeft = false;
  #nearlyFull = false;
  #failure: string | null = null;
  #lastMs = -Infinity;
  #soon = true;
  #sweeping: Promise<void> | null = null;
  /** By camera, as the last sweep found it. */
  #aside: Aside = {};
  /** Files, by why; null while there were none. */
  #asideDeleted: Record<DeletionCause | 'bytes', number> | null = null;

  constructor(options: StorageKeeperOptions) {
    this.#options = options;
    this.#sinceUs = options.clock.utcUs();
  }

  /** How it is, from memory. */
  get health(): RecordingHealth { return { state: this.#state, message: this.#message, since: this.#sinceUs / 1e6 }; }

  /** Its file may be gone, or goes now. */
  isDeleting(file: string): boolean { return this.#deleting.has(file); }

  /** Something may have to be deleted: not to be put off until the next turn. */
  lookSoon(): void { this.#soon = true; }

  /** To be called every second or so. */
  look(): void {
    const sinceMs = this.#options.clock.monotonicMs() - this.#lastMs;
    if (sinceMs >= SWEEP_INTERVAL_MS || (sinceMs >= URGENT_INTERVAL_MS && (this.#soon || this.#options.paused().length > 0 || this.#state === 'full'))) void this.sweep();
  }

  /** One at a time. Never throws: what fails is the state of the storage. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep().catch((error: Error) => { this.#failure = error.message; }).finally(() => {
      this.#sweeping = null;
      this.#judge();
    });
    return this.#sweeping;
  }

  /** All of what lies aside; null where nothing does. */
  get unclaimed(): UnclaimedFiles | null { return sumOf(this.#aside); }

  async settled(): Promise<void> { await this.#sweeping; }

  async status(): Promise<StorageStatus> {
    const { settings, store, repaired } = this.#options;
    const { unclaimed } = this;
    const usage = [...(await store.call('usage')).values()];
    const space = await this.#space().catch(() => null);
    return {
      directory: settings.directory, bytes: usage.reduce((sum, { bytes }) => sum + bytes, 0), segments: usage.reduce((sum, { segments }) => sum + segments, 0),
      free_bytes: space?.freeBytes ?? null, total_bytes: space?.totalBytes ?? null, state: this.#state, message: this.#message, repaired, ...(unclaimed && { unclaimed }), ...(this.#asideDeleted && { unclaimed_deleted: { ...this.#asideDeleted } }),
    };
  }

  async #sweep(): Promise<void> {
    const { store, settings: { minFreeBytes }, clock, limits, held, logger } = this.#options;
    this.#lastMs = clock.monotonicMs();
    this.#soon = false;
    const { freeBytes } = await this.#space();
    if (freeBytes < minFreeBytes) this.#nearlyFull = true;
    else if (freeBytes >= minFreeBytes * EASED_SHARE) this.#nearlyFull = false;
    const wanted = Math.max(freeBytes < minFreeBytes ? minFreeBytes * EARLY_SHARE - freeBytes : 0, this.#options.paused().includes('disk_full') ? ROOM_TO_GO_ON_BYTES : 0);
    // A folder that cannot be read holds what it held.
    const lookAside = async (): Promise<void> => { this.#aside = await store.call('unclaimedFiles').catch(() => this.#aside); };
    await lookAside();
    const goneAside: Deletable[] = [];
    this.#nothingLeft = false;
    let deleted = 0;
    let files = 0;
    this.#failure = null;
    for (;;) {
      const chosen = await store.call('deletable', { limits: limits(), nowUs: clock.utcUs(), bytes: wanted - deleted, passedOver: [...held.keys()], atMost: BATCH });
      // Who began to read meanwhile keeps its files.
      const batch = chosen.map(({ file }) => file).filter((file) => !held.has(file));
      if (batch.length === 0) {
        this.#nothingLeft = wanted > deleted;
        break;
      }
      for (const file of batch) this.#deleting.add(file);
      const { bytes, files: gone, message } = await store.call('delete', batch, clock.utcUs()).finally(() => { for (const file of batch) this.#deleting.delete(file); });
      deleted += bytes;
      files += gone.length;
      goneAside.push(...chosen.filter(({ file }) => isAside(file) && gone.includes(file)));
      this.#failure = message;
      if (gone.length === 0) break;
    }
    if (goneAside.length > 0) {
      this.#tellAside(goneAside, freeBytes);
      await lookAside();
    }
    if (files > 0) logger.info({ files, bytes: deleted, free_bytes: freeBytes, early: wanted > 0 }, 'deleted the oldest recordings');
  }

  /** Nobody has decided about these: whether another node has them is not known. */
  #tellAside(gone: readonly Deletable[], freeBytes: number): void {
    const bytes = gone.reduce((sum, one) => sum + one.bytes, 0);
    const deleted = this.#asideDeleted ??= { bytes: 0, age: 0, size: 0, room: 0 };
    deleted.bytes += bytes;
    for (const { cause } of gone) deleted[cause]++;
    this.#options.logger.warn({ files: gone.length, bytes, free_bytes: freeBytes, causes: [...new Set(gone.map(({ cause }) => cause))] }, 'what was recorded aside, and nobody has decided about, is deleted: it was older than recordings are kept, or the oldest where there was no room for all');
  }

  #space(): Promise<DiskSpace> {
    const { space, store } = this.#options;
    return space ? Promise.resolve(space()) : store.call('space');
  }

  /** From what is known the one state that matters most; a change of it is told. */
  #judge(): void {
    const { settings: { directory }, paused, onEvent, clock } = this.#options;
    const causes = paused();
    const isFull = causes.includes('disk_full');
    if (isFull) this.#fullMs = clock.monotonicMs();
    const why = this.#nothingLeft ? '. No recording older than a minute is left that may be deleted for it (what is kept stays): something else takes the room' : '';
    const [state, message]: [StorageStatus['state'], string] =
      isFull ? ['full', `the disk of ${directory} is full: recording pauses until there is room${why}`]
      : clock.monotonicMs() - this.#fullMs < FULL_FOR_MS ? ['full', `the disk of ${directory} was full a moment ago: recording goes on, for as long as there is room${why}`]
      : this.#failure !== null || causes.length > 0 ? ['failing', `the disk of ${directory} fails: ${this.#failure ?? causes[0]}`]
      : this.#nearlyFull ? ['nearly_full', `the disk of ${directory} is nearly full: the oldest recordings are deleted early`]
      : ['ok', `the disk of ${directory} has room, and recording goes on`];
    this.#message = state === 'ok' ? null : message;
    if (state === this.#state) return;
    this.#state = state;
    this.#sinceUs = clock.utcUs();
    onEvent({ state, message });
  }
}

/** Null for none. */
export function sumOf(aside: Aside): UnclaimedFiles | null {
  const cameras = Object.values(aside);
  if (cameras.length === 0) return null;
  return { cameras: cameras.length, files: cameras.reduce((sum, { files }) => sum + files, 0), bytes: cameras.reduce((sum, { bytes }) => sum + bytes, 0), since: Math.min(...cameras.map(({ since }) => since)) };
}
