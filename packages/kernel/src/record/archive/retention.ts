// What is to be deleted next: by age, by size of a camera and of all, and where the disk needs room. Oldest first, never what is
// kept or in use.
import type { Retention } from '@ruth/protocol';
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
  /** What lies aside of cameras, in no index: their recordings, and all, are to be so much smaller. */
  readonly aside?: Readonly<Record<string, { readonly bytes: number }>>;
  /** In use. */
  readonly passedOver: readonly string[];
  /** Most files to name at once. */
  readonly atMost: number;
}

export interface Deletable { readonly file: string; readonly bytes: number }

const DAY_US = 86_400e6;
/** For room on the disk nothing is deleted that is younger: where so little fits, recording pauses instead. */
const YOUNGEST_US = 60e6;

/** What ended before is too old. */
export function ageLimitUs({ all, cameras }: RetentionLimits, cameraId: string, nowUs: number): number {
  const maxAgeDays = cameras[cameraId]?.maxAgeDays ?? all.maxAgeDays;
  return maxAgeDays === null ? -Infinity : nowUs - maxAgeDays * DAY_US;
}

export function deletable(index: SegmentIndex, want: Want): Deletable[] {
  const { limits, nowUs, atMost, aside = {} } = want;
  const passedOver = new Set(want.passedOver);
  const usage = index.usage();
  const chosen: Deletable[] = [];
  let chosenBytes = 0;
  const choose = (segment: Deletable): void => {
    chosen.push({ file: segment.file, bytes: segment.bytes });
    passedOver.add(segment.file);
    chosenBytes += segment.bytes;
  };
  for (const [cameraId, { bytes }] of usage) {
    const own = limits.cameras[cameraId];
    const endsBeforeUs = ageLimitUs(limits, cameraId, nowUs);
    let excess = bytes + (aside[cameraId]?.bytes ?? 0) - (own?.maxBytes ?? Infinity);
    for (const segment of index.deletable(cameraId, passedOver)) {
      if (chosen.length >= atMost || (segment.endUs > endsBeforeUs && excess <= 0)) break;
      excess -= segment.bytes;
      choose(segment);
    }
  }
  const total = [...usage.values(), ...Object.values(aside)].reduce((sum, { bytes }) => sum + bytes, 0);
  const forSize = total - (limits.all.maxBytes ?? Infinity);
  for (const segment of oldestOfAll(index, [...usage.keys()], passedOver)) {
    const forRoom = want.bytes > chosenBytes && segment.endUs < nowUs - YOUNGEST_US;
    if (chosen.length >= atMost || !(forSize > chosenBytes || forRoom)) break;
    choose(segment);
  }
  return chosen;
}

function* oldestOfAll(index: SegmentIndex, cameraIds: readonly string[], passedOver: ReadonlySet<string>): Generator<Deletable & { readonly endUs: number }> {
  const heads = cameraIds.map((cameraId) => {
    const segments = index.deletable(cameraId, passedOver);
    return { segments, next: segments.next() };
  });
  for (;;) {
    let oldest: { segments: (typeof heads)[number]['segments']; next: (typeof heads)[number]['next'] } | null = null;
    for (const head of heads) if (!head.next.done && (oldest === null || head.next.value.startUs < (oldest.next.value as { startUs: number }).startUs)) oldest = head;
    if (oldest === null || oldest.next.done) return;
    const { value } = oldest.next;
    yield value;
    oldest.next = oldest.segments.next();
  }
}
