// One camera of the archive: the files its recorder is writing, and what it misses. Messages of the recorder come in; whole files go to
// the store, gaps to the store and to the events.
import { setTimeout as delay } from 'node:timers/promises';
import type { CameraSettings, CameraStatus, GapCause, RecordingGap, Retention } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { FragmentEntry, RecordingMessage, Segment } from '../segment.ts';
import { GapWatch, type Clock } from './gap-watch.ts';
import type { Gap } from './gap-table.ts';
import type { CameraExtent } from './archive-store.ts';
import type { StoreThread } from './store-thread.ts';
import type { WholeSegment } from './recorded-segment.ts';

export interface CameraArchiveOptions {
  readonly cameraId: string;
  readonly extent: CameraExtent;
  readonly store: StoreThread;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onGap: (gap: RecordingGap) => void;
  readonly onGrew: (segment: Segment, fragment: FragmentEntry) => void;
  /** The recorder cannot write, or can again. */
  readonly onPaused: () => void;
}

/** While the index takes nothing; what comes beyond is found at the next start. */
const MOST_UNWRITTEN = 64;

const SETTLE_LIMIT_MS = 2000;

/** A file without a row yet. */
interface OpenFile {
  segment: Segment;
  readonly fragments: FragmentEntry[];
}

export class CameraArchive {
  readonly #options: CameraArchiveOptions;
  readonly #watch: GapWatch;
  /** By name, in the order they were begun. */
  readonly #open = new Map<string, OpenFile>();
  /** Whole files whose row could not be written yet, e.g. as the disk is full. */
  readonly #unwritten = new Map<string, WholeSegment>();
  /** Files without a row whose recorder is gone. */
  readonly #abandoned = new Set<string>();
  /** Gaps that are not in the index yet, by their start. */
  readonly #gaps = new Map<number, Gap>();
  #gapsFailed = false;
  /** Names of both kinds of files that the store is at. */
  readonly #underWay = new Set<string>();
  #wanted = false;
  /** How the camera was when it was last told of. */
  #status: Pick<CameraStatus, 'state' | 'recording'> | null = null;
  #limits: Retention = { maxAgeDays: null, maxBytes: null };
  /** Everything that was said so far is in the index, or cannot be brought there now. */
  #settled: Promise<void> = Promise.resolve();
  #paused: GapCause | null = null;

