// One event: the picture of its instant with a box around what it is about, its clip, and all that is known of it.
import { useEffect, useRef, useState } from 'react';
import type { StoredEvent } from '@ruth/protocol';
import { Observable, useObservable } from '../observable.ts';
import { RecordingPlayer, type PlaybackState } from '../recordings/recording-player.ts';
import { snapshotAddress } from '../recordings/timeline-preview.tsx';
import { addressOf } from '../view-address.ts';
import { clockText, dateText } from '../wall-clock.ts';
import { boxOf, eventWords, instantOf, type ToldEvent } from './event-words.ts';
import { NoRecording } from './no-recording.tsx';

/** A clip begins a little before it happened. */
const LEAD_S = 4;
const PICTURE_WIDTH_PX = 1280;
const IDLE = new Observable<PlaybackState>({ status: 'idle', shownAtS: null, rate: 1, muted: true, failure: null });

export interface EventDetailProps {
  readonly stored: StoredEvent;
  readonly cameraName: string | null;
  /** As it is known by now. */
  readonly recorded: StoredEvent['recorded'];
  readonly seen: boolean;
  readonly playing: boolean;
  readonly onSeen: (seen: boolean) => void;
  readonly onPlay: (playing: boolean) => void;
}

export function EventDetail({ stored, cameraName, recorded, seen, playing, onSeen, onPlay }: EventDetailProps) {
  const event = stored.event as ToldEvent;
  const { camera_id: cameraId } = stored;
  const isPlayable = cameraId !== null && recorded !== false;
  const { title } = eventWords(event);
  const [copied, setCopied] = useState(false);
  const copy = (): void => { void navigator.clipboard.writeText(location.href).then(() => setCopied(true), () => setCopied(false)); };
  return (
    <article className="event-detail" aria-label={title} data-event-id={stored.event_id}>
      {cameraId !== null && (recorded === false ? <NoRecording key={stored.event_id} cameraId={cameraId} atS={instantOf(event)} />
        : playing ? <Clip cameraId={cameraId} atS={instantOf(event) - LEAD_S} label={title} /> : <Picture key={`${stored.event_id} ${recorded}`} cameraId={cameraId} event={event} title={title} recorded={recorded} />)}
      <div className="event-detail-head">
        <div>
          <h2>{title}</h2>
          <p className="hint">{cameraName ?? cameraId ?? 'The node'}, {dateText(stored.at)}, {clockText(stored.at)}</p>
        </div>
        <div className="event-actions">
          {isPlayable && <button type="button" className="button" aria-pressed={playing} onClick={() => onPlay(!playing)}>{playing ? 'Show the picture' : 'Play the clip'} <kbd>P</kbd></button>}
          <button type="button" className="button primary" aria-pressed={seen} onClick={() => onSeen(!seen)}>{seen ? 'Seen' : 'Mark as seen'} <kbd>S</kbd></button>
        </div>
      </div>
      {event.type.endsWith('.down') && 'reason' in event && event.reason !== null && <p className="event-reason">Because: {event.reason}</p>}
      {event.type === 'alert.raised' && <ul className="conditions" aria-label="Conditions that held">{event.conditions.map(({ text }) => <li key={text}>{text}</li>)}</ul>}
      <dl>{factsOf(stored).map(([term, fact]) => <div key={term}><dt>{term}</dt><dd>{fact}</dd></div>)}</dl>
      <p className="event-links">
        {isPlayable && <a href={addressOf({ name: 'recordings', cameraId, atS: instantOf(event) - LEAD_S })}>Show in the recordings</a>}
        {event.type === 'model.down' && <a href={addressOf({ name: 'models' })}>How the models are now, and why</a>}
        <button type="button" className="text-button" onClick={copy}>{copied ? 'The link is copied' : 'Copy a link to this event'}</button>
      </p>
    </article>
  );
}

function Picture({ cameraId, event, title, recorded }: { cameraId: string; event: ToldEvent; title: string; recorded: StoredEvent['recorded'] }) {
  const [state, setState] = useState<'loading' | 'there' | 'missing'>('loading');
  const box = boxOf(event);
  return (
    <div className="event-picture" data-state={state}>
      <div className="event-frame">
        <img src={snapshotAddress(cameraId, instantOf(event), PICTURE_WIDTH_PX)} alt={`Picture: ${title}`} onLoad={() => setState('there')} onError={() => setState('missing')} />
        {state === 'there' && box && (
          <svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
            {['edge', 'line'].map((part) => <rect key={part} className={part} x={box[0]} y={box[1]} width={box[2] - box[0]} height={box[3] - box[1]} vectorEffect="non-scaling-stroke" />)}
          </svg>
        )}
      </div>
      {state === 'loading' && <p role="status">Loading the picture</p>}
      {state === 'missing' && <p role="status">{recorded === 'unknown' ? 'Whether this moment is recorded is not known yet: it is being written just now, or what has it does not answer. This page keeps asking.' : 'The picture of this moment cannot be had just now.'}</p>}
    </div>
  );
}

function Clip({ cameraId, atS, label }: { cameraId: string; atS: number; label: string }) {
  const video = useRef<HTMLVideoElement>(null);
  const [player, setPlayer] = useState<RecordingPlayer | null>(null);
  const { status, failure } = useObservable<PlaybackState>(player ?? IDLE);
  useEffect(() => {
    const own = new RecordingPlayer(cameraId, video.current!);
    setPlayer(own);
    void own.show(atS);
    return () => own[Symbol.dispose]();
  }, [cameraId, atS]);
  return (
    <div className="event-picture" data-state={status}>
      <video ref={video} muted playsInline controls aria-label={`Clip: ${label}`} />
      {failure && <p>{failure.message}</p>}
    </div>
  );
}

function factsOf({ event_id, type, model_id, class_name, zones, rule, score, source }: StoredEvent): [term: string, fact: string][] {
  const facts: [string, string | null][] = [
    ['Type', type], ['Class', class_name], ['Confidence', score === null ? null : `${Math.round(score * 100)} %`], ['Zones and lines', zones.length === 0 ? null : zones.join(', ')], ['Rule', rule], ['Model', model_id],
    ['Told by', source], ['Number', String(event_id)],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}
