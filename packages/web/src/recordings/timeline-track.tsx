// What a timeline draws: the axis, what is recorded and kept, gaps in the colour of their cause, and the marked span.
import { memo } from 'react';
import type { RecordingGap, StoredEvent, Timeline } from '@ruth/protocol';
import { eventWords, type ToldEvent } from '../events/event-words.ts';
import { clockText } from '../wall-clock.ts';
import { gapFamily, type GapFamily } from './gap-cause.ts';
import { shareOf, ticksOf, type TimeWindow } from './time-window.ts';

/** A span that a person marks; the end is open until it is marked too. */
export interface MarkedSpan { readonly startS: number; readonly endS: number | null }

/** Vertical places, pixels. */
export const TRACK = { top: 24, height: 34, keptTop: 61, whole: 70 } as const;
const FAMILIES: readonly GapFamily[] = ['camera', 'disk', 'ruth', 'none'];
/** What is shorter is drawn this wide, or nobody would see it. */
const NARROWEST_PX = 2.5;

export interface TimelineTrackProps {
  readonly timeline: Timeline | null;
  readonly events: readonly StoredEvent[];
  readonly window: TimeWindow;
  readonly widthPx: number;
  readonly nowS: number;
}

export const TimelineTrack = memo(function TimelineTrack({ timeline, events, window, widthPx, nowS }: TimelineTrackProps) {
  const x = (atS: number): number => Math.max(-2, Math.min(widthPx + 2, shareOf(window, atS) * widthPx));
  const bar = (startS: number, endS: number): { x: number; width: number } | null => {
    if (endS < window.startS || startS > window.startS + window.spanS) return null;
    return { x: x(startS), width: Math.max(NARROWEST_PX, x(endS) - x(startS)) };
  };
  const ticks = ticksOf(window, widthPx);
  const withSeconds = ticks.some(({ atS, labelled }) => labelled && atS % 60 !== 0);
  return (
    <g aria-hidden="true">
      <defs>
        {FAMILIES.map((family) => (
          <pattern key={family} id={`gap-${family}`} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect className={`gap-ground gap-${family}`} width="6" height="6" />
            <rect className={`gap-stripe gap-${family}`} width="2.4" height="6" />
          </pattern>
        ))}
      </defs>
      <rect className="track" x="0" y={TRACK.top} width={widthPx} height={TRACK.height} />
      {timeline?.spans.map(({ start, end, kept }) => {
        const place = bar(start, end);
        return place && (
          <g key={start}>
            <rect className="recorded" y={TRACK.top} height={TRACK.height} {...place} />
            {kept && <rect className="kept" y={TRACK.keptTop} height="3" rx="1.5" {...place} />}
          </g>
        );
      })}
      {timeline?.gaps.map((gap) => {
        const place = bar(gap.start, gap.end ?? nowS);
        return place && <GapBar key={gap.start} gap={gap} {...place} />;
      })}
      {bar(nowS, Infinity) && <rect className="future" y={TRACK.top} height={TRACK.height} {...bar(nowS, Infinity)!} />}
      {events.map(({ event_id: id, at, event }) => {
        const { title, tone } = eventWords(event as ToldEvent);
        return at >= window.startS && at <= window.startS + window.spanS && <rect key={id} className="event-mark" data-event-tone={tone} x={x(at) - 1.5} y={TRACK.top + TRACK.height - 11} width="3" height="11"><title>{title}</title></rect>;
      })}
      {ticks.map(({ atS, labelled }) => (
        <g key={atS}>
          <line className={labelled ? 'tick labelled' : 'tick'} x1={x(atS)} x2={x(atS)} y1={labelled ? 16 : 20} y2={TRACK.top} />
          {labelled && <text className="tick-label" x={x(atS)} y="11" textAnchor={anchorOf(x(atS), widthPx)}>{clockText(atS, { seconds: withSeconds })}</text>}
        </g>
      ))}
    </g>
  );
});

function GapBar({ gap, x, width }: { gap: RecordingGap; x: number; width: number }) {
  return <rect className="gap" data-cause={gap.cause} fill={`url(#gap-${gapFamily(gap.cause)})`} x={x} y={TRACK.top} width={width} height={TRACK.height} />;
}

function anchorOf(x: number, widthPx: number): 'start' | 'middle' | 'end' {
  return x < 24 ? 'start' : x > widthPx - 24 ? 'end' : 'middle';
}

export function MarkedBar({ marked, window, widthPx, onGrab }: { marked: MarkedSpan; window: TimeWindow; widthPx: number; onGrab: (edge: 'start' | 'end', event: React.PointerEvent) => void }) {
  const left = shareOf(window, marked.startS) * widthPx;
  const right = marked.endS === null ? null : shareOf(window, marked.endS) * widthPx;
  const edge = (name: 'start' | 'end', at: number) => (
    <g className="mark-edge" onPointerDown={(event) => onGrab(name, event)}>
      <rect className="grip" x={at - 8} y={TRACK.top - 6} width="16" height={TRACK.height + 12} />
      <line x1={at} x2={at} y1={TRACK.top - 5} y2={TRACK.top + TRACK.height + 5} />
      <path d={name === 'start' ? `M${at} ${TRACK.top - 5}h7l-7 7z` : `M${at} ${TRACK.top - 5}h-7l7 7z`} />
    </g>
  );
  return (
    <g className="marked" aria-hidden="true">
      {right !== null && <rect className="marked-span" x={left} width={Math.max(1, right - left)} y={TRACK.top - 3} height={TRACK.height + 6} />}
      {edge('start', left)}
      {right !== null && edge('end', right)}
    </g>
  );
}
