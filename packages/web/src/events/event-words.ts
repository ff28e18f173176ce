// An event in words.
import { durationText } from '../wall-clock.ts';
import type { SeenEvent } from './recent-events.ts';

export interface EventWords { readonly title: string; readonly tone: 'quiet' | 'plain' | 'alert' }

/** How long a thing was there is left out where it is told elsewhere. */
export function eventWords(event: SeenEvent): EventWords {
  switch (event.type) {
    case 'track.started': return { title: `${event.track.class_name} #${event.track.id} came`, tone: 'quiet' };
    case 'track.updated': return { title: `${event.track.class_name} #${event.track.id} is there`, tone: 'quiet' };
    case 'track.ended': return { title: `${event.track.class_name} #${event.track.id} ${event.reason === 'could_not_look' ? 'was lost: could not look' : 'is gone'}, after ${durationText(event.track.last_seen - event.track.first_seen)}`, tone: 'quiet' };
    case 'zone.entered': return { title: `${who(event)} entered ${event.zone}`, tone: 'plain' };
    case 'zone.left': return { title: `${who(event)} left ${event.zone} after ${durationText(event.stay_s)}`, tone: 'plain' };
    case 'line.crossed': return { title: `${who(event)} crossed ${event.line}, ${event.direction}`, tone: 'plain' };
    case 'dwell': return { title: `${who(event)} stays in ${event.zone}`, tone: 'plain' };
    case 'occupancy': return { title: event.count === null ? `${event.zone}: could not look` : `${event.count} in ${event.zone}`, tone: 'quiet' };
    case 'object.left': return { title: `${who(event)} was left behind`, tone: 'alert' };
    case 'object.removed': return { title: `${who(event)} was removed`, tone: 'alert' };
    case 'posture': return { title: `${who(event)} is ${event.posture}`, tone: 'quiet' };
    case 'fall': return { title: `${who(event)} fell`, tone: 'alert' };
    case 'alert.raised': return { title: `${event.rule_name}: ${event.event}`, tone: 'alert' };
    case 'alert.cleared': return { title: `${event.rule_name}: over after ${durationText(event.lasted_s)}`, tone: 'plain' };
  }
}

function who({ track }: { readonly track: { readonly class_name: string; readonly id: number } }): string {
  return `${track.class_name} #${track.id}`;
}
