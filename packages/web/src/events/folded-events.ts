// Many cameras that fall at once (a switch is unplugged) are one row of the queue, which can be opened: what else happened is not pushed off the screen.
import type { StoredEvent } from '@ruth/protocol';

/** Newest first; one event by itself is a group of one. */
export interface EventGroup { readonly events: readonly [StoredEvent, ...StoredEvent[]]; /** Of several. */ readonly title: string | null }

/** Fewer stand each in a row of its own. */
const LEAST = 3;
const WITHIN_S = 60;

/** `events`: newest first. A group stands where its newest event does. */
export function foldedEvents(events: readonly StoredEvent[]): EventGroup[] {
  const groups: { kind: string | null; events: [StoredEvent, ...StoredEvent[]] }[] = [];
  for (const event of events) {
    const kind = kindOf(event);
    const group = kind === null ? undefined : groups.findLast((one) => one.kind === kind);
    if (group && group.events[0].at - event.at <= WITHIN_S) group.events.push(event);
    else groups.push({ kind, events: [event] });
  }
  const result: EventGroup[] = [];
  for (const { kind, events: alike } of groups) {
    const count = new Set(alike.map((event) => event.camera_id ?? event.model_id)).size;
    if (kind !== null && count >= LEAST) result.push({ events: alike, title: TITLES[kind]!(count) });
    else for (const event of alike) result.push({ events: [event], title: null });
  }
  return result.sort((a, b) => events.indexOf(a.events[0]) - events.indexOf(b.events[0]));
}

const TITLES: Readonly<Record<string, (count: number) => string>> = {
  'camera.down': (count) => `${count} cameras send nothing`, 'camera.up': (count) => `${count} cameras are back`, 'recording.gap': (count) => `${count} cameras are not recorded`,
  'recording.gap over': (count) => `${count} cameras were not recorded for a while`, 'model.down': (count) => `${count} models are down`, 'model.up': (count) => `${count} models are up`,
};

function kindOf({ event }: StoredEvent): string | null {
  const kind = event.type === 'recording.gap' && event.gap.end !== null ? 'recording.gap over' : event.type;
  return kind in TITLES ? kind : null;
}
