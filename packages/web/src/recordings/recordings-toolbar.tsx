// Above the pictures: which cameras, which day, and how much room the recordings take.
import { useEffect, useState } from 'react';
import type { CameraStatus, StorageStatus } from '@ruth/protocol';
import { ask } from '../system/api.ts';
import { bytesText, dayOfIsoDate, dayStartS, isoDate } from '../wall-clock.ts';
import { CameraChooser } from './camera-chooser.tsx';

const STORAGE_EVERY_MS = 10_000;

export interface RecordingsToolbarProps {
  readonly cameras: readonly CameraStatus[];
  /** Those that are shown. */
  readonly cameraIds: readonly string[];
  /** An instant of the day that is shown. */
  readonly dayS: number;
  readonly oldestS: number | null;
  readonly nowS: number;
  readonly onCameras: (cameraIds: readonly string[]) => void;
  readonly onDay: (dayS: number) => void;
}

export function RecordingsToolbar({ cameras, cameraIds, dayS, oldestS, nowS, onCameras, onDay }: RecordingsToolbarProps) {
  const first = dayStartS(oldestS ?? nowS);
  const today = dayStartS(nowS);
  const day = dayStartS(dayS);
  return (
    <div className="recordings-toolbar">
      {cameraIds.length === 1 && (
        <select aria-label="Camera" value={cameraIds[0]} onChange={(event) => onCameras([event.target.value])}>
          {cameras.map(({ camera_id, name }) => <option key={camera_id} value={camera_id}>{name}</option>)}
        </select>
      )}
      {cameras.length > 1 && <CameraChooser cameras={cameras} chosen={cameraIds} onChoose={onCameras} />}
      <div className="day" role="group" aria-label="Day">
        <button type="button" className="button" aria-label="The day before" disabled={day <= first} onClick={() => onDay(dayStartS(dayS, -1))}>{'\u2039'}</button>
        <input type="date" aria-label="Day" value={isoDate(dayS)} min={isoDate(first)} max={isoDate(today)} onChange={({ target }) => {
          const chosen = dayOfIsoDate(target.value);
          if (chosen !== null) onDay(chosen);
        }} />
        <button type="button" className="button" aria-label="The day after" disabled={day >= today} onClick={() => onDay(dayStartS(dayS, 1))}>{'\u203a'}</button>
        <button type="button" className="button" disabled={day === today} onClick={() => onDay(today)}>Today</button>
      </div>
      <Storage />
    </div>
  );
}

function Storage() {
  const [storage, setStorage] = useState<StorageStatus | null>(null);
  useEffect(() => {
    const look = (): void => { void ask<StorageStatus>('storage').then(({ value }) => setStorage(value)); };
    look();
    const timer = setInterval(look, STORAGE_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  if (!storage || storage.state === 'off') return null;
  const room = `${bytesText(storage.bytes)} recorded${storage.free_bytes === null ? '' : `, ${bytesText(storage.free_bytes)} free`}`;
  return (
    <p className="storage" data-state={storage.state} title={storage.message ?? undefined}>
      {storage.state !== 'ok' && <strong>{STATES[storage.state]}. </strong>}
      {room}
      {storage.state !== 'ok' && storage.message && <span className="storage-message">{storage.message}</span>}
    </p>
  );
}

const STATES: Record<Exclude<StorageStatus['state'], 'off' | 'ok'>, string> = { nearly_full: 'Disk nearly full: old recordings are deleted early', full: 'Disk full', failing: 'The disk fails' };
