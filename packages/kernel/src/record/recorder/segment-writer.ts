// Brings fragments onto the disk, one after the other, and tells what is there. What the disk does not take in time, or at
// all, is dropped and counted with its cause; the caller then begins a new file at a keyframe, and never waits.
import type { GapCause } from '@ruth/protocol';
import { initSegment } from '../../mp4/index.ts';
import { TICKS_PER_SECOND, type StreamFormat } from '../../media/media-packet.ts';
import type { FragmentEntry, RecordingMessage, Segment } from '../segment.ts';
import type { BuiltFragment } from './fragment-builder.ts';
import { SegmentFile } from './segment-file.ts';

const MAX_QUEUED_BYTES = 64 << 20;
const MAX_WAIT_MS = 20_000;
const RETRY_MS = 2000;
const TELL_TICKS = 0.9 * TICKS_PER_SECOND;

export interface NewFile {
  readonly startUs: number;
  readonly format: StreamFormat;
  readonly continues: boolean;
  readonly gapCause?: GapCause;
  /** It goes aside, and nobody is told of it. */
  readonly unclaimed: boolean;
}

export interface FragmentToWrite extends BuiltFragment {
  readonly endUs: number;
  /** The file that begins with it, where one does. */
  readonly opens: NewFile | null;
}

type DiskCause = 'disk_full' | 'disk_slow' | 'disk_error';
type Job = { readonly fragment: FragmentToWrite; readonly sinceMs: number } | { readonly fragment: null; readonly sinceMs: number };

export interface SegmentWriterOptions {
  readonly directory: string;
  readonly cameraId: string;
  readonly notBeforeUs: number;
  readonly send: (message: RecordingMessage) => Promise<void>;
  /** What was given is lost; what follows must begin a new file. */
  readonly onBroken: () => void;
  /** Milliseconds that only grow. */
  readonly now?: () => number;
  /** Makes a file; for tests of a disk that hangs. */
  readonly createFile?: (...parameters: Parameters<typeof SegmentFile.create>) => Promise<SegmentFile>;
}

