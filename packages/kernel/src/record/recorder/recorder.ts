// Records a camera: packets as they come, into files that begin at a keyframe. Takes each packet at once, whatever the disk does.
import { ASIDE_BEFORE_END_S, type RecordingStatus } from '@ruth/protocol';
import { uptime } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { TICKS_PER_SECOND, type AudioPacket, type MediaPacket, type PacketConsumer, type StreamFormat } from '../../media/media-packet.ts';
import type { IngestSettings } from '../../ingest/messages.ts';
import { FragmentBuilder } from './fragment-builder.ts';
import { RunningTime, type Placed } from './running-time.ts';
import { SegmentWriter, type NewFile, type SegmentWriterOptions } from './segment-writer.ts';
import { MAX_BEHIND_US, WallClock } from './wall-clock.ts';

/** Well within what a process that shall stop is given. */
const CLOSE_LIMIT_MS = 1500;

export interface RecorderOptions extends Omit<SegmentWriterOptions, 'onBroken'>, NonNullable<IngestSettings['recording']> {
  /** Seconds since the machine booted. */
  readonly uptimeS?: () => number;
}

/** Nobody claimed for so long what is recorded aside. */
const UNCLAIMED_LIMIT_S = 86_400;

/** Two nodes whose dates of a picture differ by less go by the same clock: the picture came to one of them a little later. */
const SAME_CLOCK_US = 500_000;

/** So long after media began it comes as it is made. */
const SETTLING_US = 300_000;

interface OpenFile {
  readonly format: StreamFormat;
  readonly startTicks: number;
  /** Recorded aside. */
  readonly unclaimed: boolean;
  /** Until its first fragment is handed on. */
  opens: NewFile | null;
}

export class Recorder implements PacketConsumer, AsyncDisposable {
  readonly #segmentTicks: number;
  readonly #now: () => number;
  readonly #uptimeS: () => number;
  readonly #writer: SegmentWriter;
  readonly #time = new RunningTime();
  readonly #clock: WallClock;
  readonly #builder = new FragmentBuilder();
  #wanted = false;
  /** Seconds since the machine booted; null where nobody else may record the camera. */
  #leaseEndS: number | null = null;
  #format: StreamFormat | null = null;
  #file: OpenFile | null = null;
  /** Nothing is known of how the stream's time lies: it begins, or begins anew. */
  #fresh = true;
  /** What comes next goes on where the last file ended. */
  #continues = false;
  #epoch: number | null = null;
  /** When the media began. For a while nothing is handed on: it may come in a rush, and its dates are not known. */
  #beganAtUs = -Infinity;
  /** By how much the node's clock is ahead of the one that only grows, when the last file began. */
  #aheadMs = Infinity;
  #undecodable = 0;
  /** The last file is recorded aside. */
  #aside = false;
  /** Where another node ended, us UTC: what begins is dated so. */
  #seamUs: number | null = null;

  constructor(options: RecorderOptions) {
    this.#segmentTicks = options.segmentS * TICKS_PER_SECOND;
    this.#now = options.now ?? (() => performance.now());
    this.#uptimeS = options.uptimeS ?? uptime;
    this.#clock = new WallClock(options.notBeforeUs);
    this.#writer = new SegmentWriter({ ...options, onBroken: () => this.#abandon() });
  }

