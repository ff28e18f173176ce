// What a person is told of an event, or of several alike, in ntfy and e-mail: a title that says it, and a text with the rest.
import type { StoredEvent } from '@ruth/protocol';

export type ToldEvent = Omit<StoredEvent, 'seen' | 'recorded'>;
export interface Words { readonly title: string; readonly text: string; readonly isUrgent: boolean }

/** So many cameras are named; the others are counted. */
const MOST_NAMED = 12;

const STORAGE_TITLES: Readonly<Record<string, string>> = {
  full: 'The disk of the recordings is full', failing: 'The disk of the recordings fails', nearly_full: 'The disk of the recordings is nearly full', ok: 'The disk of the recordings has room', off: 'Nothing is recorded',
};

/** `alike`: others of its kind that are told with it. `nameOf`: of a camera. */
export function wordsOf(told: ToldEvent, alike: readonly ToldEvent[] = [], nameOf: (cameraId: string) => string = (id) => id): Words {
  const all = [told, ...alike];
  const { event } = told;
  switch (event.type) {
    case 'camera.down': case 'camera.up': case 'recording.gap': case 'model.down': case 'model.up': {
      const kind = fallOf(event);
      const reasons = new Set(all.map(({ event: one }) => reasonOf(one)));
      const names = [...new Set(all.map((one) => subjectOf(one, nameOf)))];
      const [reason] = reasons;
      const why = reasons.size === 1 ? [reason ?? ''] : reasons.size <= 3 ? [...reasons].map((one) => one ?? 'no reason is known') : [];
      return {
        title: names.length === 1 ? kind.one(names[0]!) : kind.many(names.length),
        text: sentences(names.length === 1 ? '' : namesText(names), ...why, names.length > 2 && kind.isOutage ? 'If that came at once, look at what they have in common: a switch, its power, the network' : '', spanText(all)),
        isUrgent: false,
      };
    }
    case 'recording.storage': return { title: STORAGE_TITLES[event.state] ?? event.state, text: sentences(event.message, when(told.at)), isUrgent: event.state === 'full' || event.state === 'failing' };
    case 'gap': return { title: 'Some events were lost before they could be stored', text: sentences(when(told.at)), isUrgent: false };
    default: return seen(told, nameOf);
  }
}

type Outage = Extract<ToldEvent['event'], { type: 'camera.down' | 'camera.up' | 'recording.gap' | 'model.down' | 'model.up' }>;

function fallOf(event: Outage): { readonly one: (name: string) => string; readonly many: (count: number) => string; readonly isOutage: boolean } {
  if (event.type === 'recording.gap') {
    if (event.gap.end !== null) return { one: (name) => `${name} is recorded again`, many: (count) => `${count} cameras are recorded again`, isOutage: false };
    const cause = event.gap.cause === 'unknown' ? '' : `: ${event.gap.cause.replaceAll('_', ' ')}`;
    return { one: (name) => `${name} is not recorded${cause}`, many: (count) => `${count} cameras are not recorded`, isOutage: true };
  }
  const kind = event.type.startsWith('camera') ? 'cameras' : 'models';
  return event.type.endsWith('.down')
    ? { one: (name) => `${name} is down`, many: (count) => `${count} ${kind} are down`, isOutage: kind === 'cameras' }
    : { one: (name) => `${name} is back`, many: (count) => `${count} ${kind} are back`, isOutage: false };
}

function reasonOf(event: ToldEvent['event']): string | null {
  if (event.type === 'recording.gap') return event.gap.end === null ? event.gap.message : null;
  return 'reason' in event && event.reason ? event.reason : null;
}

const subjectOf = ({ camera_id: camera, event }: ToldEvent, nameOf: (id: string) => string): string => ('model_id' in event && !camera ? `Model ${event.model_id}` : nameOf(camera ?? ''));

/** From when to when, of what ended; else since when. */
function spanText(all: readonly ToldEvent[]): string {
  const [{ event, at }] = all as [ToldEvent];
  if (all.length === 1 && event.type === 'recording.gap' && event.gap.end !== null) return `It was not from ${when(event.gap.start)} on, for ${Math.round(event.gap.end - event.gap.start)} s (${event.gap.cause.replaceAll('_', ' ')})`;
  const begins = all.map((one) => (one.event.type === 'recording.gap' && one.event.gap.end === null ? one.event.gap.start : one.at));
  return when(Math.min(at, ...begins));
}

/** What somebody, or something, did. */
function seen({ type, camera_id: camera, class_name: what, zones, event, at }: ToldEvent, nameOf: (id: string) => string): Words {
  const place = [camera === null ? '' : nameOf(camera), ...zones].filter((one) => one !== '').join(', ');
  const told = 'severity' in event ? event.event : type.replace('.', ' ');
  return {
    title: `${told}${place === '' ? '' : ` at ${place}`}`, text: [what ?? '', place === '' ? '' : `at ${place}`, when(at), 'reason' in event && event.reason ? `(${event.reason})` : ''].filter((one) => one !== '').join(' '),
    isUrgent: type === 'fall' || ('severity' in event && (event.severity === 'high' || event.severity === 'critical')),
  };
}

const when = (atS: number): string => new Date(atS * 1000).toLocaleString('en-GB');

function namesText(names: readonly string[]): string {
  const hidden = names.length - MOST_NAMED;
  return `${names.slice(0, MOST_NAMED).join(', ')}${hidden > 0 ? ` and ${hidden} more` : ''}`;
}

/** Each begins with a capital letter and ends with a full stop. */
const sentences = (...parts: readonly string[]): string => parts.filter((one) => one !== '').map((one) => `${one.charAt(0).toUpperCase()}${one.slice(1)}${/[.!?]$/.test(one) ? '' : '.'}`).join(' ');
