// An event as a line to read: when in the clip, what, who, where.
import type { CoreEvent, Severity, TrackState } from '@ruth/protocol';

const SEVERITY_MARKS: Readonly<Record<Severity, string>> = { info: '.', low: '-', medium: '!', high: '!!', critical: '!!!' };

/** `1:02.4` */
export function clipTime(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - minutes * 60).toFixed(1).padStart(4, '0')}`;
}

const who = ({ class_name, id }: TrackState): string => `${class_name} ${id}`;
const seconds = (value: number): string => `${value.toFixed(1)} s`;

/** What is said of it, without the time. */
export function eventText(event: CoreEvent): string {
  switch (event.type) {
    case 'track.started': return `${who(event.track)} appears`;
    case 'track.updated': return `${who(event.track)} ${event.track.stationary ? 'has come to rest' : 'goes on'}`;
    case 'track.ended': return `${who(event.track)} is gone${event.reason === 'gone' ? '' : ` (${event.reason})`}`;
    case 'zone.entered': return `${who(event.track)} enters zone ${event.zone}`;
    case 'zone.left': return `${who(event.track)} ${event.reason === 'left' ? 'leaves' : 'is lost in'} zone ${event.zone} after ${seconds(event.stay_s)}`;
    case 'dwell': return `${who(event.track)} has been in zone ${event.zone} for ${seconds(event.stay_s)}`;
    case 'line.crossed': return `${who(event.track)} crosses line ${event.line} ${event.direction}`;
    case 'occupancy': return `${event.count ?? 'nobody knows how many'} in zone ${event.zone}`;
    case 'object.left': return `${who(event.track)} is left${event.owner_track_id === null ? '' : ` by ${event.owner_track_id}`}`;
    case 'object.removed': return `${who(event.track)} is removed`;
    case 'posture': return `${who(event.track)} is ${event.posture === 'standing' ? 'upright' : event.posture}`;
    case 'fall': return `${who(event.track)} has fallen and lies for ${seconds(event.lying_s)}`;
    case 'alert.raised': return `${SEVERITY_MARKS[event.severity]} ${event.event} (${event.severity}, rule ${event.rule}): ${event.tracks.map(who).join(', ') || 'nobody'} ${event.conditions.map(({ text }) => text).join(' and ')}`;
    case 'alert.cleared': return `${event.event} is over after ${seconds(event.lasted_s)} (${event.reason})`;
    default: return event.type;
  }
}
