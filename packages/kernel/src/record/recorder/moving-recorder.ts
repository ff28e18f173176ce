// A recorder whose camera may pass from one node of a site to another (docs/design/fleet.md). The one that leaves ends before a keyframe and says which
// picture that is; the next one has held pictures back meanwhile, finds that picture among them by its bytes, and begins with it: no picture is
// missing, none is recorded twice. Where it cannot be found, what is held is let go: there is a gap then, never a double.
import type { RecordingSeam, RecordingStatus } from '@ruth/protocol';
import type { AudioPacket, MediaPacket, PacketConsumer, StreamFormat } from '../../media/media-packet.ts';
import { pictureDigest } from '../../media/picture-digest.ts';
import type { RecordingTurn, TurnMessage } from '../../ingest/messages.ts';
import type { Recorder } from './recorder.ts';

const MAX_HELD_US = 30e6;
const MAX_HELD_BYTES = 32 << 20;
/** Tiny pictures take more than their bytes. */
const MAX_HELD_PICTURES = 10_000;
/** A camera that sends no keyframe for so long: recording ends where it is. */
const LEAVE_LIMIT_MS = 15_000;
/** The picture at which the other node ended may come so much later here. */
const SEEK_LIMIT_MS = 3000;
/** Of pictures that have the same bytes (a camera in the dark), the one that came when the other node says: clocks of nodes differ by less. */
const CLOCKS_DIFFER_US = 2e6;

export interface MovingRecorderOptions {
  readonly recorder: Pick<Recorder, 'status' | 'setWanted' | 'setLeaseEnd' | 'goOnFrom' | 'endBefore' | 'begin' | 'accept' | 'acceptAudio' | 'interrupt'>;
  readonly send: (message: TurnMessage) => void;
  /** Milliseconds that only grow. */
  readonly nowMs?: () => number;
  readonly leaveLimitMs?: number;
}

type Held = { readonly picture: MediaPacket; /** Of a keyframe. */ readonly digest: string | null } | { readonly sound: AudioPacket };

export class MovingRecorder implements PacketConsumer {
  readonly #options: MovingRecorderOptions;
  readonly #nowMs: () => number;
  #turn: RecordingTurn = { step: 'record', turn: -1, seam: null };
  #wanted = false;
  #format: StreamFormat | null = null;
  #left = false;
  #leaving: NodeJS.Timeout | undefined;
  /** Begins with a keyframe. */
  #held: Held[] = [];
  #heldBytes = 0;
  #toldHeld = false;
  /** What is held becomes the recording from there on; it is looked for until then. */
  #seek: { readonly seam: RecordingSeam; readonly untilMs: number } | null = null;
  /** Pictures that were held back and became no part of the recording though they were to be. */
  #lost = 0;

