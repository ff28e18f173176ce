// The HLS playlist of a span (RFC 8216): byte ranges of the files themselves, each moved in time so that the media goes on
// from file to file. A gap or a new format is a discontinuity; the instant of every file stands in the playlist.
import { TICKS_PER_SECOND } from '../../media/media-packet.ts';
import { endOf, fileIdOf, goesOn, partsOf, ticksOfUs, usOfTicks, type Part } from './recorded-parts.ts';
import type { FragmentEntry, Segment } from '../segment.ts';

/** A piece that a player fetches at once is ended at the first keyframe after this; the first of a playlist that grows at the next one, so that who wants the present need not wait. */
const PIECE_TICKS = 4 * TICKS_PER_SECOND;

export interface PlaylistSpan {
  readonly startUs: number;
  /** Null: whatever comes; the playlist grows. */
  readonly endUs: number | null;
}

interface Piece {
  readonly offset: number;
  readonly bytes: number;
  readonly durationTicks: number;
}

/** Null where nothing of the span is recorded, or no piece of it is complete yet. */
export function playlist(segments: readonly Segment[], { startUs, endUs }: PlaylistSpan): string | null {
  const parts = partsOf(segments, startUs, endUs ?? Infinity);
  const body: string[] = [];
  let longestTicks = PIECE_TICKS;
  let shiftTicks = 0;
  let previous: Segment | null = null;
  for (const part of parts) {
    const { segment } = part;
    const pieces = piecesOf(part, endUs === null, previous === null);
    if (pieces.length > 0) {
      const uri = `${fileIdOf(segment)}/${shiftTicks}.mp4`;
      if (previous !== null && !goesOn(previous, segment)) body.push('#EXT-X-DISCONTINUITY');
      body.push(`#EXT-X-MAP:URI="${uri}",BYTERANGE="${segment.initBytes}@0"`);
      body.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(usOfTicks(segment, segment.fragments[part.first]!.startTicks) / 1000).toISOString()}`);
      for (const { offset, bytes, durationTicks } of pieces) {
        longestTicks = Math.max(longestTicks, durationTicks);
        body.push(`#EXTINF:${seconds(durationTicks)},`, `#EXT-X-BYTERANGE:${bytes}@${offset}`, uri);
      }
      previous = segment;
    }
    // What follows it must not be told before the rest of it.
    if (endUs === null && segment.sha256 === null) break;
    shiftTicks += endOf(segment.fragments[part.end - 1]!);
  }
  if (previous === null) return null;
  return [
    '#EXTM3U', '#EXT-X-VERSION:7', `#EXT-X-TARGETDURATION:${Math.ceil(longestTicks / TICKS_PER_SECOND)}`,
    `#EXT-X-PLAYLIST-TYPE:${endUs === null ? 'EVENT' : 'VOD'}`, '#EXT-X-MEDIA-SEQUENCE:0', '#EXT-X-INDEPENDENT-SEGMENTS',
    `#EXT-X-START:TIME-OFFSET=${seconds(startTicks(parts[0]!, startUs))},PRECISE=YES`,
    ...body, ...(endUs === null ? [] : ['#EXT-X-ENDLIST']), '',
  ].join('\n');
}

/** Pieces from keyframe to keyframe. Of a file that grows, only those that will not change any more. */
function piecesOf({ segment, first, end }: Part, growing: boolean, isFirst: boolean): Piece[] {
  const pieces: Piece[] = [];
  let begin: FragmentEntry | null = null;
  let last: FragmentEntry | null = null;
  const close = (): void => {
    if (begin && last) pieces.push({ offset: begin.offset, bytes: last.offset + last.bytes - begin.offset, durationTicks: endOf(last) - begin.startTicks });
    begin = null;
  };
  for (const fragment of segment.fragments.slice(first, end)) {
    if (begin && fragment.keyframe && fragment.startTicks - begin.startTicks >= (growing && isFirst && pieces.length === 0 ? 0 : PIECE_TICKS)) close();
    begin ??= fragment;
    last = fragment;
  }
  if (!growing || segment.sha256 !== null) close();
  return pieces;
}

function startTicks({ segment, first }: Part, startUs: number): number {
  return Math.max(0, ticksOfUs(segment, startUs) - segment.fragments[first]!.startTicks);
}

const seconds = (ticks: number): string => (ticks / TICKS_PER_SECOND).toFixed(6);
