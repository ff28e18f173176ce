// Several recordings on one clock: what each shall do next. One leads; the others are kept at its instant by a little more or less
// speed, and brought there where they are far off. All wait for one that loads, within a limit. No browser in here.
import type { Timeline } from '@ruth/protocol';
import type { PlaybackState } from './recording-player.ts';
import { gapAt, playableFrom, spanAt, TOUCH_S } from './timeline-store.ts';

export interface StepMember {
  readonly cameraId: string;
  readonly timeline: Timeline | null;
  readonly status: PlaybackState['status'];
  /** The instant at which its video stands, seconds UTC; null while nothing is there. */
  readonly positionS: number | null;
}

/** `hold`: stand still. `show`: load that instant, and stand there. `play`: go on at that rate. `wait`: what it was told last still goes on. */
export type StepOrder = { readonly kind: 'hold' } | { readonly kind: 'wait' } | { readonly kind: 'show'; readonly atS: number } | { readonly kind: 'play'; readonly rate: number };

export interface Step {
  readonly clockS: number;
  readonly leaderId: string | null;
  /** `waiting`: for one that loads. `ended`: nothing is recorded of any from here on. */
  readonly state: 'playing' | 'paused' | 'waiting' | 'ended';
  /** In the order of the members. */
  readonly orders: readonly StepOrder[];
}

export interface StepWish {
  readonly clockS: number;
  readonly leaderId: string | null;
  readonly playing: boolean;
  readonly rate: number;
  /** For how long all have waited already. */
  readonly waitedMs: number;
  readonly nowS: number;
}

export const MOST_IN_STEP = 9;
/** Longer than this nobody waits for one that loads; it joins when it is there. */
export const WAITS_AT_MOST_MS = 5000;
/** Of playing time: further off than this it is brought there, nearer by speed alone. */
const FAR_S = 0.6;
/** In this time a difference is made good, if it is not large. */
const CATCH_UP_S = 1;
const MOST_CORRECTION = 0.25;
/** Less is no difference. */
const NEAR_S = 0.01;
/** Before a gap ends, what follows is loaded. */
const PREPARE_S = 3;
/** What was recorded last grows: an answer about it is old already. */
const NEWEST_GROWS_S = 12;

/** Whether something is there to be shown of a camera at an instant. */
export function isRecordedAt(timeline: Timeline | null, atS: number, nowS: number): boolean {
  if (spanAt(timeline, atS)) return true;
  const newest = timeline?.spans.at(-1);
  return newest !== undefined && atS >= newest.end && atS < Math.min(nowS, newest.end + NEWEST_GROWS_S) && nowS - newest.end < NEWEST_GROWS_S && gapAt(timeline, atS) === null;
}

export function nextStep(members: readonly StepMember[], wish: StepWish): Step {
  const { playing, rate, nowS } = wish;
  const isThere = ({ timeline, status }: StepMember, atS: number): boolean => status !== 'failed' && isRecordedAt(timeline, atS, nowS) && !(status === 'ended' && !isRecordedAt(timeline, atS + FAR_S, nowS));
  const led = playing ? members.find(({ cameraId, status }) => cameraId === wish.leaderId && status === 'playing') : undefined;
  let clockS = led ? beforeGap(led, wish.clockS, nowS) : wish.clockS;
  if (playing && !members.some((member) => isThere(member, clockS))) {
    const next = members.map(({ timeline, status }) => (status === 'failed' ? null : playableFrom(timeline, clockS + FAR_S))).filter((atS) => atS !== null);
    if (next.length === 0) return { clockS, leaderId: null, state: 'ended', orders: members.map(() => ({ kind: 'hold' })) };
    clockS = Math.min(...next);
  }
  const there = members.filter((member) => isThere(member, clockS));
  // One that has played to its end would begin anew.
  const loads = ({ status, positionS }: StepMember): boolean => status === 'loading' || status === 'ended' || positionS === null;
  const isFar = ({ positionS }: StepMember): boolean => positionS !== null && Math.abs(positionS - clockS) > FAR_S * rate;
  const late = there.filter((member) => loads(member) || isFar(member));
  const ready = there.filter((member) => !late.includes(member));
  const waits = playing && late.length > 0 && (ready.length === 0 || wish.waitedMs < WAITS_AT_MOST_MS);
  const leader = ready.find(({ cameraId }) => cameraId === wish.leaderId) ?? ready[0] ?? null;
  if (leader && !waits && (playing || leader.status === 'paused')) clockS = leader.positionS!;

  const orderFor = (member: StepMember): StepOrder => {
    const { status, positionS, timeline } = member;
    if (late.includes(member)) return status === 'loading' ? { kind: 'wait' } : { kind: 'show', atS: clockS };
    if (!ready.includes(member)) {
      const next = playing && status !== 'failed' ? playableFrom(timeline, clockS) : null;
      const prepares = next !== null && next - clockS < PREPARE_S * rate && status !== 'loading' && (positionS === null || Math.abs(positionS - next) > NEAR_S);
      return prepares ? { kind: 'show', atS: next } : status === 'loading' ? { kind: 'wait' } : { kind: 'hold' };
    }
    const ahead = positionS! - clockS;
    if (!playing) return member === leader || Math.abs(ahead) < NEAR_S / 10 || status !== 'paused' ? { kind: 'hold' } : { kind: 'show', atS: clockS };
    if (waits) return { kind: 'hold' };
    const correction = Math.abs(ahead) < NEAR_S ? 0 : Math.max(-MOST_CORRECTION, Math.min(MOST_CORRECTION, ahead / rate / CATCH_UP_S));
    return { kind: 'play', rate: Math.round(rate * (1 - correction) * 100) / 100 };
  };
  return { clockS, leaderId: leader?.cameraId ?? null, state: !playing ? 'paused' : waits ? 'waiting' : 'playing', orders: members.map(orderFor) };
}

/** A leader that comes to a gap of its own goes over it at once; the clock stops where the gap begins, and another takes the lead. */
function beforeGap({ positionS, timeline }: StepMember, clockS: number, nowS: number): number {
  const span = spanAt(timeline, clockS);
  const jumped = span !== null && positionS !== null && positionS > span.end && !isRecordedAt(timeline, span.end + TOUCH_S, nowS);
  return jumped ? span.end : clockS;
}
