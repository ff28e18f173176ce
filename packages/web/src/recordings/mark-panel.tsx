// A marked span: its ends, and what can be done with it: export it as one MP4, keep it from deletion.
import { useEffect, useState } from 'react';
import type { ExportStatus, Timeline } from '@ruth/protocol';
import { useObservable } from '../observable.ts';
import { apiAddress, send, type Failure } from '../system/api.ts';
import { bytesText, clockText, dateText, durationText } from '../wall-clock.ts';
import { ExportStore } from './export-store.ts';
import type { MarkedSpan } from './timeline-track.tsx';

const exportStore = new ExportStore();

export interface MarkPanelProps {
  readonly cameraId: string;
  readonly timeline: Timeline | null;
  readonly shownAtS: number | null;
  readonly marked: MarkedSpan | null;
  readonly onMark: (marked: MarkedSpan | null) => void;
  /** What is kept has changed. */
  readonly onKept: () => void;
}

export function MarkPanel({ cameraId, timeline, shownAtS, marked, onMark, onKept }: MarkPanelProps) {
  const { exports, failure } = useObservable(exportStore);
  const [keepFailure, setKeepFailure] = useState<Failure | null>(null);
  useEffect(() => setKeepFailure(null), [marked?.startS, marked?.endS]);
  const span = marked?.endS == null ? null : { start: marked.startS, end: marked.endS };
  const isKept = span !== null && timeline !== null && keptThroughout(timeline, span);
  const keep = async (): Promise<void> => {
    const { failure: refused } = await send(isKept ? 'DELETE' : 'PUT', `cameras/${encodeURIComponent(cameraId)}/kept`, span);
    setKeepFailure(refused);
    onKept();
  };
  const problem = keepFailure ?? failure;
  return (
    <section className="panel" aria-label="Marked span">
      <div className="panel-head">
        <h2>Marked span</h2>
        {marked && <button type="button" className="text-button" onClick={() => onMark(null)}>Clear</button>}
      </div>
      <div className="mark-ends">
        <MarkEnd words="Start" shortcut="I" atS={marked?.startS ?? null} disabled={shownAtS === null} onSet={() => onMark(markStart(marked, shownAtS!))} />
        <MarkEnd words="End" shortcut="O" atS={marked?.endS ?? null} disabled={shownAtS === null} onSet={() => onMark(markEnd(marked, shownAtS!))} />
      </div>
      {span ? (
        <>
          <p className="mark-length">{durationText(span.end - span.start)}{isKept && <span className="kept-word"> kept</span>}</p>
          <div className="mark-actions">
            <button type="button" className="button primary" onClick={() => void exportStore.start(cameraId, span.start, span.end)}>Export MP4</button>
            <button type="button" className="button" onClick={() => void keep()} title={isKept ? 'May be deleted by age and size again' : 'Never deleted by age or size'}>{isKept ? 'Stop keeping' : 'Keep'}</button>
          </div>
        </>
      ) : <p className="hint">Press I and O while it plays, or hold Shift and drag over the timeline. Then export the span as a file, or keep it from being deleted.</p>}
      {problem && <p className="problem" role="alert">{problem.message}{problem.advice && <span className="hint"> {problem.advice}</span>}</p>}
      {exports.length > 0 && <ul className="exports" aria-label="Exports">{exports.map((each) => <Export key={each.export_id} status={each} />)}</ul>}
    </section>
  );
}

function MarkEnd({ words, shortcut, atS, disabled, onSet }: { words: string; shortcut: string; atS: number | null; disabled: boolean; onSet: () => void }) {
  return (
    <div className="mark-end">
      <button type="button" className="button" disabled={disabled} onClick={onSet} title={`${words} of the span: the frame that is shown (${shortcut})`}>{words}<kbd>{shortcut}</kbd></button>
      <span>{atS === null ? '\u2013' : clockText(atS, { milliseconds: true })}</span>
    </div>
  );
}

function Export({ status: { export_id, camera_id, state, progress, bytes, start, end, gaps, error } }: { status: ExportStatus }) {
  const running = state === 'running';
  return (
    <li className="export" data-state={state}>
      <p><strong>{camera_id}</strong> {dateText(start)}, {clockText(start)}, {durationText(end - start)}</p>
      {running && <progress max={1} value={progress} aria-label={`Export of ${camera_id}`} />}
      <p className="export-foot">
        {running && <span>{Math.round(progress * 100)} %</span>}
        {state === 'done' && <a className="text-button" href={apiAddress(`exports/${encodeURIComponent(export_id)}/file`)} download>Download {bytesText(bytes)}</a>}
        {state === 'failed' && <span className="problem">Failed: {error}</span>}
        {state === 'cancelled' && <span>Cancelled</span>}
        <button type="button" className="text-button" onClick={() => void exportStore.remove(export_id)}>{running ? 'Cancel' : 'Remove'}</button>
      </p>
      {gaps.length > 0 && <p className="hint">Without {gaps.length === 1 ? 'a gap' : `${gaps.length} gaps`} in which nothing was recorded</p>}
    </li>
  );
}

/** An end that lies after it stays. */
export function markStart(marked: MarkedSpan | null, atS: number): MarkedSpan {
  return { startS: atS, endS: marked?.endS != null && marked.endS > atS ? marked.endS : null };
}

/** The end that is marked before a start takes the place of the start. */
export function markEnd(marked: MarkedSpan | null, atS: number): MarkedSpan {
  if (!marked || atS === marked.startS) return { startS: atS, endS: null };
  return atS > marked.startS ? { startS: marked.startS, endS: atS } : { startS: atS, endS: marked.startS };
}

function keptThroughout({ spans }: Timeline, { start, end }: { start: number; end: number }): boolean {
  const inside = spans.filter((span) => span.end > start && span.start < end);
  return inside.length > 0 && inside.every((span) => span.kept);
}
