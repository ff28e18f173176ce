// Which fragments show a span, and where instants lie in a file: within one, the node's wall clock and the media's clock
// are tied linearly, `startUs..endUs` over `durationTicks`.
import type { ArchiveView } from '../archive/index.ts';
import type { FragmentEntry, Segment } from '../segment.ts';

/** A run of fragments of one file, `first` (a keyframe) to before `end`; never empty. */
export interface Part {
  readonly segment: Segment;
  readonly first: number;
  readonly end: number;
}

export function usOfTicks({ startUs, endUs, durationTicks }: Segment, ticks: number): number {
  return durationTicks > 0 ? startUs + ticks * (endUs - startUs) / durationTicks : startUs;
}

export function ticksOfUs({ startUs, endUs, durationTicks }: Segment, us: number): number {
  return endUs > startUs ? (us - startUs) * durationTicks / (endUs - startUs) : 0;
}

export const endOf = (fragment: FragmentEntry): number => fragment.startTicks + fragment.durationTicks;

/** Index of the last keyframe at or before the instant of the media; 0 where there is none. */
export function keyframeAt({ fragments }: Segment, ticks: number): number {
  // Instants come from microseconds and back: what is asked for exactly must not be missed by rounding.
  return Math.max(0, fragments.findLastIndex((fragment) => fragment.keyframe && fragment.startTicks <= ticks + 1));
}

/** What of the files shows [startUs, endUs), from a keyframe on. */
export function partsOf(segments: readonly Segment[], startUs: number, endUs: number): Part[] {
  return segments.flatMap((segment): Part[] => {
    const { fragments } = segment;
    if (fragments.length === 0 || segment.endUs <= startUs || segment.startUs >= endUs) return [];
    const first = startUs <= segment.startUs ? 0 : keyframeAt(segment, ticksOfUs(segment, startUs));
    const after = endUs >= segment.endUs ? -1 : fragments.findIndex((fragment) => fragment.startTicks >= ticksOfUs(segment, endUs));
    return [{ segment, first, end: after < 0 ? fragments.length : Math.max(after, first + 1) }];
  });
}

const CONTIGUOUS_US = 50_000;

/** Whether the media of `next` goes on where that of `previous` ended, so that a player need not begin anew. */
export function goesOn(previous: Segment, next: Segment): boolean {
  return next.continues && Math.abs(next.startUs - previous.endUs) < CONTIGUOUS_US && previous.codec === next.codec
    && previous.width === next.width && previous.height === next.height && previous.audio === next.audio;
}

/** The name of a file towards the outside: digits, unique within its camera. */
export const fileIdOf = ({ file }: Pick<Segment, 'file'>): string => file.slice(file.lastIndexOf('/') + 1, -'.mp4'.length);

const FILE_ID = /^[1-9][0-9]{0,14}$/;

/** The file of that name, or null. What comes from outside is a number, and only chooses among what the index holds. */
export async function findFile(archive: ArchiveView, cameraId: string, fileId: string): Promise<Segment | null> {
  if (!FILE_ID.test(fileId)) return null;
  const iso = new Date(Number(fileId)).toISOString();
  return archive.segment(`${cameraId}/${iso.slice(0, 10)}/${iso.slice(11, 13)}/${fileId}.mp4`);
}
