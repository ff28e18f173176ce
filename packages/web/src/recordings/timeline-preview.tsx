// What hangs over the timeline where the pointer is: the time, the picture of that moment, or why there is none.
import { useEffect, useState } from 'react';
import { apiAddress } from '../system/api.ts';
import { clockText, durationText } from '../wall-clock.ts';
import { GAP_WORDS } from './gap-cause.ts';
import { gapAt, spanAt } from './timeline-store.ts';
import type { TimelineRow } from './timeline-track.tsx';

const SETTLES_MS = 140;
const PICTURE_WIDTH_PX = 208;

export interface TimelinePreviewProps {
  readonly row: TimelineRow;
  /** Whether its camera is named: where there are several. */
  readonly named: boolean;
  readonly atS: number;
  /** Of the pointer, and how wide the timeline is. */
  readonly xPx: number;
  readonly widthPx: number;
  readonly nowS: number;
}

export function TimelinePreview({ row: { cameraId, name, timeline }, named, atS, xPx, widthPx, nowS }: TimelinePreviewProps) {
  const recorded = spanAt(timeline, atS) !== null;
  const gap = recorded ? null : gapAt(timeline, atS);
  const settledS = useSettled(recorded ? atS : null);
  const half = PICTURE_WIDTH_PX / 2 + 6;
  const left = Math.min(Math.max(xPx, half), Math.max(half, widthPx - half));
  return (
    <div className="preview" style={{ left }} aria-hidden="true">
      {recorded && <Picture key={cameraId} address={settledS === null ? null : snapshotAddress(cameraId, settledS, 2 * PICTURE_WIDTH_PX)} />}
      <p className="preview-time">{named && `${name}, `}{clockText(atS)}</p>
      {gap && <p className="preview-gap">{GAP_WORDS[gap.cause].title} for {durationText((gap.end ?? nowS) - gap.start)}{gap.end === null ? ' so far' : ''}</p>}
      {!recorded && !gap && <p className="preview-gap">{atS > nowS ? 'Not yet' : 'Nothing recorded'}</p>}
    </div>
  );
}

export function snapshotAddress(cameraId: string, atS: number | null, widthPx?: number): string {
  const query = new URLSearchParams();
  if (atS !== null) query.set('at', atS.toFixed(3));
  if (widthPx !== undefined) query.set('width', String(widthPx));
  return apiAddress(`cameras/${encodeURIComponent(cameraId)}/snapshot.jpg?${query}`);
}

/** The picture before stays until the next one is there, so that nothing flickers. */
function Picture({ address }: { address: string | null }) {
  const [loaded, setLoaded] = useState<string | null>(null);
  return (
    <div className="preview-picture" data-waiting={address !== loaded}>
      {loaded !== null && <img src={loaded} alt="" />}
      {address !== null && address !== loaded && <img className="coming" key={address} src={address} alt="" onLoad={() => setLoaded(address)} />}
    </div>
  );
}

/** The value once it has been the same for a moment: each one costs the kernel a decoded picture. */
function useSettled(value: number | null): number | null {
  const [settled, setSettled] = useState<number | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLES_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
