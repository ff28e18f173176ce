// What a recorder tells the archive: one file after another, and what is in each. Times are the node's wall clock, us UTC.
import type { GapCause } from '@ruth/protocol';
import type { VideoCodec } from '../media/video-codec.ts';

/**
 * Folder of what was recorded when the lease of this node had ended, beside the cameras': nobody knew whether another node records, too. It is in no
 * index until it is known that nobody did.
 */
export const UNCLAIMED = '.unclaimed';

/** What was seen less than this ago may not be on the disk yet: the newest picture that is stands for it. */
export const SYNC_DELAY_US = 2e6;

/** A part of a file that plays by itself after the file's init: prft, moof and mdat. One ends where the next begins. */
export interface FragmentEntry {
  /** Of its first box, in the file. */
  readonly offset: number;
  readonly bytes: number;
  /** From the start of the file's media, ticks of 1/90000 s. */
  readonly startTicks: number;
  readonly durationTicks: number;
  /** Begins with a keyframe. */
  readonly keyframe: boolean;
}

/** One file of a recording. */
export interface Segment {
  readonly cameraId: string;
  /** Relative to the recordings' folder: `<camera>/<YYYY-MM-DD>/<HH>/<start, ms UTC>.mp4`. */
  readonly file: string;
  /** Where the media began; grows from file to file, and no two overlap. */
  readonly startUs: number;
  readonly endUs: number;
  /** Length of the media by the camera's clock; endUs - startUs by the node's. */
  readonly durationTicks: number;
  readonly codec: VideoCodec;
  readonly width: number;
  readonly height: number;
  readonly audio: boolean;
  /** Bytes of ftyp and moov: the init of every fragment. */
  readonly initBytes: number;
  readonly bytes: number;
  readonly fragments: readonly FragmentEntry[];
  /** Of the whole file, hex; null while it is being written. */
  readonly sha256: string | null;
  /** Media of this file goes on where that of the file before ended: nothing lies between. */
  readonly continues: boolean;
  /** Why something lies between, where the recorder itself knows: `clock`, where the node's clock was set forward. */
  readonly gapCause?: GapCause;
}

export type RecordingMessage =
  /** The file is there and holds its init; `segment` has no fragments yet. */
  | { readonly type: 'segment-opened'; readonly segment: Segment }
  /** More of it is on the disk (synced); told about once a second. */
  | { readonly type: 'segment-grew'; readonly file: string; readonly fragments: readonly FragmentEntry[]; readonly endUs: number }
  /** The file and its folder are synced; nothing is written to it any more. */
  | { readonly type: 'segment-closed'; readonly segment: Segment }
  /** Pictures come and are not written, since `atUs`; tried again by the recorder itself. */
  | { readonly type: 'recording-paused'; readonly cause: GapCause; readonly message: string; readonly atUs: number };
