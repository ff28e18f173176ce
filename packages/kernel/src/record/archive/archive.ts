// The archive of a kernel: every camera's recordings and gaps, asked for by playback and the API; how much disk they take, and what
// is deleted for it. Files are written by the cameras' own processes; everything about them that must last is in the store.
import { join } from 'node:path';
import { MOST_EDGES, RuthError, type CameraSettings, type KeptFile, type RecordingHealth, type RecordingSeam, type StorageStatus, type Timeline, type UnclaimedFiles } from '@ruth/protocol';
import { SYNC_DELAY_US, type Segment } from '../segment.ts';
import type { ArchiveView, GrownSegment } from './archive-view.ts';
import type { CameraExtent, DiskSpace } from './archive-store.ts';
import type { AsideSpan } from './aside.ts';
import type { ClaimDecision, Claimed } from './claim.ts';
import type { FoundKeyframe } from './keyframes.ts';
import { CameraArchive, eventGap } from './camera-archive.ts';
import { systemClock, type Clock } from './gap-watch.ts';
import { openStore, type OpeningOptions } from './opening.ts';
import { appendSpan, unpack } from './segment-index.ts';
import { StorageKeeper } from './storage-keeper.ts';
import type { StoreThread } from './store-thread.ts';

export interface ArchiveOptions extends OpeningOptions {
  /** How much room the disk has; asked of the file system unless given. */
  readonly space?: () => DiskSpace;
}

const LOOK_INTERVAL_MS = 1000;
const KEPT_AT_ONCE = 500;

export class Archive implements ArchiveView, AsyncDisposable {
  readonly #options: ArchiveOptions;
  readonly #clock: Clock;
  readonly #store: StoreThread;
  readonly #keeper: StorageKeeper;
  readonly #cameras = new Map<string, CameraArchive>();
  readonly #extents: Map<string, CameraExtent>;
  /** How many hold a file. */
  readonly #holds = new Map<string, number>();
  readonly #listeners = new Set<(grown: GrownSegment) => void>();
  readonly #timer: NodeJS.Timeout;
  #unclaimed: Readonly<Record<string, AsideSpan>> = {};
  #asking = false;
  /** When the claims so far are done. */
  #claimed: Promise<unknown> = Promise.resolve();

