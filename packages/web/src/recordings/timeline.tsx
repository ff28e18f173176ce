// The timeline of one or several cameras: a click plays from there, a drag of the playhead scrubs, any other pans, the wheel zooms, Shift and a drag marks a span.
// With the keyboard it is a slider over time.
import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import type { Timeline as TimelineAnswer } from '@ruth/protocol';
import { clockText, dateText } from '../wall-clock.ts';
import { GAP_WORDS } from './gap-cause.ts';
import { TimelinePreview } from './timeline-preview.tsx';
import { gapAt, spanAt } from './timeline-store.ts';
import { MarkedBar, TimelineTrack, trackLayout, type MarkedSpan, type TimelineRow } from './timeline-track.tsx';
import { panned, shareOf, showsDay, timeAt, zoomed, type TimeWindow } from './time-window.ts';

export interface TimelineProps {
  /** One for each camera, at least one. */
  readonly rows: readonly TimelineRow[];
  readonly window: TimeWindow;
  readonly shownAtS: number | null;
  readonly marked: MarkedSpan | null;
  readonly nowS: number;
  readonly onWindow: (window: TimeWindow) => void;
  readonly onChoose: (atS: number) => void;
  /** While the playhead is dragged; what it ends at is chosen. */
  readonly onScrub: (atS: number) => void;
  /** Null where no span can be marked. */
  readonly onMark: ((marked: MarkedSpan) => void) | null;
}

interface Drag { readonly kind: 'pan' | 'mark' | 'start' | 'end' | 'scrub'; readonly fromX: number; readonly window: TimeWindow; moved: boolean }

const CLICK_PX = 4;
/** So near to the playhead it is that which is taken. */
const GRAB_PX = 9;

