// What several nodes recorded of one camera, as one: where another one has a picture there is no gap, and what cannot be looked at is told as that.
import type { Keyframes, RecordedSpan, RecordingGap, Timeline, TimelineAway } from '@ruth/protocol';

interface Interval { readonly start: number; readonly end: number | null }

/** `parts`: of each node that was asked, the one that has the camera first. */
export function joinTimelines(parts: readonly { readonly node: string; readonly timeline: Timeline }[], away: readonly TimelineAway[]): Timeline {
  const { timeline: first } = parts[0]!;
  const spans = parts.flatMap(({ node, timeline }) => timeline.spans.map((span): RecordedSpan => ({ ...span, node }))).toSorted((one, other) => one.start - other.start);
  const gaps: RecordingGap[] = [];
  for (const { timeline } of parts) for (const gap of timeline.gaps) gaps.push(...without(gap, [...spans, ...gaps]));
  return {
    camera_id: first.camera_id, start: first.start, end: first.end, spans, gaps: gaps.toSorted((one, other) => one.start - other.start),
    oldest: least(parts.map(({ timeline }) => timeline.oldest)), newest: most(parts.map(({ timeline }) => timeline.newest)), ...(away.length === 0 ? {} : { away: [...away] }),
  };
}

export function joinKeyframes(parts: readonly Keyframes[]): Keyframes {
  const first = parts[0]!;
  return { camera_id: first.camera_id, at: first.at, before: most(parts.map(({ before }) => before)), after: least(parts.map(({ after }) => after)) };
}

/** What is left of a gap where others have something. A gap that ends nowhere goes on after the last of it. */
function without(gap: RecordingGap, others: readonly Interval[]): RecordingGap[] {
  let left: RecordingGap[] = [gap];
  for (const other of others) {
    left = left.flatMap((piece) => {
      const pieceEnd = piece.end ?? Infinity;
      const otherEnd = other.end ?? Infinity;
      if (other.start >= pieceEnd || otherEnd <= piece.start) return [piece];
      return [
        ...(other.start > piece.start ? [{ ...piece, end: other.start }] : []),
        ...(otherEnd < pieceEnd ? [{ ...piece, start: otherEnd }] : []),
      ];
    });
  }
  return left;
}

const known = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);
const least = (values: readonly (number | null)[]): number | null => known(values).reduce<number | null>((one, other) => Math.min(one ?? Infinity, other), null);
const most = (values: readonly (number | null)[]): number | null => known(values).reduce<number | null>((one, other) => Math.max(one ?? -Infinity, other), null);
