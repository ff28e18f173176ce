// Playback of a kernel: what is recorded as HLS, as files, as exports and as pictures; and pictures of what is live.
import { setTimeout as delay } from 'node:timers/promises';
import { RuthError, type Keyframes, type RecordedAt, type Settings, type StorageStatus } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { ArchiveView } from '../archive/index.ts';
import { Verifications } from '../verification/verifications.ts';
import { Exports } from './exports/exports.ts';
import { MediaFiles } from './media-files.ts';
import { isoOfUs, notRecorded } from './not-recorded.ts';
import { playlist, type PlaylistSpan } from './playlist.ts';
import { usOfTicks } from './recorded-parts.ts';
import { Snapshots } from './snapshots.ts';

const MAX_PLAYLIST_US = 86_400e6;
/** How long a playlist that grows waits for the first piece that is complete: what is recorded reaches the disk once a second, and pieces end at keyframes. */
const FIRST_PIECE_WAIT_MS = 8000;
const LOOK_AGAIN_MS = 200;
/** How far a keyframe is looked for, nearest first. */
const SEARCH_US = [30e6, 600e6, 86_400e6];
const STORAGE_OFF: StorageStatus = { directory: null, bytes: 0, segments: 0, free_bytes: null, total_bytes: null, state: 'off', message: null, repaired: null };

interface Recorded {
  readonly archive: ArchiveView;
  readonly files: MediaFiles;
  readonly exports: Exports;
  readonly verifications: Verifications;
}

export interface PlaybackOptions {
  /** Null: nothing is recorded. */
  readonly archive: ArchiveView | null;
  readonly settings: Settings['recording'];
  readonly logger: Logger;
}

export class Playback implements AsyncDisposable {
  readonly snapshots: Snapshots;
  readonly #recorded: Recorded | null;

  private constructor(recorded: Recorded | null, logger: Logger) {
    this.#recorded = recorded;
    this.snapshots = new Snapshots(logger);
  }

  static async open({ archive, settings, logger }: PlaybackOptions): Promise<Playback> {
    if (archive === null || settings === null) return new Playback(null, logger);
    const { directory, minFreeBytes } = settings;
    const exports = await Exports.open({ archive, directory, minFreeBytes, logger });
    return new Playback({ archive, exports, files: new MediaFiles(archive), verifications: new Verifications(directory, logger) }, logger);
  }

  /** Throws `recording_off`. */
  get recorded(): Recorded {
    if (this.#recorded === null) throw new RuthError('recording_off', 'recording is off on this node');
    return this.#recorded;
  }

  async storage(): Promise<StorageStatus> { return this.#recorded?.archive.storage() ?? STORAGE_OFF; }

  /** Whether each instant can be shown; nothing can where recording is off. */
  async recordedAt(cameraId: string, instantsUs: readonly number[]): Promise<RecordedAt[]> {
    if (this.#recorded === null) return instantsUs.map(() => false);
    return (await this.#recorded.archive.recordedAt(cameraId, instantsUs)).map((known) => known ?? 'unknown');
  }

  /**
   * HLS. Where the very present is asked for, it waits for a first piece, some seconds at most, or until `signal`.
   * Throws `bad_request`, `not_recorded`, `recording_off`, `camera_not_found`.
   */
  async playlist(cameraId: string, span: PlaylistSpan, signal?: AbortSignal): Promise<string> {
    const { archive } = this.recorded;
    const endUs = span.endUs ?? Date.now() * 1000 + 1e6;
    if (!(span.startUs < endUs)) throw new RuthError('bad_request', span.endUs === null ? 'start lies in the future' : 'start must lie before end');
    if (endUs - span.startUs > MAX_PLAYLIST_US) throw new RuthError('bad_request', 'a playlist may be 24 hours long; ask for a shorter span');
    const waitsUntilMs = performance.now() + (span.endUs === null ? FIRST_PIECE_WAIT_MS : 0);
    for (;;) {
      const segments = await archive.segments(cameraId, span.startUs, endUs);
      const text = playlist(segments, span);
      if (text !== null) return text;
      if (segments.length === 0) throw await notRecorded(archive, cameraId, span.startUs, endUs);
      if (performance.now() >= waitsUntilMs) throw new RuthError('not_recorded', `${cameraId} is recorded at ${isoOfUs(span.startUs)}, but of that nothing can be played before the next keyframe; try again in some seconds, or ask for an earlier time`);
      if (signal?.aborted) throw new RuthError('cancelled', 'nobody waits for the playlist any more');
      await delay(LOOK_AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** The nearest keyframes, each null where there is none within a day. Throws `recording_off`, `camera_not_found`. */
  async keyframes(cameraId: string, atUs: number): Promise<Keyframes> {
    const { archive } = this.recorded;
    let before: number | null = null;
    let after: number | null = null;
    for (const distanceUs of SEARCH_US) {
      const segments = await archive.segments(cameraId, before === null ? atUs - distanceUs : atUs, after === null ? atUs + distanceUs : atUs + 1);
      for (const segment of segments) {
        for (const { keyframe, startTicks } of segment.fragments) {
          if (!keyframe) continue;
          const us = Math.round(usOfTicks(segment, startTicks));
          // Seconds as a number hold a microsecond hardly: an instant that came from here is meant, not the one before.
          if (us <= atUs + 1) before = Math.max(before ?? us, us);
          else after = Math.min(after ?? us, us);
        }
      }
      if (before !== null && after !== null) break;
    }
    // Throws where there is no such camera.
    if (before === null && after === null) await archive.timeline(cameraId, atUs, atUs + 1);
    return { camera_id: cameraId, at: atUs / 1e6, before: before === null ? null : before / 1e6, after: after === null ? null : after / 1e6 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.snapshots[Symbol.asyncDispose](), this.#recorded?.exports[Symbol.asyncDispose](), this.#recorded?.verifications[Symbol.asyncDispose]()]);
  }
}