export function Timeline(props: TimelineProps) {
  const { rows, window, shownAtS, marked, nowS, onWindow, onChoose, onScrub, onMark } = props;
  const layout = trackLayout(rows.length);
  const box = useRef<HTMLDivElement>(null);
  const drag = useRef<Drag>(null);
  const [widthPx, setWidthPx] = useState(800);
  const [scrubX, setScrubX] = useState<number | null>(null);
  const [hover, setHover] = useState<{ x: number; row: number } | null>(null);

  useLayoutEffect(() => {
    const sizes = new ResizeObserver(([entry]) => setWidthPx(Math.max(100, entry!.contentRect.width)));
    sizes.observe(box.current!);
    return () => sizes.disconnect();
  }, []);

  // React listens to wheels passively; this one must keep the page from scrolling.
  const wheel = useRef<(event: WheelEvent) => void>(null);
  useEffect(() => {
    wheel.current = (event) => {
      event.preventDefault();
      const along = event.shiftKey ? event.deltaY : event.deltaX;
      if (Math.abs(along) > Math.abs(event.shiftKey ? 0 : event.deltaY)) onWindow(panned(window, along / widthPx * window.spanS));
      else onWindow(zoomed(window, Math.exp(Math.max(-1, Math.min(1, event.deltaY / 240))), timeAt(window, xOf(event) / widthPx)));
    };
  });
  useEffect(() => {
    const element = box.current!;
    const listener = (event: WheelEvent): void => wheel.current?.(event);
    element.addEventListener('wheel', listener, { passive: false });
    return () => element.removeEventListener('wheel', listener);
  }, []);

  const xOf = (event: { clientX: number }): number => event.clientX - box.current!.getBoundingClientRect().left;
  const rowOf = ({ clientY }: { clientY: number }): number => Math.max(0, Math.min(rows.length - 1, Math.floor((clientY - box.current!.getBoundingClientRect().top - layout.top) / layout.stride)));
  const playheadX = scrubX ?? (shownAtS === null ? null : shareOf(window, shownAtS) * widthPx);
  const kindOf = (event: PointerEvent): Drag['kind'] => (event.shiftKey && onMark ? 'mark' : playheadX !== null && Math.abs(xOf(event) - playheadX) < GRAB_PX ? 'scrub' : 'pan');
  const begin = (kind: Drag['kind'], event: PointerEvent): void => {
    if (event.button !== 0) return;
    event.stopPropagation();
    box.current!.setPointerCapture(event.pointerId);
    drag.current = { kind, fromX: xOf(event), window, moved: false };
  };
  const move = (event: PointerEvent): void => {
    const x = xOf(event);
    const dragging = drag.current;
    // A finger hides what it is on, and sees the preview above it while it drags.
    setHover(event.pointerType === 'mouse' || dragging?.kind === 'scrub' ? { x, row: rowOf(event) } : null);
    if (!dragging || (!dragging.moved && Math.abs(x - dragging.fromX) < CLICK_PX)) return;
    dragging.moved = true;
    const atS = timeAt(dragging.window, x / widthPx);
    if (dragging.kind === 'scrub') {
      setScrubX(x);
      onScrub(atS);
    }
    else if (dragging.kind === 'pan') onWindow(panned(dragging.window, (dragging.fromX - x) / widthPx * dragging.window.spanS));
    else if (dragging.kind === 'mark') onMark?.(ordered(timeAt(dragging.window, dragging.fromX / widthPx), atS));
    else if (marked) onMark?.(dragging.kind === 'start' ? { ...marked, startS: Math.min(atS, (marked.endS ?? Infinity) - 0.5) } : { ...marked, endS: Math.max(atS, marked.startS + 0.5) });
  };
  const end = (event: PointerEvent): void => {
    const dragging = drag.current;
    drag.current = null;
    setScrubX(null);
    if (dragging?.kind === 'scrub' ? dragging.moved : dragging && !dragging.moved && dragging.kind === 'pan') onChoose(timeAt(window, xOf(event) / widthPx));
    if (event.pointerType !== 'mouse') setHover(null);
  };

  const cursorS = shownAtS ?? window.startS;
  const press = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const stepS = window.spanS / (event.shiftKey ? 20 : 200);
    const actions: Record<string, () => void> = {
      ArrowLeft: () => onChoose(cursorS - stepS), ArrowRight: () => onChoose(cursorS + stepS),
      PageUp: () => onChoose(cursorS - window.spanS / 10), PageDown: () => onChoose(cursorS + window.spanS / 10),
      Home: () => onChoose(Math.min(...rows.map(({ timeline }) => timeline?.spans[0]?.start ?? Infinity), nowS)), End: () => onChoose((Math.max(0, ...rows.map(({ timeline }) => timeline?.spans.at(-1)?.end ?? 0)) || nowS) - 5),
      '+': () => onWindow(zoomed(window, 0.5, cursorS)), '=': () => onWindow(zoomed(window, 0.5, cursorS)), '-': () => onWindow(zoomed(window, 2, cursorS)),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };

  return (
    <div
      className="timeline" ref={box} role="slider" tabIndex={0} aria-label="Time of the recording. Arrows move, plus and minus zoom" aria-orientation="horizontal"
      aria-valuemin={Math.round(window.startS)} aria-valuemax={Math.round(window.startS + window.spanS)} aria-valuenow={Math.round(cursorS)} aria-valuetext={wordsAt(rows, cursorS)}
      data-span-s={Math.round(window.spanS)} data-whole-day={showsDay(window)}
      onPointerDown={(event) => begin(kindOf(event), event)} onPointerMove={move} onPointerUp={end} onPointerCancel={() => { drag.current = null; setScrubX(null); }}
      onPointerLeave={() => setHover(null)} onKeyDown={press}
    >
      <svg width={widthPx} height={layout.whole} viewBox={`0 0 ${widthPx} ${layout.whole}`}>
        <TimelineTrack rows={rows} window={window} widthPx={widthPx} nowS={nowS} />
        {marked && <MarkedBar marked={marked} window={window} widthPx={widthPx} layout={layout} onGrab={begin} />}
        {hover && <line className="hover-line" x1={hover.x} x2={hover.x} y1={layout.top} y2={layout.bottom} />}
        {playheadX !== null && playheadX >= 0 && playheadX <= widthPx && (
          <g className="playhead">
            <rect className="grip" x={playheadX - GRAB_PX} y={layout.top - 12} width={2 * GRAB_PX} height={layout.bottom - layout.top + 18} />
            <line x1={playheadX} x2={playheadX} y1={layout.top - 6} y2={layout.bottom + 5} />
            <circle cx={playheadX} cy={layout.top - 6} r="4.5" />
          </g>
        )}
      </svg>
      {hover && <TimelinePreview row={rows[Math.min(hover.row, rows.length - 1)]!} named={rows.length > 1} atS={timeAt(window, hover.x / widthPx)} xPx={hover.x} widthPx={widthPx} nowS={nowS} />}
    </div>
  );
}

function ordered(a: number, b: number): MarkedSpan {
  return { startS: Math.min(a, b), endS: Math.max(a, b) };
}

function wordsAt(rows: readonly TimelineRow[], atS: number): string {
  const states = rows.map(({ name, timeline }) => `${rows.length > 1 ? `${name} ` : ''}${stateAt(timeline, atS)}`);
  return `${dateText(atS)}, ${clockText(atS)}, ${states.join(', ')}`;
}

function stateAt(timeline: TimelineAnswer | null, atS: number): string {
  const gap = gapAt(timeline, atS);
  return spanAt(timeline, atS) ? 'recorded' : gap ? `not recorded: ${GAP_WORDS[gap.cause].title}` : 'nothing recorded';
}