  get status(): RecordingStatus {
    const { cause, bytesWritten, segments, drops } = this.#writer;
    const state = !this.#wanted ? 'off' : cause !== null || this.#leftS <= 0 ? 'paused' : this.#file !== null ? 'recording' : 'waiting';
    const all: Record<string, number> = { ...drops, ...this.#builder.drops, no_keyframe: this.#undecodable };
    return {
      state, cause: state === 'paused' ? cause ?? 'stopped' : null, bytes_written: bytesWritten, segments,
      drops: Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0)),
    };
  }

  /** Begins with the next keyframe, or finishes what is being recorded. */
  setWanted(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (!wanted) this.interrupt();
  }

  /** From then on another node may record the camera, and this one records aside: each picture is held against the clock. */
  setLeaseEnd(untilS: number | null): void { this.#leaseEndS = untilS; }

  get #leftS(): number { return this.#leaseEndS === null ? Infinity : this.#leaseEndS - this.#uptimeS(); }

  /** What comes next goes on where another node ended: with a picture of this date, by the clock of that node, us UTC. */
  goOnFrom(seamUs: number): void { this.#seamUs = seamUs; }

  /** Ends with what came before this keyframe, which is not taken. Returns its date, us UTC; null where it does not follow what is recorded. */
  endBefore(keyframe: MediaPacket): number | null {
    if (!this.#wanted || this.#file === null || this.#file.unclaimed || this.#leftS <= 0 || keyframe.epoch !== this.#epoch) {
      this.setWanted(false);
      return null;
    }
    const { decodeTicks } = this.#time.place(keyframe);
    this.#clock.advance(decodeTicks, keyframe.capturedAtUs);
    this.#finish(decodeTicks);
    this.setWanted(false);
    return this.#clock.at(decodeTicks);
  }

  begin(format: StreamFormat): void {
    this.#format = format;
    this.#time.begin(format.reorderDepth);
  }

  /** The camera is gone for now: what is there is finished. */
  interrupt(): void {
    this.#finish(this.#time.endTicks);
    this.#fresh = true;
    this.#continues = false;
  }

  accept(picture: MediaPacket): void {
    if (!this.#wanted || this.#format === null) return;
    const leftS = this.#leftS;
    if (leftS <= 0 && (this.#file?.unclaimed === false || leftS < -UNCLAIMED_LIMIT_S)) this.interrupt();
    if (leftS < -UNCLAIMED_LIMIT_S) return;
    const unclaimed = leftS < ASIDE_BEFORE_END_S;
    if (this.#file !== null && this.#format !== this.#file.format && picture.epoch !== this.#epoch) this.interrupt();
    this.#epoch = picture.epoch;
    const placed = this.#time.place(picture);
    const { decodeTicks } = placed;
    let atUs = this.#fresh ? this.#start(decodeTicks, picture.capturedAtUs) : this.#clock.advance(decodeTicks, picture.capturedAtUs);
    if (this.#fresh) this.#beganAtUs = picture.capturedAtUs;
    this.#fresh = false;
    const sinceUs = picture.capturedAtUs - this.#beganAtUs;
    const settled = sinceUs < 0 || sinceUs >= SETTLING_US || this.#builder.isLarge || (this.#file !== null && this.#file.format !== this.#format);
    if (settled) {
      atUs += this.#settle();
      if (picture.keyframe || this.#builder.isFull(placed, this.#time.intervalTicks)) this.#handOn(decodeTicks, atUs);
    }
    // A file whose dates are not known yet is not ended for another: what is gathered is its own.
    if (picture.keyframe && (settled || this.#file === null) && this.#mustBeginFile(decodeTicks, unclaimed) && this.#writer.ready) {
      const behind = this.#clock.behindUs > MAX_BEHIND_US;
      if (behind) atUs = this.#clock.catchUp();
      this.#beginFile(placed, picture, atUs, behind, unclaimed);
    }
    if (this.#file === null) return this.#drop();
    this.#builder.add(picture, placed, atUs);
  }

  acceptAudio(packet: AudioPacket): void {
    const ticks = this.#file === null ? null : this.#time.of(packet.ptsTicks, packet.epoch);
    if (ticks !== null) this.#builder.addSound(packet, ticks);
  }

  /** Finishes the file; gives up on a disk that does not answer. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.setWanted(false);
    await Promise.race([this.#writer.settled(), delay(CLOSE_LIMIT_MS, undefined, { ref: false })]);
  }

  #start(decodeTicks: number, capturedAtUs: number): number {
    const seamUs = this.#seamUs;
    this.#seamUs = null;
    // Clocks that differ by more are left to differ.
    if (seamUs === null || Math.abs(capturedAtUs - seamUs) > MAX_BEHIND_US) return this.#clock.start(decodeTicks, capturedAtUs);
    this.#clock.holdOff(seamUs);
    return this.#clock.start(decodeTicks, Math.abs(capturedAtUs - seamUs) < SAME_CLOCK_US ? seamUs : capturedAtUs);
  }

  #mustBeginFile(decodeTicks: number, unclaimed: boolean): boolean {
    const file = this.#file;
    return file === null || file.unclaimed !== unclaimed || file.format !== this.#format || decodeTicks - file.startTicks >= this.#segmentTicks || this.#clock.behindUs > MAX_BEHIND_US;
  }

  #beginFile(placed: Placed, { capturedAtUs }: MediaPacket, startUs: number, behind: boolean, unclaimed: boolean): void {
    const format = this.#format!;
    const aheadMs = capturedAtUs / 1000 - this.#now();
    const gapCause = aheadMs - this.#aheadMs > MAX_BEHIND_US / 2000 ? 'clock' : 'camera_stalled';
    // What lies aside is none of what is in the index.
    const back = this.#aside && !unclaimed;
    this.#aside = unclaimed;
    const opens: NewFile = { startUs, format, unclaimed, continues: this.#continues && !behind && !back, ...(behind ? { gapCause } : back && { gapCause: 'stopped' }) };
    this.#file = { format, startTicks: placed.decodeTicks, unclaimed, opens };
    this.#aheadMs = aheadMs;
    this.#continues = true;
    this.#builder.beginFile(placed, format.audio !== null);
  }

  /** How the media comes is known: its first dates are put right. Returns by how much, us. */
  #settle(): number {
    const shiftUs = this.#clock.settle();
    this.#beganAtUs = -Infinity;
    const opens = this.#file?.opens;
    if (shiftUs === 0 || !opens) return shiftUs;
    this.#file!.opens = { ...opens, startUs: opens.startUs + shiftUs };
    this.#builder.shift(shiftUs);
    return shiftUs;
  }

  /** What is gathered becomes a fragment. */
  #handOn(endTicks: number, endUs: number): void {
    const built = this.#file === null ? null : this.#builder.take(endTicks);
    if (built === null) return;
    const { opens } = this.#file!;
    this.#file!.opens = null;
    if (this.#writer.push({ ...built, endUs, opens })) return;
    this.#writer.finish();
    this.#abandon();
  }

  #finish(endTicks: number): void {
    this.#settle();
    if (this.#file === null) return;
    const endUs = this.#clock.at(endTicks);
    this.#handOn(endTicks, endUs);
    this.#clock.holdOff(endUs);
    this.#file = null;
    this.#writer.finish();
  }

  /** The file is lost to what follows. */
  #abandon(): void {
    const lost = this.#builder.clear();
    this.#writer.drops[this.#writer.cause ?? 'disk_error'] += lost;
    this.#file = null;
    this.#continues = false;
  }

  #drop(): void {
    const { cause } = this.#writer;
    if (cause === null) this.#undecodable++;
    else this.#writer.drops[cause]++;
    this.#continues = false;
  }
}
