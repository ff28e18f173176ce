// The folder of recordings and its index: opened by one process at a time, changed so that a crash at any moment leaves what a
// repair can put right. Synchronous where the disk is; meant for a thread of its own (store-thread.ts).
import { closeSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { KeptFile, RecordedSpan, RecordingSeam } from '@ruth/protocol';
import { asideFiles, asideSpans, deleteAside, isAside, unclaimedCameras, unclaimedFiles, type AsideFile, type AsideSpan } from './aside.ts';
import { claimAside, type ClaimDecision, type Claimed } from './claim.ts';
import { GapTable, type Gap } from './gap-table.ts';
import { lockFolder, openIndex, type FolderLock } from './index-file.ts';
import { KeptSpans } from './kept-spans.ts';
import { findAside, keyframeOf, type FoundKeyframe } from './keyframes.ts';
import { adopt, repair, type Adopted, type RepairReport } from './repair.ts';
import { deletable, type Deletable, type Want } from './retention.ts';
import { SegmentIndex, type IndexedSegment, type PackedSegment, type Usage } from './segment-index.ts';
import type { WholeSegment } from './recorded-segment.ts';
import type { Segment } from '../segment.ts';

export interface DiskSpace { readonly freeBytes: number; readonly totalBytes: number }

export interface CameraExtent {
  readonly newestEndUs: number | null;
  /** The gap that lasts. */
  readonly gap: Gap | null;
}

export interface StoredTimeline {
  readonly spans: RecordedSpan[];
  readonly gaps: Gap[];
  readonly oldestUs: number | null;
  readonly newestUs: number | null;
}

export interface Deletion { readonly files: readonly string[]; readonly bytes: number; readonly message: string | null }

/** An hour's folder is removed only when no recorder can be about to write into it. */
const FOLDER_IN_USE_MS = 2 * 3600_000;
/** What lies aside is looked at anew. */
const ASIDE_AGAIN_MS = 5000;
/** Gaps of a camera without files are told of for so long. */
const GAPS_WITHOUT_FILES_US = 90 * 86_400e6;

export class ArchiveStore implements Disposable {
  readonly directory: string;
  readonly segments: SegmentIndex;
  readonly gaps: GapTable;
  readonly #database: DatabaseSync;
  readonly #keeps: KeptSpans;
  /** As it was then. */
  #aside: readonly AsideFile[] = [];
  #asideAtMs = -Infinity;
  readonly #lock: FolderLock;

  private constructor(directory: string, database: DatabaseSync, lock: FolderLock) {
    this.directory = directory;
    this.#database = database;
    this.#lock = lock;
    this.segments = new SegmentIndex(database);
    this.gaps = new GapTable(database);
    this.#keeps = new KeptSpans(database);
  }

  /** Throws `invalid_state` naming the owner where another process has the folder, `invalid_config` where it cannot be used. */
  static open(directory: string): ArchiveStore {
    const lock = lockFolder(directory);
    try {
      return new ArchiveStore(directory, openIndex(directory), lock);
    } catch (error) {
      closeSync(lock.fd);
      throw error;
    }
  }

  ownerBefore(): string { return this.#lock.ownerBefore; }
  /** What the files tell and the index does not, and the other way round, is put right. */
  repair(nowUs: number): Promise<RepairReport> { return repair(this, nowUs); }
  /** Takes a file into the index as its own bytes tell it. */
  adopt(file: string): Promise<Adopted> { return adopt(this, file); }
  /** What was recorded aside becomes part of the recordings, or is deleted, as is decided. */
  claim(cameraId: string, decision: ClaimDecision): Promise<Claimed> {
    this.#asideAtMs = -Infinity;
    return claimAside(this, cameraId, decision);
  }

  asideSpans(cameraId: string, startUs: number, endUs: number): AsideSpan[] { return asideSpans(this.directory, cameraId, startUs, endUs); }
  /** Of files of recordings: what they begin with, or the last one that others need. */
  keyframes(wanted: readonly (readonly [segment: Segment, which: 'first' | 'last'])[]): (RecordingSeam | null)[] { return wanted.map(([segment, which]) => keyframeOf(this.directory, segment, which)); }
  findAside(cameraId: string, wanted: readonly RecordingSeam[]): Promise<FoundKeyframe[]> { return findAside(this.directory, cameraId, wanted); }
  unclaimed(): Record<string, AsideSpan> { return unclaimedCameras(this.directory); }
  unclaimedFiles(): ReturnType<typeof unclaimedFiles> { return unclaimedFiles(this.directory); }

  /** The file and its folder are on the disk. False where another file of the camera has part of its time. */
  put(segment: WholeSegment): boolean {
    return this.transaction(() => {
      this.segments.remove([segment.file]);
      return this.segments.insert(segment);
    });
  }

  get(file: string): IndexedSegment | null { return this.segments.get(file); }
  between(cameraId: string, startUs: number, endUs: number): PackedSegment[] { return this.segments.packedBetween(cameraId, startUs, endUs); }
  filesAt(cameraId: string, instantsUs: readonly number[]): (string | null)[] { return instantsUs.map((atUs) => this.segments.fileAt(cameraId, atUs)); }
  kept(after: string, atMost: number): KeptFile[] { return this.segments.kept(after, atMost); }
  usage(): Map<string, Usage> { return this.segments.usage(); }
  putGap(cameraId: string, gap: Gap): void { this.gaps.put(cameraId, gap); }
  removeGap(cameraId: string, startUs: number): void { this.gaps.remove(cameraId, startUs); }
  keep(cameraId: string, startUs: number, endUs: number, kept: boolean): void { this.transaction(() => this.#keeps.set(cameraId, startUs, endUs, kept)); }
  deletable(want: Want): Deletable[] { return deletable(this.segments, this.#asideFiles(), want); }

  /** Of every camera that was ever recorded, or was to be. */
  extents(): Map<string, CameraExtent> {
    return new Map([...new Set([...this.usage().keys(), ...this.gaps.cameras()])].map((cameraId) => [cameraId, { newestEndUs: this.segments.newest(cameraId, 1)[0]?.endUs ?? null, gap: this.gaps.open(cameraId) }]));
  }

  timeline(cameraId: string, startUs: number, endUs: number): StoredTimeline {
    return {
      spans: this.segments.spans(cameraId, startUs, endUs), gaps: this.gaps.between(cameraId, startUs, endUs),
      oldestUs: this.segments.oldestStartUs(cameraId), newestUs: this.segments.newest(cameraId, 1)[0]?.endUs ?? null,
    };
  }

  /** Rows are marked, files unlinked, rows deleted: whatever happens between, the next start ends it. What was kept meanwhile stays. What lies aside has no row. */
  delete(asked: readonly string[], nowUs: number): Deletion {
    const files = asked.filter((file) => !isAside(file) && !this.segments.isKept(file));
    try {
      this.transaction(() => this.segments.markDeleting(files));
    } catch {
      // On a full disk not even the mark can be written: first the room, and after a crash the repair finds rows without files.
    }
    const gone: string[] = [];
    let bytes = 0;
    let failure: Error | null = null;
    for (const file of files) {
      try {
        rmSync(join(this.directory, file), { force: true });
        bytes += this.segments.bytesOf(file);
        gone.push(file);
      } catch (error) {
        failure = error as Error;
      }
    }
    const goneAside: string[] = [];
    for (const file of asked.filter(isAside)) {
      try {
        bytes += deleteAside(this.directory, file);
        goneAside.push(file);
      } catch (error) {
        failure = error as Error;
      }
    }
    if (goneAside.length > 0) this.#aside = this.#aside.filter(({ file }) => !goneAside.includes(file));
    this.transaction(() => {
      this.segments.remove(gone);
      this.#forgetGaps(nowUs);
    });
    for (const folder of new Set(gone.map(dirname))) this.#removeIfEmpty(folder, nowUs);
    return { files: [...gone, ...goneAside], bytes, message: failure?.message ?? null };
  }

  space(): DiskSpace {
    const { bavail, blocks, bsize } = statfsSync(this.directory);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  }

  transaction<T>(change: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = change();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    if (!this.#database.isOpen) return;
    this.#database.close();
    closeSync(this.#lock.fd);
  }

  [Symbol.dispose](): void { this.close(); }

  /** Each is looked at: not for every few files that are deleted. */
  #asideFiles(): readonly AsideFile[] {
    const nowMs = performance.now();
    if (nowMs - this.#asideAtMs > ASIDE_AGAIN_MS) [this.#aside, this.#asideAtMs] = [asideFiles(this.directory), nowMs];
    return this.#aside;
  }

  #forgetGaps(nowUs: number): void {
    for (const [cameraId, { segments }] of this.usage()) {
      this.gaps.forgetBefore(cameraId, segments > 0 ? this.segments.oldestStartUs(cameraId) ?? 0 : nowUs - GAPS_WITHOUT_FILES_US);
    }
  }

  #removeIfEmpty(folder: string, nowUs: number): void {
    const [, day, hour] = folder.split('/');
    if (Date.parse(`${day}T${hour}:00:00Z`) > nowUs / 1000 - FOLDER_IN_USE_MS) return;
    for (const path of [folder, dirname(folder)]) {
      try {
        rmdirSync(join(this.directory, path));
      } catch {
        return;
      }
    }
  }
}
