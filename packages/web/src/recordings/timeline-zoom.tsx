// The buttons beside a timeline: more time, less, the whole day.
import { LONGEST_SPAN_S, SHORTEST_SPAN_S, showsDay, type TimeWindow } from './time-window.ts';

export function TimelineZoom({ window, onZoom, onDay }: { window: TimeWindow; onZoom: (factor: number) => void; onDay: () => void }) {
  const { spanS } = window;
  return (
    <div className="zoom" role="group" aria-label="Zoom of the timeline">
      <button type="button" className="button" aria-label="Show more time" title="Show more time" disabled={spanS >= LONGEST_SPAN_S} onClick={() => onZoom(2)}>{'\u2212'}</button>
      <button type="button" className="button" aria-label="Show less time" title="Show less time" disabled={spanS <= SHORTEST_SPAN_S} onClick={() => onZoom(0.5)}>+</button>
      <button type="button" className="button" disabled={showsDay(window)} onClick={onDay}>Day</button>
    </div>
  );
}
