// Events of one camera since this page was opened, each a way to its instant in the recordings.
import { useObservable } from '../observable.ts';
import { addressOf } from '../view-address.ts';
import { clockText } from '../wall-clock.ts';
import { eventWords, instantOf } from './event-words.ts';
import type { RecentEvents } from './recent-events.ts';

const SHOWN = 40;
/** The way there begins a little before it happened. */
const LEAD_S = 3;

export function EventList({ cameraId, recent }: { cameraId: string; recent: RecentEvents }) {
  // By when they happened: that somebody is gone is known some seconds later.
  const events = useObservable(recent).events.filter(({ camera_id }) => camera_id === cameraId).toSorted((a, b) => instantOf(b) - instantOf(a)).slice(0, SHOWN);
  if (events.length === 0) return <p className="hint">Nothing has happened since this page was opened.</p>;
  return (
    <ol className="event-list">
      {events.map((event) => {
        const { title, tone } = eventWords(event);
        const atS = instantOf(event);
        return (
          <li key={`${event.type}-${event.id}`} data-event={event.type} data-event-tone={tone}>
            <a href={addressOf({ name: 'recordings', cameraId, atS: atS - LEAD_S })} title="Show it in the recordings"><time>{clockText(atS)}</time><span>{title}</span></a>
          </li>
        );
      })}
    </ol>
  );
}
