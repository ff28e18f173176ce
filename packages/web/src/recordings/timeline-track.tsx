// What a timeline draws: the axis, for each camera what is recorded and kept, gaps in the colour of their cause and events, and the marked span.
import { memo } from 'react';
import type { RecordingGap, StoredEvent, Timeline } from '@ruth/protocol';
import { eventWords, type ToldEvent } from '../events/event-words.ts';
import { clockText } from '../wall-clock.ts';
import { gapFamily, type GapFamily } from './gap-cause.ts';
import { shareOf, ticksOf, type TimeWindow } from './time-window.ts';

/** A span that a person marks; the end is open until it is marked too. */
export interface MarkedSpan { readonly startS: number; readonly endS: number | null }

/** What is known of one camera. */
export interface TimelineRow {
  readonly cameraId: string;
  readonly name: string;
  readonly timeline: Timeline | null;
  readonly events: readonly StoredEvent[];
}

/** Vertical places, pixels: rows of `height` that begin `stride` apart. */
export interface TrackLayout { readonly top: number; readonly height: number; readonly stride: number; readonly bottom: number; readonly whole: number }

export function trackLayout(rows: number): TrackLayout {
  const [top, height, stride] = rows === 1 ? [24, 34, 34] : [24, 17, 23];
  const bottom = top + (rows - 1) * stride + height;
  return { top, height, stride, bottom, whole: bottom + 12 };
}

const FAMILIES: readonly GapFamily[] = ['camera', 'disk', 'ruth', 'none'];
/** What is shorter is drawn this wide, or nobody would see it. */
const NARROWEST_PX = 2.5;

export interface TimelineTrackProps {
  readonly rows: readonly TimelineRow[];
  readonly window: TimeWindow;
  readonly widthPx: number;
  readonly nowS: number;
}

export const TimelineTrack = memo(function TimelineTrack({ rows, window, widthPx, nowS }: TimelineTrackProps) {
  const { top, stride } = trackLayout(rows.length);
  const x = (atS: number): number => Math.max(-2, Math.min(widthPx + 2, shareOf(window, atS) * widthPx));
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
      {rows.map((row, index) => <Row key={row.cameraId} row={row} top={top + index * stride} height={trackLayout(rows.length).height} named={rows.length > 1} window={window} widthPx={widthPx} nowS={nowS} />)}
      {ticks.map(({ atS, labelled }) => (
        <g key={atS}>
          <line className={labelled ? 'tick labelled' : 'tick'} x1={x(atS)} x2={x(atS)} y1={labelled ? 16 : 20} y2={top} />
          {labelled && <text className="tick-label" x={x(atS)} y="11" textAnchor={anchorOf(x(atS), widthPx)}>{clockText(atS, { seconds: withSeconds })}</text>}
        </g>
      ))}
    </g>
  );
});

interface RowProps extends Omit<TimelineTrackProps, 'rows'> { readonly row: TimelineRow; readonly top: number; readonly height: number; readonly named: boolean }

function Row({ row: { cameraId, name, timeline, events }, top, height, named, window, widthPx, nowS }: RowProps) {
  const x = (atS: number): number => Math.max(-2, Math.min(widthPx + 2, shareOf(window, atS) * widthPx));
  const bar = (startS: number, endS: number): { x: number; width: number } | null => {
    if (endS < window.startS || startS > window.startS + window.spanS) return null;
    return { x: x(startS), width: Math.max(NARROWEST_PX, x(endS) - x(startS)) };
  };
  return (
    <g data-row={cameraId}>
      <rect className="track" x="0" y={top} width={widthPx} height={height} />
      {timeline?.spans.map(({ start, end, kept }) => {
        const place = bar(start, end);
        return place && (
          <g key={start}>
            <rect className="recorded" y={top} height={height} {...place} />
            {kept && <rect className="kept" y={top + height + 2} height="3" rx="1.5" {...place} />}
          </g>
        );
      })}
      {timeline?.gaps.map((gap) => {
        const place = bar(gap.start, gap.end ?? nowS);
        return place && <GapBar key={gap.start} gap={gap} y={top} height={height} {...place} />;
      })}
      {bar(nowS, Infinity) && <rect className="future" y={top} height={height} {...bar(nowS, Infinity)!} />}
      {events.map(({ event_id: id, at, event }) => {
        const { title, tone } = eventWords(event as ToldEvent);
        return at >= window.startS && at <= window.startS + window.spanS && <rect key={id} className="event-mark" data-event-tone={tone} x={x(at) - 1.5} y={top + height - 11} width="3" height="11"><title>{title}</title></rect>;
      })}
      {named && <text className="row-name" x="6" y={top + height - 5}>{name}</text>}
    </g>
  );
}

function GapBar({ gap, ...place }: { gap: RecordingGap; x: number; y: number; width: number; height: number }) {
  return <rect className="gap" data-cause={gap.cause} fill={`url(#gap-${gapFamily(gap.cause)})`} {...place} />;
}

function anchorOf(x: number, widthPx: number): 'start' | 'middle' | 'end' {
  return x < 24 ? 'start' : x > widthPx - 24 ? 'end' : 'middle';
}

export function MarkedBar({ marked, window, widthPx, layout: { top, bottom }, onGrab }: { marked: MarkedSpan; window: TimeWindow; widthPx: number; layout: TrackLayout; onGrab: (edge: 'start' | 'end', event: React.PointerEvent) => void }) {
  const left = shareOf(window, marked.startS) * widthPx;
  const right = marked.endS === null ? null : shareOf(window, marked.endS) * widthPx;
  const edge = (name: 'start' | 'end', at: number) => (
    <g className="mark-edge" onPointerDown={(event) => onGrab(name, event)}>
      <rect className="grip" x={at - 8} y={top - 6} width="16" height={bottom - top + 12} />
      <line x1={at} x2={at} y1={top - 5} y2={bottom + 5} />
      <path d={name === 'start' ? `M${at} ${top - 5}h7l-7 7z` : `M${at} ${top - 5}h-7l7 7z`} />
    </g>
  );
  return (
    <g className="marked" aria-hidden="true">
      {right !== null && <rect className="marked-span" x={left} width={Math.max(1, right - left)} y={top - 3} height={bottom - top + 6} />}
      {edge('start', left)}
      {right !== null && edge('end', right)}
    </g>
  );
}