  constructor(options: MovingRecorderOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  get status(): RecordingStatus {
    const { status } = this.#options.recorder;
    return this.#lost === 0 ? status : { ...status, drops: { ...status.drops, seam_not_found: this.#lost } };
  }

  setLeaseEnd(untilS: number | null): void { this.#options.recorder.setLeaseEnd(untilS); }

  /** `wanted`: it is to be recorded, where it is this node's turn. */
  set(turn: RecordingTurn, wanted: boolean): void {
    const before = this.#turn;
    this.#turn = turn;
    this.#wanted = wanted;
    if (turn.turn !== before.turn) this.#begin(turn, before.turn < 0 ? null : before.step);
    this.#want();
  }

  begin(format: StreamFormat): void {
    // What is held was of another one.
    if (this.#format !== null && this.#format !== format) this.#letGo();
    this.#format = format;
    if (!this.#holds) this.#options.recorder.begin(format);
  }

  interrupt(): void {
    this.#letGo();
    this.#seek = null;
    this.#options.recorder.interrupt();
    if (this.#turn.step === 'leave') this.#leave(null);
    this.#want();
  }

  accept(picture: MediaPacket): void {
    const { recorder } = this.#options;
    if (this.#holds) return this.#hold(picture);
    if (this.#turn.step !== 'leave') return recorder.accept(picture);
    if (this.#left) return;
    if (!picture.keyframe) return recorder.accept(picture);
    const atUs = recorder.endBefore(picture);
    this.#leave(atUs === null ? null : { picture: this.#digest(picture), at: atUs / 1e6 });
  }

  acceptAudio(sound: AudioPacket): void {
    if (!this.#holds) this.#options.recorder.acceptAudio(sound);
    else if (this.#held.length > 0 && this.#held.length < 2 * MAX_HELD_PICTURES) this.#held.push({ sound });
  }

  get #holds(): boolean { return this.#turn.step === 'hold' || this.#seek !== null; }

  #begin({ step, seam }: RecordingTurn, before: RecordingTurn['step'] | null): void {
    const { recorder, leaveLimitMs = LEAVE_LIMIT_MS } = this.#options;
    clearTimeout(this.#leaving);
    this.#left = this.#toldHeld = false;
    this.#seek = null;
    if (before === 'hold' && step === 'record' && seam !== null && this.#held.length > 0) {
      this.#seek = { seam, untilMs: this.#nowMs() + SEEK_LIMIT_MS };
      return this.#look();
    }
    if (before === 'hold') {
      this.#letGo();
      if (this.#format !== null) recorder.begin(this.#format);
    }
    // A process that begins like this, or has nothing to end, has left.
    if (step === 'leave' && (before !== 'record' || recorder.status.state !== 'recording')) this.#leave(null);
    else if (step === 'leave') this.#leaving = setTimeout(() => this.#leave(null), leaveLimitMs).unref();
  }

  #want(): void { this.#options.recorder.setWanted(this.#wanted && !this.#holds && !this.#left); }

  #leave(seam: RecordingSeam | null): void {
    if (this.#left) return;
    clearTimeout(this.#leaving);
    this.#left = true;
    this.#want();
    this.#options.send({ type: 'left', turn: this.#turn.turn, seam });
  }

  #digest(picture: MediaPacket): string { return pictureDigest(this.#format!.codec, picture); }

  #hold(picture: MediaPacket): void {
    if (picture.keyframe || this.#held.length > 0) {
      this.#held.push({ picture, digest: picture.keyframe ? this.#digest(picture) : null });
      this.#heldBytes += picture.data.length;
    }
    this.#bound(picture);
    if (this.#seek) this.#look();
    else this.#tellHeld(this.#held.length > 0);
  }

  /** The oldest pictures go, up to a keyframe. */
  #bound(newest: MediaPacket): void {
    const oldest = (): MediaPacket | null => { const [first] = this.#held; return first && 'picture' in first ? first.picture : null; };
    for (let first = oldest(); first !== null && (this.#heldBytes > MAX_HELD_BYTES || this.#held.length > MAX_HELD_PICTURES || newest.capturedAtUs - first.capturedAtUs > MAX_HELD_US); first = oldest()) {
      const next = this.#held.findIndex((held, index) => index > 0 && 'picture' in held && held.picture.keyframe);
      for (const gone of this.#held.splice(0, next < 0 ? this.#held.length : next)) if ('picture' in gone) this.#heldBytes -= gone.picture.data.length;
    }
  }

  #letGo(): void {
    if (this.#seek) this.#lost += this.#held.filter((held) => 'picture' in held).length;
    this.#held = [];
    this.#heldBytes = 0;
    if (this.#turn.step === 'hold') this.#tellHeld(false);
  }

  #tellHeld(held: boolean): void {
    if (held === this.#toldHeld) return;
    this.#toldHeld = held;
    this.#options.send({ type: 'held', turn: this.#turn.turn, held });
  }

  /** Whether the other node's last picture is there, and what follows can be recorded. */
  #look(): void {
    const { seam, untilMs } = this.#seek!;
    const isOver = this.#nowMs() >= untilMs;
    const alike = this.#held.flatMap((held, index) => ('picture' in held && held.digest === seam.picture ? [{ index, offUs: Math.abs(held.picture.capturedAtUs - seam.at * 1e6) }] : []));
    const found = alike.filter(({ offUs }) => offUs <= CLOCKS_DIFFER_US).toSorted((a, b) => a.offUs - b.offUs)[0] ?? (isOver && alike.length === 1 ? alike[0] : undefined);
    if (!found && !isOver) return;
    const kept = found ? this.#held.slice(found.index) : [];
    if (!found) this.#letGo();
    this.#held = [];
    this.#heldBytes = 0;
    this.#seek = null;
    this.#record(kept, found ? seam.at * 1e6 : null);
  }

  #record(kept: readonly Held[], seamUs: number | null): void {
    const { recorder } = this.#options;
    if (this.#format !== null) recorder.begin(this.#format);
    this.#want();
    if (seamUs !== null) recorder.goOnFrom(seamUs);
    for (const held of kept) {
      if ('picture' in held) recorder.accept(held.picture);
      else recorder.acceptAudio(held.sound);
    }
  }
}
