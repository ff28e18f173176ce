// What the store keeps of an event: by what it is found, and the event as it is. Looks (`detection`) are not kept, there are too
// many of them; an update of a track goes into the track's row alone.
import type { CoreEvent, KernelEvent, TrackEvent } from '@ruth/protocol';
import type { Insertable } from 'kysely';
import type { EventRow, TracksTable } from '../store/index.ts';
import type { TracedEvent } from './stored-event-traces.ts';

export interface KeptEvent {
  readonly event: EventRow | null;
  readonly track: Insertable<TracksTable> | null;
  /** Where its storing is traced. */
  readonly trace?: TracedEvent;
}

type AnyEvent = CoreEvent | KernelEvent;

/** `body`: the event as it was written. Null where nothing of it is kept. */
export function keptOf(event: AnyEvent, body: string): KeptEvent | null {
  if (event.type === 'detection') return null;
  const track = isTrackEvent(event) ? trackRow(event, body) : null;
  return { event: event.type === 'track.updated' ? null : eventRow(event, body), track };
}

function eventRow(event: AnyEvent, body: string): EventRow {
  const seen = subjectOf(event);
  const series = {
    type: event.type, camera: 'camera_id' in event ? event.camera_id : '', model: 'model_id' in event ? event.model_id : '',
    class_name: seen?.class_name ?? '', zones: zonesOf(event).join(','), rule: 'rule' in event ? event.rule : '',
  };
  return { sourceId: event.id, atUs: microseconds('captured_at' in event ? event.captured_at : event.at), score: seen?.confidence ?? null, series, body };
}

/** The track that an event is about; of an alert the first. */
function subjectOf(event: AnyEvent): { class_name: string; confidence: number } | null {
  if ('track' in event) return event.track;
  return 'tracks' in event ? event.tracks[0] ?? null : null;
}

function zonesOf(event: AnyEvent): string[] {
  if ('zone' in event) return [event.zone];
  if ('line' in event) return [event.line];
  return 'zones' in event ? event.zones.toSorted() : [];
}

const isTrackEvent = (event: AnyEvent): event is TrackEvent => event.type === 'track.started' || event.type === 'track.updated' || event.type === 'track.ended';

function trackRow(event: TrackEvent, body: string): Insertable<TracksTable> {
  const { track } = event;
  return {
    camera: event.camera_id, model: event.model_id, track_id: track.id, first_us: microseconds(track.first_seen), last_us: microseconds(track.last_seen),
    class_name: track.class_name, score: track.confidence, body, end_reason: event.type === 'track.ended' ? event.reason ?? 'gone' : null,
  };
}

const microseconds = (seconds: number): number => Math.round(seconds * 1e6);
