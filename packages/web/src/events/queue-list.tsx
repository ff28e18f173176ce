// The events of the queue, newest first, by day.
import { Fragment } from 'react';
import type { CameraStatus, StoredEvent } from '@ruth/protocol';
import { clockText, dateText } from '../wall-clock.ts';
import { eventWords, type ToldEvent } from './event-words.ts';

export interface QueueListProps {
  readonly events: readonly StoredEvent[];
  readonly cameras: readonly CameraStatus[];
  readonly chosenId: number | null;
  readonly isSeen: (event: StoredEvent) => boolean;
  readonly onChoose: (event: StoredEvent) => void;
}

export function QueueList({ events, cameras, chosenId, isSeen, onChoose }: QueueListProps) {
  const nameOf = (id: string | null): string => (id === null ? '' : cameras.find(({ camera_id }) => camera_id === id)?.name ?? id);
  return (
    <ol className="queue-list">
      {events.map((stored, index) => {
        const day = dateText(stored.at);
        const { title, tone } = eventWords(stored.event as ToldEvent);
        const seen = isSeen(stored);
        return (
          <Fragment key={stored.event_id}>
            {(index === 0 || dateText(events[index - 1]!.at) !== day) && <li className="queue-day">{day}</li>}
            <li>
              <button type="button" className="queue-event" data-queue-id={stored.event_id} data-seen={seen} data-event-tone={tone} aria-current={stored.event_id === chosenId ? 'true' : undefined} onClick={() => onChoose(stored)}>
                <time>{clockText(stored.at)}</time>
                <span className="queue-title">{title}</span>
                <span className="queue-camera">{nameOf(stored.camera_id)}{stored.recorded === false ? ', not recorded' : ''}{seen ? ', seen' : ''}</span>
              </button>
            </li>
          </Fragment>
        );
      })}
    </ol>
  );
}
