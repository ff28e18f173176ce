// What others see of the archive: which video there is, where it lies, and how it is kept from deletion.
import type { KeptFile, StorageStatus, Timeline } from '@ruth/protocol';
import type { FragmentEntry, Segment } from '../segment.ts';

export interface GrownSegment {
  /** With the new fragment, which is on the disk. */
  readonly segment: Segment;
  readonly fragment: FragmentEntry;
}

export interface ArchiveView {
  /**
   * The files that overlap [startUs, endUs), oldest first. The one that is being written comes too, up to what is on the
   * disk: its `sha256` is null, and a later answer has more fragments. Files with no fragment yet, or whose deletion has begun, do not.
   * A `hold` made at once, before anything else is awaited, keeps what is in the answer.
   */
  segments(cameraId: string, startUs: number, endUs: number): Promise<Segment[]>;
  /** One file, by `Segment.file`; null where the archive has none of that name. */
  segment(file: string): Promise<Segment | null>;
  /** Seconds in the answer. Throws `camera_not_found` where a camera is neither known nor was ever recorded. */
  timeline(cameraId: string, startUs: number, endUs: number): Promise<Timeline>;
  /** Of each instant: whether a picture of it is there to be shown; null where that is not known yet: it is being written, or was recorded aside and is not claimed yet. */
  recordedAt(cameraId: string, instantsUs: readonly number[]): Promise<(boolean | null)[]>;
  /** Files are not deleted until this is disposed. Any number of holders may hold the same file. */
  hold(files: readonly string[]): Disposable;
  /** Marks what is recorded and will be recorded in [startUs, endUs) as kept, or takes that back. */
  keep(cameraId: string, startUs: number, endUs: number, kept: boolean): Promise<void>;
  /** Files that are kept, at most 500, in the order of their names from the one after `after` on. */
  kept(after: string): Promise<KeptFile[]>;
  storage(): Promise<StorageStatus>;
  /** Where the file lies. Only for what the archive itself named: nothing from outside may be given. */
  path(segment: Pick<Segment, 'file'>): string;
  /** Calls `listener` after each fragment that came onto the disk, until the returned function is called. */
  onGrew(listener: (grown: GrownSegment) => void): () => void;
}