  private constructor(options: ArchiveOptions, store: StoreThread, extents: Map<string, CameraExtent>, repaired: Record<string, number>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#store = store;
    this.#extents = extents;
    this.#keeper = new StorageKeeper({
      ...options, store, repaired, clock: this.#clock, held: this.#holds,
      limits: () => ({ all: options.settings, cameras: Object.fromEntries([...this.#cameras].map(([id, { limits }]) => [id, limits])) }),
      paused: () => [...this.#cameras.values()].flatMap(({ paused }) => paused ?? []),
      onEvent: ({ state, message }) => options.onEvent({ type: 'recording.storage', state, message }),
    });
    this.#timer = setInterval(() => this.look(), LOOK_INTERVAL_MS);
  }

  /**
   * Opens the folder and puts right what a crash left. Nothing may record into it before this resolves. Throws `invalid_state`
   * naming the owner where another kernel has it, `invalid_config` where it cannot be used.
   */
  static async open(options: ArchiveOptions): Promise<Archive> {
    const { store, extents, repaired } = await openStore(options);
    return new Archive(options, store, extents, repaired);
  }

  /** The camera's part. What was recorded of a camera that is gone stays, and goes on when it returns. */
  camera(settings: Pick<CameraSettings, 'id' | 'recording'>): CameraArchive {
    const { id } = settings;
    let camera = this.#cameras.get(id);
    if (!camera) {
      camera = new CameraArchive({
        cameraId: id, extent: this.#extents.get(id) ?? { newestEndUs: null, gap: null }, store: this.#store, clock: this.#clock, logger: this.#options.logger,
        onGap: (gap) => this.#options.onEvent({ type: 'recording.gap', camera_id: id, gap }),
        onGrew: (segment, fragment) => { for (const listener of this.#listeners) listener({ segment, fragment }); },
        onPaused: () => this.#keeper.lookSoon(),
      });
      this.#cameras.set(id, camera);
    }
    camera.describe(settings);
    return camera;
  }

  /** Of all that are recorded, or were. */
  get cameraIds(): string[] { return [...new Set([...this.#extents.keys(), ...this.#cameras.keys()])]; }

  /** Cameras of which something was recorded aside, and from when to when, as the last call found them: each call looks anew. */
  get unclaimed(): Readonly<Record<string, AsideSpan>> {
    if (!this.#asking) {
      this.#asking = true;
      this.#store.call('unclaimed').then((found) => { this.#unclaimed = found; }, () => undefined).finally(() => { this.#asking = false; });
    }
    return this.#unclaimed;
  }

  /** All that lies aside, half a minute ago; null where nothing did. */
  get unclaimedFiles(): UnclaimedFiles | null { return this.#keeper.unclaimed; }

  /** What was recorded aside of a camera becomes part of its recordings, or is deleted, as is decided; but for a file that is being written. */
  async claim(cameraId: string, decision: ClaimDecision): Promise<Claimed> {
    const claimed = this.#claimed.then(() => this.#claim(cameraId, decision));
    this.#claimed = claimed.catch(() => undefined);
    return claimed;
  }

  async #claim(cameraId: string, decision: ClaimDecision): Promise<Claimed> {
    let all: Claimed = { spans: [], gaps: [], deletedFiles: 0, leftFiles: 0 };
    for (let done = true; done;) {
      const { spans, gaps, deletedFiles, leftFiles } = await this.#store.call('claim', cameraId, decision);
      all = { spans: [...all.spans, ...spans], gaps: [...all.gaps, ...gaps], deletedFiles: all.deletedFiles + deletedFiles, leftFiles };
      done = leftFiles > 0 && (spans.length > 0 || deletedFiles > 0);
    }
    const newest = all.spans.at(-1);
    if (newest) {
      if (!this.#extents.has(cameraId)) this.#extents.set(cameraId, { newestEndUs: newest.endUs, gap: null });
      this.#cameras.get(cameraId)?.wasRecordedUntil(newest.endUs);
    }
    for (const gap of all.gaps) this.#options.onEvent({ type: 'recording.gap', camera_id: cameraId, gap: eventGap(gap) });
    return all;
  }

  /** Keyframes with which another node's recordings begin or end: which of them lie aside here, and where. */
  findAside(cameraId: string, wanted: readonly RecordingSeam[]): Promise<FoundKeyframe[]> { return this.#store.call('findAside', cameraId, wanted); }

  /** With which keyframe each run of recordings begins in that time, and which is the last of one that ends in it. What is told as one has less than `joinedUs` between. */
  async edges(cameraId: string, startUs: number, endUs: number, joinedUs: number): Promise<{ readonly firsts: RecordingSeam[]; readonly lasts: RecordingSeam[] }> {
    const segments = (await this.segments(cameraId, startUs, endUs)).filter(({ fragments }) => fragments.length > 0);
    const isBreak = (index: number): boolean => index === 0 || index === segments.length || segments[index]!.startUs - segments[index - 1]!.endUs > joinedUs;
    const wanted = segments.flatMap((segment, index): [Segment, 'first' | 'last'][] => [
      ...(isBreak(index) && segment.startUs >= startUs ? [[segment, 'first'] as [Segment, 'first']] : []), ...(isBreak(index + 1) && segment.endUs < endUs ? [[segment, 'last'] as [Segment, 'last']] : []),
    ]).slice(0, MOST_EDGES);
    const found = await this.#store.call('keyframes', wanted);
    const of = (one: 'first' | 'last'): RecordingSeam[] => found.flatMap((seam, index) => (seam && wanted[index]![1] === one ? [seam] : []));
    return { firsts: of('first'), lasts: of('last') };
  }

  /** What of that time is recorded, and what lies aside: nothing is on its way from there meanwhile. `newestUs`: of all that is recorded; null where nothing is. */
  async holdings(cameraId: string, startUs: number, endUs: number): Promise<{ readonly recorded: AsideSpan[]; readonly aside: AsideSpan[]; readonly newestUs: number | null }> {
    await this.#claimed;
    const unindexed = this.#unindexed(cameraId, 0, Infinity);
    const aside = await this.#store.call('asideSpans', cameraId, startUs, endUs);
    const { spans, newestUs } = await this.#store.call('timeline', cameraId, startUs, endUs);
    const open = unindexed.filter((segment) => segment.startUs < endUs && segment.endUs > startUs).map((segment) => ({ startUs: segment.startUs, endUs: segment.endUs }));
    const newest = Math.max(newestUs ?? 0, ...unindexed.map((segment) => segment.endUs));
    return { recorded: [...spans.map(({ start, end }) => ({ startUs: start * 1e6, endUs: end * 1e6 })), ...open], aside, newestUs: newest === 0 ? null : newest };
  }

  async segments(cameraId: string, startUs: number, endUs: number): Promise<Segment[]> {
    const unindexed = this.#unindexed(cameraId, startUs, endUs);
    const indexed = (await this.#store.call('between', cameraId, startUs, endUs)).map(unpack);
    // What was not in the index when it was asked may be there by now, in a row of its own; then the row is right.
    const known = new Set(indexed.map(({ file }) => file));
    return [...indexed, ...unindexed.filter(({ file }) => !known.has(file))].filter(({ file }) => !this.#keeper.isDeleting(file)).sort((a, b) => a.startUs - b.startUs);
  }

  async segment(file: string): Promise<Segment | null> {
    const open = [...this.#cameras.values()].flatMap((camera) => camera.unindexed()).find((segment) => segment.file === file);
    const found = await this.#store.call('get', file) ?? open ?? null;
    return found && this.#keeper.isDeleting(found.file) ? null : found;
  }

  async timeline(cameraId: string, startUs: number, endUs: number): Promise<Timeline> {
    if (!this.#cameras.has(cameraId) && !this.#extents.has(cameraId)) throw new RuthError('camera_not_found', `there is no camera ${JSON.stringify(cameraId)}, nor was one recorded`);
    const unindexed = this.#unindexed(cameraId, 0, Infinity);
    const newGaps = (this.#cameras.get(cameraId)?.unindexedGaps() ?? []).filter((gap) => gap.startUs < endUs && (gap.endUs ?? Infinity) > startUs);
    const { spans, gaps: known, oldestUs, newestUs } = await this.#store.call('timeline', cameraId, startUs, endUs);
    const gaps = [...known.filter((gap) => newGaps.every((newer) => newer.startUs !== gap.startUs)), ...newGaps].sort((a, b) => a.startUs - b.startUs);
    const seconds = (us: number | null | undefined): number | null => (us === null || us === undefined ? null : us / 1e6);
    for (const segment of unindexed) {
      if (segment.startUs < (newestUs ?? -Infinity) || segment.startUs >= endUs || segment.endUs <= startUs) continue;
      appendSpan(spans, { start: segment.startUs / 1e6, end: segment.endUs / 1e6, kept: false, bytes: segment.bytes });
    }
    return {
      camera_id: cameraId, start: startUs / 1e6, end: endUs / 1e6, spans, gaps: gaps.map(eventGap),
      oldest: seconds(oldestUs ?? unindexed[0]?.startUs), newest: seconds(unindexed.at(-1)?.endUs ?? newestUs),
    };
  }

  async recordedAt(cameraId: string, instantsUs: readonly number[]): Promise<(boolean | null)[]> {
    const unindexed = this.#unindexed(cameraId, 0, Infinity);
    const aside = this.unclaimed[cameraId] ?? { startUs: Infinity, endUs: Infinity };
    const files = await this.#store.call('filesAt', cameraId, instantsUs);
    const nowUs = this.#clock.utcUs();
    return instantsUs.map((atUs, index) => {
      const file = files[index]!;
      if (file !== null && !this.#keeper.isDeleting(file)) return true;
      if (unindexed.some((segment) => segment.startUs <= atUs && atUs < segment.endUs + (segment.sha256 === null ? SYNC_DELAY_US : 0))) return true;
      return atUs >= nowUs - SYNC_DELAY_US || (atUs >= aside.startUs && atUs < aside.endUs + SYNC_DELAY_US) ? null : false;
    });
  }

  hold(files: readonly string[]): Disposable {
    for (const file of files) this.#holds.set(file, (this.#holds.get(file) ?? 0) + 1);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        for (const file of files) {
          const left = this.#holds.get(file)! - 1;
          if (left > 0) this.#holds.set(file, left);
          else this.#holds.delete(file);
        }
      },
    };
  }

  keep(cameraId: string, startUs: number, endUs: number, kept: boolean): Promise<void> { return this.#store.call('keep', cameraId, startUs, endUs, kept); }

  async kept(after: string): Promise<KeptFile[]> { return (await this.#store.call('kept', after, KEPT_AT_ONCE)).filter(({ file }) => !this.#keeper.isDeleting(file)); }

  storage(): Promise<StorageStatus> { return this.#keeper.status(); }

  /** How the disk is, without asking it. */
  get health(): RecordingHealth { return this.#keeper.health; }

  path({ file }: Pick<Segment, 'file'>): string { return join(this.#options.settings.directory, file); }

  onGrew(listener: (grown: GrownSegment) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks after gaps and after the disk; done by itself every second. */
  look(): void {
    for (const camera of this.#cameras.values()) camera.look();
    this.#keeper.look();
  }

  /** Resolves when nothing is left to be deleted now. */
  sweep(): Promise<void> { return this.#keeper.sweep(); }

  /** The cameras have ended before. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#keeper.settled();
    await this.#store[Symbol.asyncDispose]();
  }

  #unindexed(cameraId: string, startUs: number, endUs: number): Segment[] {
    return (this.#cameras.get(cameraId)?.unindexed() ?? []).filter((segment) => segment.startUs < endUs && segment.endUs > startUs);
  }
}
