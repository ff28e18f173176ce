// The events of the queue, newest first, by day; many of one kind that came at once are one row, which can be opened.
import { Fragment } from 'react';
import type { CameraStatus, StoredEvent } from '@ruth/protocol';
import { clockText, dateText } from '../wall-clock.ts';
import { eventWords, type ToldEvent } from './event-words.ts';
import type { EventGroup } from './folded-events.ts';

export interface QueueListProps {
  readonly groups: readonly EventGroup[];
  readonly isOpen: (group: EventGroup) => boolean;
  readonly onToggle: (group: EventGroup) => void;
  readonly cameras: readonly CameraStatus[];
  readonly chosenId: number | null;
  readonly isSeen: (event: StoredEvent) => boolean;
  readonly onChoose: (event: StoredEvent) => void;
}

/** So many names stand in the row of a group. */
const MOST_NAMED = 3;

export function QueueList(props: QueueListProps) {
  const { groups, isOpen, onToggle, cameras, chosenId, isSeen, onChoose } = props;
  const nameOf = (id: string | null): string => (id === null ? '' : cameras.find(({ camera_id }) => camera_id === id)?.name ?? id);
  const row = (stored: StoredEvent, title: string, about: string, seen: boolean, current: boolean) => (
    <button type="button" className="queue-event" data-queue-id={stored.event_id} data-seen={seen} data-event-tone={eventWords(stored.event as ToldEvent).tone} aria-current={current ? 'true' : undefined} onClick={() => onChoose(stored)}>
      <time>{clockText(stored.at)}</time>
      <span className="queue-title">{title}</span>
      <span className="queue-camera">{[about, seen && 'seen'].filter(Boolean).join(', ')}</span>
    </button>
  );
  const single = (stored: StoredEvent) => row(stored, eventWords(stored.event as ToldEvent).title, `${nameOf(stored.camera_id)}${stored.recorded === false ? ', not recorded' : ''}`, isSeen(stored), stored.event_id === chosenId);
  return (
    <ol className="queue-list">
      {groups.map((group, index) => {
        const { events, title } = group;
        const day = dateText(events[0].at);
        const open = isOpen(group);
        const names = [...new Set(events.map(({ camera_id, model_id }) => (camera_id === null ? model_id ?? '' : nameOf(camera_id))))];
        const hidden = names.length - MOST_NAMED;
        return (
          <Fragment key={events[0].event_id}>
            {(index === 0 || dateText(groups[index - 1]!.events[0].at) !== day) && <li className="queue-day">{day}</li>}
            <li>
              {title === null ? single(events[0]) : (
                <div className="queue-group">
                  {open ? <p className="queue-title">{title}</p> : row(events[0], title, `${names.slice(0, MOST_NAMED).join(', ')}${hidden > 0 ? ` and ${hidden} more` : ''}`, events.every(isSeen), events[0].event_id === chosenId)}
                  <button type="button" className="text-button" aria-expanded={open} aria-label={`${open ? 'Fold' : 'Show each'}: ${title}`} onClick={() => onToggle(group)}>{open ? 'Fold' : 'Show each'}</button>
                  {open && <ol>{events.map((stored) => <li key={stored.event_id}>{single(stored)}</li>)}</ol>}
                </div>
              )}
            </li>
          </Fragment>
        );
      })}
    </ol>
  );
}