export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #now: () => number;
  readonly #queue: Job[] = [];
  #queuedBytes = 0;
  #working: Promise<void> | null = null;
  #inHand: Job | null = null;
  #file: SegmentFile | null = null;
  #segment: Segment & { readonly fragments: FragmentEntry[] } | null = null;
  #unclaimed = false;
  #init: { readonly format: StreamFormat; readonly bytes: Buffer } | null = null;
  /** Fragments of the file that the kernel has not heard of. */
  #untold: FragmentEntry[] = [];
  #retryAtMs = 0;
  #recordedUntilUs: number;
  #sent: Promise<void> = Promise.resolve();

  /** Why nothing is written at present. */
  cause: DiskCause | null = null;
  /** Pictures, by cause. */
  readonly drops: Record<DiskCause, number> = { disk_full: 0, disk_slow: 0, disk_error: 0 };
  bytesWritten = 0;
  segments = 0;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#recordedUntilUs = options.notBeforeUs;
  }

  /** Whether it is worth while to begin a new file. */
  get ready(): boolean {
    if (this.cause === null) return true;
    return this.#working === null && this.#now() >= this.#retryAtMs;
  }

  /** False where it was dropped: the file is over, and the next one begins when `ready`. */
  push(fragment: FragmentToWrite): boolean {
    const oldest = this.#inHand ?? this.#queue[0];
    if (this.#queuedBytes + fragment.bytes > MAX_QUEUED_BYTES || (oldest && this.#now() - oldest.sinceMs > MAX_WAIT_MS)) {
      this.drops.disk_slow += fragment.pictures;
      this.#pause('disk_slow', `the disk has not taken ${Math.round(this.#queuedBytes / 1e6)} MB of video`, fragment.endUs);
      return false;
    }
    this.#queuedBytes += fragment.bytes;
    this.#enqueue({ fragment, sinceMs: this.#now() });
    return true;
  }

  /** The file that is open is over. */
  finish(): void { this.#enqueue({ fragment: null, sinceMs: this.#now() }); }

  /** When all that was given is written and told, or given up. */
  async settled(): Promise<void> {
    while (this.#working) await this.#working;
    await this.#sent;
  }

  #enqueue(job: Job): void {
    this.#queue.push(job);
    this.#working ??= this.#work().finally(() => { this.#working = null; });
  }

  async #work(): Promise<void> {
    // Whoever gave it is not called back from within its call.
    await Promise.resolve();
    for (let job = this.#queue.shift(); job; job = this.#queue.shift()) {
      this.#inHand = job;
      try {
        if (job.fragment === null) await this.#close();
        else await this.#write(job.fragment);
      } catch (error) {
        await this.#fail(error as NodeJS.ErrnoException, job.fragment);
      }
      this.#queuedBytes -= job.fragment?.bytes ?? 0;
      this.#inHand = null;
    }
  }

  async #write(fragment: FragmentToWrite): Promise<void> {
    const { parts, bytes, startTicks, durationTicks, keyframe, endUs, opens } = fragment;
    if (opens) {
      await this.#close();
      await this.#open(opens, parts);
    } else if (this.#file === null) {
      this.drops[this.cause ?? 'disk_error'] += fragment.pictures;
      return;
    } else await this.#file.append(parts);
    const segment = this.#segment!;
    const end = this.#file!.bytes;
    const entry: FragmentEntry = { offset: end - bytes, bytes, startTicks, durationTicks, keyframe };
    segment.fragments.push(entry);
    this.#segment = { ...segment, endUs, bytes: end, durationTicks: startTicks + durationTicks };
    this.#recordedUntilUs = endUs;
    this.bytesWritten += bytes;
    this.#untold.push(entry);
    // Each message wakes the kernel.
    if (opens || entry.startTicks + durationTicks - this.#untold[0]!.startTicks >= TELL_TICKS) this.#tellGrowth();
  }

  async #open({ startUs, format, continues, gapCause, unclaimed }: NewFile, first: readonly Buffer[]): Promise<void> {
    const { directory, cameraId, createFile = (...given) => SegmentFile.create(...given) } = this.#options;
    if (this.#init?.format !== format) this.#init = { format, bytes: await initSegment(format) };
    const init = this.#init.bytes;
    const file = await createFile(directory, cameraId, startUs, [init, ...first], unclaimed);
    const { codec, width, height, audio } = format;
    this.#file = file;
    this.#unclaimed = unclaimed;
    this.#segment = {
      cameraId, file: file.name, startUs, endUs: startUs, durationTicks: 0, codec, width, height, audio: audio !== null,
      initBytes: init.length, bytes: init.length, fragments: [], sha256: null, continues, ...(gapCause && { gapCause }),
    };
    this.segments++;
    this.bytesWritten += init.length;
    this.cause = null;
    this.#tell({ type: 'segment-opened', segment: { ...this.#segment, fragments: [] } });
  }

  /** All of the file and its name are on the disk already. */
  async #close(): Promise<void> {
    if (this.#file === null || this.#segment === null) return;
    this.#untold = [];
    const sha256 = await this.#file.close();
    const segment: Segment = { ...this.#segment, sha256 };
    this.#file = null;
    this.#segment = null;
    this.#tell({ type: 'segment-closed', segment });
  }

  /** What is whole stays; all that waits is lost. */
  async #fail(error: NodeJS.ErrnoException, fragment: FragmentToWrite | null): Promise<void> {
    const cause = error.code === 'ENOSPC' || error.code === 'EDQUOT' ? 'disk_full' : 'disk_error';
    this.drops[cause] += fragment?.pictures ?? 0;
    await this.#file?.cutBack();
    await this.#close();
    for (const job of this.#queue.splice(0)) {
      this.drops[cause] += job.fragment?.pictures ?? 0;
      this.#queuedBytes -= job.fragment?.bytes ?? 0;
    }
    this.#pause(cause, `recordings cannot be written: ${error.code ?? error.message}`, this.#recordedUntilUs);
    this.#options.onBroken();
  }

  #pause(cause: DiskCause, message: string, atUs: number): void {
    this.#retryAtMs = this.#now() + RETRY_MS;
    if (this.cause === cause) return;
    this.cause = cause;
    this.#send({ type: 'recording-paused', cause, message, atUs });
  }

  #tellGrowth(): void {
    if (this.#untold.length === 0 || this.#segment === null) return;
    this.#tell({ type: 'segment-grew', file: this.#segment.file, fragments: this.#untold, endUs: this.#segment.endUs });
    this.#untold = [];
  }

  /** Of the file that is open. */
  #tell(message: RecordingMessage): void { if (!this.#unclaimed) this.#send(message); }

  #send(message: RecordingMessage): void {
    this.#sent = this.#options.send(message);
  }
}
