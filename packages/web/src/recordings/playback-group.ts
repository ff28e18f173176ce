// Plays the recordings of several cameras in step: asks `nextStep` ten times a second what each shall do, and has it done.
import { Observable } from '../observable.ts';
import { isRecordedAt, nextStep, type Step, type StepMember } from './in-step.ts';
import { RecordingPlayer, type PlaybackState } from './recording-player.ts';
import { playableFrom, TimelineStore } from './timeline-store.ts';
import type { TimeWindow } from './time-window.ts';

const TICK_MS = 100;
/** Of media that is loaded ahead for each: all of them together take about what one alone would. */
const BUFFER_S = 8;

interface Member { readonly cameraId: string; readonly player: RecordingPlayer; readonly store: TimelineStore }

export interface GroupState extends PlaybackState {
  /** Whether the others wait for one that loads. */
  readonly waiting: boolean;
}

export const IDLE_GROUP: GroupState = { status: 'idle', shownAtS: null, rate: 1, muted: true, failure: null, waiting: false };

export class PlaybackGroup extends Observable<GroupState> implements Disposable {
  readonly #members: readonly Member[];
  readonly #timer: ReturnType<typeof setInterval>;
  #clockS: number | null = null;
  #leaderId: string | null = null;
  #playing = false;
  #waitsSinceMs: number | null = null;

  /** Each with the element that it plays in. */
  constructor(videos: ReadonlyMap<string, HTMLVideoElement>) {
    super(IDLE_GROUP);
    this.#members = [...videos].map(([cameraId, video]) => ({ cameraId, player: new RecordingPlayer(cameraId, video, { bufferS: BUFFER_S }), store: new TimelineStore(cameraId) }));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  storeOf(cameraId: string): TimelineStore { return this.#members.find((member) => member.cameraId === cameraId)!.store; }

  playerOf(cameraId: string): RecordingPlayer { return this.#members.find((member) => member.cameraId === cameraId)!.player; }

  /** Makes known what is recorded of each in the window. */
  lookAt(window: TimeWindow): void { for (const { store } of this.#members) store.show(window); }

  get areTimelinesKnown(): boolean { return this.#members.every(({ store }) => store.get().timeline !== null || store.get().failure !== null); }

  /** Where playback begins when `atS` is asked for: there if anything is recorded there, else where it goes on; null where nothing follows. */
  playableFrom(atS: number): number | null {
    const candidates = this.#members.map(({ store }) => playableFrom(store.get().timeline, atS)).filter((fromS) => fromS !== null);
    return candidates.length === 0 ? null : Math.min(...candidates);
  }

  show(atS: number, play = true): void {
    this.#clockS = atS;
    this.#playing = play;
    this.#waitsSinceMs = null;
    const nowS = Date.now() / 1000;
    for (const { player, store } of this.#members) {
      if (isRecordedAt(store.get().timeline, atS, nowS)) void player.show(atS, false);
      else player.pause();
    }
    this.set({ status: 'loading', shownAtS: atS });
  }

  toggle(): void {
    if (this.#clockS === null) return;
    if (this.get().status === 'ended') return this.show(this.#clockS);
    // Stopped, each shows the frame of the same instant: a browser that was late may have stood at one before it.
    if (this.#playing) return this.show(this.#clockS, false);
    this.#playing = true;
    this.#tick();
  }

  /** One frame of the leader on or back; the others go with it. It stops there. */
  step(direction: 1 | -1): void {
    this.#playing = false;
    this.#members.find(({ cameraId }) => cameraId === this.#leaderId)?.player.step(direction);
  }

  setRate(rate: number): void {
    for (const { player } of this.#members) player.setRate(rate);
    this.set({ rate });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const { player, store } of this.#members) {
      player[Symbol.dispose]();
      store.close();
    }
  }

  #tick(): void {
    if (this.#clockS === null) return;
    const views = this.#members.map(({ cameraId, player, store }): StepMember => ({ cameraId, timeline: store.get().timeline, status: player.get().status, positionS: player.positionS }));
    const waitedMs = this.#waitsSinceMs === null ? 0 : performance.now() - this.#waitsSinceMs;
    const step = nextStep(views, { clockS: this.#clockS, leaderId: this.#leaderId, playing: this.#playing, rate: this.get().rate, waitedMs, nowS: Date.now() / 1000 });
    for (const [index, order] of step.orders.entries()) this.#obey(this.#members[index]!.player, order);
    this.#waitsSinceMs = step.state === 'waiting' ? this.#waitsSinceMs ?? performance.now() : step.orders.some(({ kind }) => kind === 'wait') ? this.#waitsSinceMs : null;
    this.#leaderId = step.leaderId ?? this.#leaderId;
    this.#clockS = step.clockS;
    this.#tell(step);
  }

  #obey(player: RecordingPlayer, order: Step['orders'][number]): void {
    if (order.kind === 'show') void player.show(order.atS, false);
    else if (order.kind === 'hold') {
      if (player.get().status === 'playing') player.pause();
    } else if (order.kind === 'play') {
      player.pace = order.rate;
      if (player.get().status === 'paused') player.play();
    }
  }

  #tell({ state, clockS }: Step): void {
    const status = state === 'waiting' ? 'playing' : state;
    const before = this.get();
    if (before.status !== status || before.shownAtS !== clockS || before.waiting !== (state === 'waiting')) this.set({ status, shownAtS: clockS, waiting: state === 'waiting' });
    if (state === 'ended') this.#playing = false;
  }
}