  constructor(options: CameraArchiveOptions) {
    this.#options = options;
    const { clock, extent, cameraId, store } = options;
    this.#watch = new GapWatch({
      clock, recordedUntilUs: extent.newestEndUs, gap: extent.gap, hint: () => hintOf(this.#status),
      onGap: (gap) => {
        options.onGap(eventGap(gap));
        this.#putGap(gap);
      },
      onWithdrawn: (gap) => {
        options.onGap({ ...eventGap(gap), end: gap.startUs / 1e6 });
        this.#gaps.delete(gap.startUs);
        this.#follow(store.call('removeGap', cameraId, gap.startUs));
      },
    });
  }

  /** Why the recorder pauses; null while it does not. */
  get paused(): GapCause | null { return this.#paused; }
  get recordedUntilUs(): number | null { return this.#watch.recordedUntilUs; }
  get limits(): Retention { return this.#limits; }

  /** Whether it shall be recorded, and for how long that is kept. */
  describe({ recording: { active, maxAgeDays, maxBytes } }: Pick<CameraSettings, 'recording'>): void {
    if (this.#wanted && !active) this.#watch.stop('recording of this camera was switched off');
    this.#wanted = active;
    this.#limits = { maxAgeDays, maxBytes };
  }

  /** What the index does not know yet, oldest first. */
  unindexed(): Segment[] {
    const open = [...this.#open.values()].filter(({ fragments }) => fragments.length > 0).map(({ segment, fragments }) => ({ ...segment, fragments: [...fragments] }));
    return [...this.#unwritten.values(), ...open].sort((a, b) => a.startUs - b.startUs);
  }

  unindexedGaps(): Gap[] { return [...this.#gaps.values()]; }

  take(message: RecordingMessage): void {
    if (message.type === 'segment-opened') this.#open.set(message.segment.file, { segment: message.segment, fragments: [] });
    else if (message.type === 'segment-grew') this.#grow(message.file, message.fragments, message.endUs);
    else if (message.type === 'segment-closed') this.#close(message.segment);
    else {
      this.#pause(message.cause);
      this.#watch.trouble(message.cause, message.message);
    }
  }

  /** Until then it is recorded, as is known now. */
  wasRecordedUntil(untilUs: number): void { this.#watch.wasRecordedUntil(untilUs); }

  /** How the camera is says why nothing comes, where nothing comes. */
  observe(status: Pick<CameraStatus, 'state' | 'last_error' | 'recording'>): void {
    const { state, last_error, recording } = this.#status = status;
    if (state === 'down' || state === 'stalled') this.#watch.trouble(state === 'down' ? 'camera_down' : 'camera_stalled', last_error?.message ?? null);
    else if (recording.state === 'paused' && recording.cause !== null) this.#watch.trouble(recording.cause, null);
    if (recording.state !== 'paused') this.#pause(null);
  }

  /** The process that recorded is gone. Resolves when what it left is taken as its bytes tell it. */
  gone(reason: string): Promise<void> {
    this.#watch.trouble('process_died', reason);
    this.#pause(null);
    for (const file of this.#open.keys()) this.#abandoned.add(file);
    this.#adoptAbandoned();
    return this.#settledSoon();
  }

  /** To be called every second or so. */
  look(): void {
    if (this.#wanted) this.#watch.look();
    for (const segment of this.#unwritten.values()) this.#put(segment);
    this.#adoptAbandoned();
    if (!this.#gapsFailed) return;
    this.#gapsFailed = false;
    for (const gap of this.#gaps.values()) this.#putGap(gap);
  }

  /** The recorder is gone, and none will come soon: what it left is in the index, and the gap that begins says why. */
  async end(reason: string, cause: GapCause = 'stopped'): Promise<void> {
    await this.gone(reason);
    if (this.#wanted) this.#watch.stop(reason, cause);
    this.#wanted = false;
    await this.#settledSoon();
  }

  /** A disk that hangs holds up neither the next process of the camera nor the end of this one. */
  async #settledSoon(): Promise<void> {
    const limit = new AbortController();
    await Promise.race([this.#settled, delay(SETTLE_LIMIT_MS, undefined, { signal: limit.signal, ref: false }).catch(() => undefined)]);
    limit.abort();
  }

  #grow(file: string, fragments: readonly FragmentEntry[], endUs: number): void {
    const open = this.#open.get(file);
    const last = fragments.at(-1);
    if (!open || !last) return;
    const first = open.fragments.length === 0;
    const { startUs: beginUs, endUs: untilUs, continues, gapCause } = open.segment;
    const startUs = first ? beginUs : untilUs;
    open.fragments.push(...fragments);
    open.segment = { ...open.segment, endUs, bytes: last.offset + last.bytes, durationTicks: last.startTicks + last.durationTicks, fragments: open.fragments };
    this.#pause(null);
    this.#watch.grew(startUs, endUs, first ? continues : true, gapCause);
    this.#options.onGrew(open.segment, last);
  }

  #pause(cause: GapCause | null): void {
    if (cause === this.#paused) return;
    this.#paused = cause;
    this.#options.onPaused();
  }

  #close(segment: Segment): void {
    const open = this.#open.get(segment.file);
    // Its last fragment is told of with the file.
    if (open && open.fragments.length > 0) this.#watch.wasRecordedUntil(segment.endUs);
    this.#open.delete(segment.file);
    this.#abandoned.delete(segment.file);
    if (segment.sha256 === null || segment.fragments.length === 0) return;
    const whole: WholeSegment = { ...segment, sha256: segment.sha256 };
    if (this.#unwritten.size >= MOST_UNWRITTEN) {
      this.#options.logger.error({ file: segment.file }, 'the index takes nothing; this recording is found at the next start');
      return;
    }
    this.#unwritten.set(whole.file, whole);
    this.#put(whole);
  }

  #putGap(gap: Gap): void {
    this.#gaps.set(gap.startUs, gap);
    this.#follow(this.#options.store.call('putGap', this.#options.cameraId, gap).then(
      () => { if (this.#gaps.get(gap.startUs) === gap) this.#gaps.delete(gap.startUs); },
      (error: unknown) => {
        this.#gapsFailed = true;
        throw error;
      },
    ));
  }

  #put(segment: WholeSegment): void {
    this.#once(segment.file, async () => {
      const { store, logger } = this.#options;
      if (!await store.call('put', segment)) {
        logger.error({ file: segment.file, start_us: segment.startUs, end_us: segment.endUs }, 'a recording overlaps another; its time is cut to what is free');
        await store.call('adopt', segment.file);
      }
      this.#unwritten.delete(segment.file);
    });
  }

  #adoptAbandoned(): void {
    for (const file of this.#abandoned) {
      this.#once(file, async () => {
        const adopted = await this.#options.store.call('adopt', file);
        if (adopted.state === 'in_use') return;
        const open = this.#open.get(file);
        this.#abandoned.delete(file);
        this.#open.delete(file);
        if (adopted.state !== 'whole') return;
        // The last fragment was on the disk before it could be told of.
        const { segment } = adopted;
        const knownUs = open && open.fragments.length > 0 ? open.segment.endUs : null;
        if (segment.endUs <= (knownUs ?? segment.startUs)) return;
        this.#watch.grew(knownUs ?? segment.startUs, segment.endUs, knownUs !== null || segment.continues);
        this.#watch.trouble('process_died', 'the process that recorded ended');
      });
    }
  }

  #once(file: string, work: () => Promise<void>): void {
    if (this.#underWay.has(file)) return;
    this.#underWay.add(file);
    this.#follow(work().finally(() => this.#underWay.delete(file)));
  }

  #follow(written: Promise<unknown>): void {
    const done = written.then(() => undefined, (error: Error) => {
      this.#options.logger.warn({ camera: this.#options.cameraId, err: error }, `the index of the recordings could not be written: ${error.message}`);
    });
    this.#settled = Promise.all([this.#settled, done]).then(() => undefined);
  }
}

/** Nothing is known to be wrong, and no recording comes. */
function hintOf(status: Pick<CameraStatus, 'state' | 'recording'> | null): string | null {
  if (status?.state === 'connecting') return 'the camera is being connected to: no picture that a recording could begin with has come';
  return status?.state === 'streaming' && status.recording.state === 'waiting' ? 'the camera sends pictures, but none that a recording could begin with (a keyframe)' : null;
}

export const eventGap = ({ startUs, endUs, cause, message }: Gap): RecordingGap => ({ start: startUs / 1e6, end: endUs === null ? null : endUs / 1e6, cause, message });
