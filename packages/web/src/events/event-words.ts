// An event in words, and what of it can be shown.
import type { Box, CoreEvent, GapCause, KernelEvent } from '@ruth/protocol';
import { gapFamily, GAP_WORDS } from '../recordings/gap-cause.ts';
import { durationText } from '../wall-clock.ts';

export type ToldEvent = Exclude<CoreEvent | KernelEvent, { type: 'detection' }>;
export interface EventWords { readonly title: string; readonly tone: 'quiet' | 'plain' | 'alert' }

export function eventWords(event: ToldEvent): EventWords {
  switch (event.type) {
    case 'track.started': return { title: `${who(event)} came`, tone: 'quiet' };
    case 'track.updated': return { title: `${who(event)} is there`, tone: 'quiet' };
    case 'track.ended': return { title: `${who(event)} ${event.reason === 'could_not_look' ? 'was lost: could not look' : 'is gone'}, after ${durationText(event.track.last_seen - event.track.first_seen)}`, tone: 'quiet' };
    case 'zone.entered': return { title: `${who(event)} entered ${event.zone}`, tone: 'plain' };
    case 'zone.left': return { title: `${who(event)} left ${event.zone} after ${durationText(event.stay_s)}`, tone: 'plain' };
    case 'line.crossed': return { title: `${who(event)} crossed ${event.line}, ${event.direction}`, tone: 'plain' };
    case 'dwell': return { title: `${who(event)} stays in ${event.zone}`, tone: 'plain' };
    case 'occupancy': return { title: event.count === null ? `${event.zone}: could not look` : `${event.count} in ${event.zone}`, tone: 'quiet' };
    case 'object.left': return { title: `${who(event)} was left behind`, tone: 'alert' };
    case 'object.removed': return { title: `${who(event)} was removed`, tone: 'alert' };
    case 'posture': return { title: `${who(event)} is ${event.posture === 'standing' ? 'upright' : event.posture}`, tone: 'quiet' };
    case 'fall': return { title: `${who(event)} fell`, tone: 'alert' };
    case 'alert.raised': return { title: `${event.rule_name}: ${event.event}`, tone: 'alert' };
    case 'alert.cleared': return { title: `${event.rule_name}: over after ${durationText(event.lasted_s)}`, tone: 'plain' };
    case 'camera.up': return { title: 'The camera is back', tone: 'quiet' };
    case 'camera.down': return { title: event.reason === 'stalled' ? 'The camera sends no pictures' : `The camera is down${event.reason === 'down' ? '' : because(event.reason)}`, tone: 'alert' };
    case 'model.up': return { title: `Model ${event.model_id} is up`, tone: 'quiet' };
    case 'model.down': return { title: `Model ${event.model_id} is down`, tone: 'alert' };
    case 'recording.gap': return { title: `Not recorded: ${GAP_WORDS[event.gap.cause].title.toLowerCase()}${event.gap.end === null ? '' : ` for ${durationText(event.gap.end - event.gap.start)}`}`, tone: gapTone(event.gap.cause) };
    case 'recording.storage': return { title: `Disk: ${event.message}`, tone: event.state === 'ok' ? 'plain' : 'alert' };
    case 'gap': return { title: 'Some events were lost before they could be stored', tone: 'alert' };
  }
}

/** That a camera is down is an event of its own, and what was done on purpose is no alarm. */
const gapTone = (cause: GapCause): EventWords['tone'] => (['camera', 'none'].includes(gapFamily(cause)) ? 'plain' : 'alert');

const because = (reason: string | null): string => (reason === null ? '' : `: ${reason}`);

function who({ track }: { readonly track: { readonly class_name: string; readonly id: number } }): string {
  return `${track.class_name} #${track.id}`;
}

/** Around what the event is about; null where there is nothing to be shown. */
export function boxOf(event: ToldEvent): Box | null {
  if ('bbox' in event) return event.bbox;
  return 'track' in event ? event.track.bbox : null;
}

/** The instant of the recording that shows it, seconds UTC. */
export function instantOf(event: ToldEvent): number {
  if ('recording_at' in event) return event.recording_at;
  if ('captured_at' in event) return event.captured_at;
  return event.type === 'recording.gap' ? event.gap.start : event.at;
}
