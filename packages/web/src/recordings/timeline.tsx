// The timeline of a camera: click or Enter plays from there, a drag pans, the wheel zooms, Shift and a drag marks a span.
// With the keyboard it is a slider over time.
import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import type { StoredEvent, Timeline as TimelineAnswer } from '@ruth/protocol';
import { clockText, dateText } from '../wall-clock.ts';
import { GAP_WORDS } from './gap-cause.ts';
import { TimelinePreview } from './timeline-preview.tsx';
import { gapAt, spanAt } from './timeline-store.ts';
import { MarkedBar, TimelineTrack, TRACK, type MarkedSpan } from './timeline-track.tsx';
import { LONGEST_SPAN_S, panned, shareOf, timeAt, zoomed, type TimeWindow } from './time-window.ts';

export interface TimelineProps {
  readonly cameraId: string;
  readonly timeline: TimelineAnswer | null;
  readonly events: readonly StoredEvent[];
  readonly window: TimeWindow;
  readonly shownAtS: number | null;
  readonly marked: MarkedSpan | null;
  readonly nowS: number;
  readonly onWindow: (window: TimeWindow) => void;
  readonly onChoose: (atS: number) => void;
  readonly onMark: (marked: MarkedSpan) => void;
}

interface Drag { readonly kind: 'pan' | 'mark' | 'start' | 'end'; readonly fromX: number; readonly window: TimeWindow; moved: boolean }

const CLICK_PX = 4;

export function Timeline(props: TimelineProps) {
  const { timeline, window, shownAtS, marked, nowS, onWindow, onChoose, onMark } = props;
  const box = useRef<HTMLDivElement>(null);
  const drag = useRef<Drag>(null);
  const [widthPx, setWidthPx] = useState(800);
  const [hoverX, setHoverX] = useState<number | null>(null);

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
  const begin = (kind: Drag['kind'], event: PointerEvent): void => {
    if (event.button !== 0) return;
    event.stopPropagation();
    box.current!.setPointerCapture(event.pointerId);
    drag.current = { kind, fromX: xOf(event), window, moved: false };
  };
  const move = (event: PointerEvent): void => {
    const x = xOf(event);
    setHoverX(event.pointerType === 'mouse' ? x : null);
    const dragging = drag.current;
    if (!dragging || (!dragging.moved && Math.abs(x - dragging.fromX) < CLICK_PX)) return;
    dragging.moved = true;
    const atS = timeAt(dragging.window, x / widthPx);
    if (dragging.kind === 'pan') onWindow(panned(dragging.window, (dragging.fromX - x) / widthPx * dragging.window.spanS));
    else if (dragging.kind === 'mark') onMark(ordered(timeAt(dragging.window, dragging.fromX / widthPx), atS));
    else if (marked) onMark(dragging.kind === 'start' ? { ...marked, startS: Math.min(atS, (marked.endS ?? Infinity) - 0.5) } : { ...marked, endS: Math.max(atS, marked.startS + 0.5) });
  };
  const end = (event: PointerEvent): void => {
    const dragging = drag.current;
    drag.current = null;
    if (dragging && !dragging.moved && dragging.kind === 'pan') onChoose(timeAt(window, xOf(event) / widthPx));
  };

  const cursorS = shownAtS ?? window.startS;
  const press = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const stepS = window.spanS / (event.shiftKey ? 20 : 200);
    const actions: Record<string, () => void> = {
      ArrowLeft: () => onChoose(cursorS - stepS), ArrowRight: () => onChoose(cursorS + stepS),
      PageUp: () => onChoose(cursorS - window.spanS / 10), PageDown: () => onChoose(cursorS + window.spanS / 10),
      Home: () => onChoose(timeline?.spans[0]?.start ?? window.startS), End: () => onChoose((timeline?.spans.at(-1)?.end ?? nowS) - 5),
      '+': () => onWindow(zoomed(window, 0.5, cursorS)), '=': () => onWindow(zoomed(window, 0.5, cursorS)), '-': () => onWindow(zoomed(window, 2, cursorS)),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };

  const playheadX = shownAtS === null ? null : shareOf(window, shownAtS) * widthPx;
  return (
    <div
      className="timeline" ref={box} role="slider" tabIndex={0} aria-label="Time of the recording. Arrows move, plus and minus zoom" aria-orientation="horizontal"
      aria-valuemin={Math.round(window.startS)} aria-valuemax={Math.round(window.startS + window.spanS)} aria-valuenow={Math.round(cursorS)} aria-valuetext={wordsAt(timeline, cursorS)}
      data-span-s={Math.round(window.spanS)} data-whole-day={window.spanS === LONGEST_SPAN_S}
      onPointerDown={(event) => begin(event.shiftKey ? 'mark' : 'pan', event)} onPointerMove={move} onPointerUp={end} onPointerCancel={() => { drag.current = null; }}
      onPointerLeave={() => setHoverX(null)} onKeyDown={press}
    >
      <svg width={widthPx} height={TRACK.whole} viewBox={`0 0 ${widthPx} ${TRACK.whole}`}>
        <TimelineTrack timeline={timeline} events={props.events} window={window} widthPx={widthPx} nowS={nowS} />
        {marked && <MarkedBar marked={marked} window={window} widthPx={widthPx} onGrab={begin} />}
        {hoverX !== null && <line className="hover-line" x1={hoverX} x2={hoverX} y1={TRACK.top} y2={TRACK.top + TRACK.height} />}
        {playheadX !== null && playheadX >= 0 && playheadX <= widthPx && (
          <g className="playhead">
            <line x1={playheadX} x2={playheadX} y1={TRACK.top - 6} y2={TRACK.top + TRACK.height + 5} />
            <circle cx={playheadX} cy={TRACK.top - 6} r="4.5" />
          </g>
        )}
      </svg>
      {hoverX !== null && <TimelinePreview cameraId={props.cameraId} timeline={timeline} atS={timeAt(window, hoverX / widthPx)} xPx={hoverX} widthPx={widthPx} nowS={nowS} />}
    </div>
  );
}

function ordered(a: number, b: number): MarkedSpan {
  return { startS: Math.min(a, b), endS: Math.max(a, b) };
}

function wordsAt(timeline: TimelineAnswer | null, atS: number): string {
  const gap = gapAt(timeline, atS);
  const state = spanAt(timeline, atS) ? 'recorded' : gap ? `not recorded: ${GAP_WORDS[gap.cause].title}` : 'nothing recorded';
  return `${dateText(atS)}, ${clockText(atS)}, ${state}`;
}
