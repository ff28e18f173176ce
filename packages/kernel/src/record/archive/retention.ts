// What is to be deleted next: by age, by size of a camera and of all, and where the disk needs room. Oldest first, whether it is in the index or lies aside; never what is
// kept or in use.
import type { Retention } from '@ruth/protocol';
import type { AsideFile } from './aside.ts';
import type { SegmentIndex } from './segment-index.ts';

export interface RetentionLimits {
  readonly all: Retention;
  /** By camera id. A camera's own age counts instead of that of all; its own size counts besides. */
  readonly cameras: Readonly<Record<string, Retention>>;
}

export interface Want {
  readonly limits: RetentionLimits;
  readonly nowUs: number;
  /** Bytes that the disk needs, whatever the limits say. */
  readonly bytes: number;
  /** In use. */
  readonly passedOver: readonly string[];
  /** Most files to name at once. */
  readonly atMost: number;
}

/** `room`: the disk needs it, whatever the limits say. */
export type DeletionCause = 'age' | 'size' | 'room';

export interface Deletable { readonly file: string; readonly bytes: number; readonly cause: DeletionCause }

/** Recorded, or lying aside. */
interface Candidate { readonly file: string; readonly bytes: number; readonly startUs: number; readonly endUs: number; /** Since when it ages. */ readonly agesUs: number }

const DAY_US = 86_400e6;
/** For room on the disk nothing is deleted that is younger: where so little fits, recording pauses instead. */
const YOUNGEST_US = 60e6;

/** What ended before is too old. */
function ageLimitUs({ all, cameras }: RetentionLimits, cameraId: string, nowUs: number): number {
  const maxAgeDays = cameras[cameraId]?.maxAgeDays ?? all.maxAgeDays;
  return maxAgeDays === null ? -Infinity : nowUs - maxAgeDays * DAY_US;
}

/** `aside`: oldest first of each camera. It counts for the sizes: had there been a lease, it would be recordings. */
export function deletable(index: SegmentIndex, aside: readonly AsideFile[], want: Want): Deletable[] {
  const { limits, nowUs, atMost } = want;
  const passedOver = new Set(want.passedOver);
  const asideOf = Map.groupBy(aside, ({ cameraId }) => cameraId);
  const usage = index.usage();
  const bytesOf = new Map([...new Set([...usage.keys(), ...asideOf.keys()])].map((id) => [id, (usage.get(id)?.bytes ?? 0) + (asideOf.get(id) ?? []).reduce((sum, { bytes }) => sum + bytes, 0)]));
  const chosen: Deletable[] = [];
  let chosenBytes = 0;
  const choose = ({ file, bytes }: Candidate, cause: DeletionCause): void => {
    chosen.push({ file, bytes, cause });
    passedOver.add(file);
    chosenBytes += bytes;
  };
  const candidates = (id: string): Generator<Candidate> => oldestOfCamera(index, id, asideOf.get(id) ?? [], passedOver);
  for (const [cameraId, bytes] of bytesOf) {
    const endsBeforeUs = ageLimitUs(limits, cameraId, nowUs);
    let excess = bytes - (limits.cameras[cameraId]?.maxBytes ?? Infinity);
    for (const candidate of candidates(cameraId)) {
      const isOld = candidate.agesUs <= endsBeforeUs;
      if (chosen.length >= atMost || (!isOld && excess <= 0)) break;
      excess -= candidate.bytes;
      choose(candidate, isOld ? 'age' : 'size');
    }
  }
  const forSize = [...bytesOf.values()].reduce((sum, bytes) => sum + bytes, 0) - (limits.all.maxBytes ?? Infinity);
  for (const candidate of oldestOfAll([...bytesOf.keys()].map(candidates))) {
    const forRoom = want.bytes > chosenBytes && candidate.endUs < nowUs - YOUNGEST_US;
    if (chosen.length >= atMost || !(forSize > chosenBytes || forRoom)) break;
    choose(candidate, forSize > chosenBytes ? 'size' : 'room');
  }
  return chosen;
}

function* oldestOfCamera(index: SegmentIndex, cameraId: string, aside: readonly AsideFile[], passedOver: ReadonlySet<string>): Generator<Candidate> {
  // The date of a file may be that of a copy: what lies aside ages from its beginning on.
  const waiting = aside.filter(({ file }) => !passedOver.has(file)).map((file): Candidate => ({ ...file, agesUs: file.startUs }));
  for (const segment of index.deletable(cameraId, passedOver)) {
    while (waiting.length > 0 && waiting[0]!.startUs < segment.startUs) yield waiting.shift()!;
    yield { ...segment, agesUs: segment.endUs };
  }
  yield* waiting;
}

function* oldestOfAll(cameras: readonly Generator<Candidate>[]): Generator<Candidate> {
  const heads = cameras.map((candidates) => ({ candidates, next: candidates.next() }));
  for (;;) {
    let oldest: (typeof heads)[number] | null = null;
    for (const head of heads) if (!head.next.done && (oldest === null || head.next.value.startUs < (oldest.next.value as Candidate).startUs)) oldest = head;
    if (oldest === null || oldest.next.done) return;
    const { value } = oldest.next;
    yield value;
    oldest.next = oldest.candidates.next();
  }
}
