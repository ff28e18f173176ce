// The review queue: events by a filter that stands in the address, newest first; one of them with its picture and clip. All by keyboard.
import { useEffect, useState } from 'react';
import type { CameraStatus, StoredEvent } from '@ruth/protocol';
import { useObservable } from '../observable.ts';
import { useShortcuts } from '../recordings/use-shortcuts.ts';
import { useMay } from '../session.ts';
import { Empty } from '../shell/states.tsx';
import { usePolled } from '../system/use-polled.ts';
import { addressOf, replaceView, type View } from '../view-address.ts';
import { EventDetail } from './event-detail.tsx';
import { EVERY_EVENT, eventFilterQuery, parseEventFilter } from './event-filter.ts';
import { EventFilters } from './event-filters.tsx';
import { EventQueue } from './event-queue.ts';
import { foldedEvents, type EventGroup } from './folded-events.ts';
import { QueueList } from './queue-list.tsx';
import { useSeenEvents } from './seen-events.ts';
import '../styles/events.css';

const ASK_ONCE_MS = 3_600_000;
/** Of what is being recorded just now, or lies where nobody answers. */
const RECORDED_EVERY_MS = 4000;

export function EventsView({ view: { filter, eventId }, cameras }: { view: Extract<View, { name: 'events' }>; cameras: readonly CameraStatus[] }) {
  const key = eventFilterQuery(filter).toString();
  const [queue, setQueue] = useState(() => new EventQueue(filter));
  const [playing, setPlaying] = useState(false);
  /** Groups that were opened, by their newest event. */
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const mayOperate = useMay('operate');
  const { events, cursor, loading, failure, newer } = useObservable(queue);
  const { isSeen, mark, failure: markFailure } = useSeenEvents();
  useEffect(() => {
    const own = new EventQueue(parseEventFilter(new URLSearchParams(key)));
    setQueue(own);
    void own.load();
    return () => own[Symbol.dispose]();
  }, [key]);

  const index = events?.findIndex(({ event_id }) => event_id === eventId) ?? -1;
  // An event that was linked to may not be on the first page, or not be let through by the filter.
  const linked = usePolled<StoredEvent>(eventId !== null && events !== null && index < 0 ? `events/${eventId}` : null, ASK_ONCE_MS);
  const chosen = index >= 0 ? events![index]! : eventId !== null && linked.value?.event_id === eventId ? linked.value : null;
  const asked = usePolled<StoredEvent>(chosen?.recorded === 'unknown' ? `events/${chosen.event_id}` : null, RECORDED_EVERY_MS);
  const recorded = asked.value && asked.value.event_id === chosen?.event_id ? asked.value.recorded : chosen?.recorded ?? null;
  const choose = (stored: StoredEvent | undefined): void => {
    if (!stored) return;
    setPlaying(false);
    replaceView({ name: 'events', filter, eventId: stored.event_id });
    document.querySelector(`[data-queue-id="${stored.event_id}"]`)?.scrollIntoView({ block: 'nearest' });
  };
  const groups = foldedEvents(events ?? []);
  const isOpen = (group: EventGroup): boolean => open.has(group.events[0].event_id) || group.events.some(({ event_id }, at) => at > 0 && event_id === eventId);
  const toggle = (group: EventGroup): void => {
    const [first] = group.events;
    // What is chosen is never hidden.
    if (isOpen(group) && group.events.some(({ event_id }) => event_id === eventId)) choose(first);
    setOpen((before) => new Set(isOpen(group) ? [...before].filter((id) => id !== first.event_id) : [...before, first.event_id]));
  };
  /** What the keys go through: of a group that is not open, its newest. */
  const steps = groups.flatMap((group) => (isOpen(group) ? group.events : group.events.slice(0, 1)));
  const step = steps.findIndex(({ event_id }) => event_id === eventId);
  const move = (by: number): void => choose(steps[step < 0 ? 0 : step + by]);
  useEffect(() => {
    if (index >= 0 && events && index >= events.length - 3) void queue.more();
  }, [index, events, queue]);
  const markChosen = (): void => {
    if (!chosen) return;
    const group = groups.find(({ events: [first] }) => first.event_id === chosen.event_id);
    for (const one of group && !isOpen(group) ? group.events : [chosen]) mark(one, true);
    move(1);
  };
  useShortcuts({ j: () => move(1), k: () => move(-1), arrowdown: () => move(1), arrowup: () => move(-1), s: markChosen, p: () => { if (chosen && recorded !== false) setPlaying(!playing); } });

  return (
    <main className="events" data-loading={loading}>
      <EventFilters filter={filter} cameras={cameras} onChange={(next) => { location.hash = addressOf({ name: 'events', filter: next, eventId: null }); }} />
      <div className="events-body">
        <section className="queue" aria-label="Events">
          {failure && <p className="problem" role="status">The events cannot be read: {failure.message}. This page keeps asking.</p>}
          {markFailure && <p className="problem" role="status">What was marked could not be kept: {markFailure.message}.</p>}
          {newer && <button type="button" className="button newer" onClick={() => void queue.load()}>Newer events have come. Show them</button>}
          {events === null && !failure && <p className="waiting" role="status">Loading</p>}
          {events?.length === 0 && !failure && (
            <Empty title="No events">
              <p>{key === '' ? 'Nothing that matters has happened in the last 24 hours. Who comes and goes is no alarm by itself: draw a zone or a line at a camera, or make a rule, to be told of what matters to you.' : 'No event is as the filters want it.'}</p>
              {key === '' && <a href={addressOf({ name: 'events', filter: { ...EVERY_EVENT, kind: 'tracks' }, eventId: null })}>Show all that came and went</a>}
              {key === '' && mayOperate && cameras.length > 0 && <a href={addressOf(cameras.length === 1 ? { name: 'cameras', cameraId: cameras[0]!.camera_id, page: 'scene' } : { name: 'cameras', cameraId: null, page: 'list' })}>Draw a zone or a line</a>}
              {filter.kind !== 'all' && <a href={addressOf({ name: 'events', filter: { ...EVERY_EVENT, kind: 'all', period: 'all' }, eventId: null })}>Show everything that was ever stored</a>}
            </Empty>
          )}
          {events && events.length > 0 && <QueueList groups={groups} isOpen={isOpen} onToggle={toggle} cameras={cameras} chosenId={chosen?.event_id ?? null} isSeen={isSeen} onChoose={choose} />}
          {cursor !== null && <button type="button" className="button" disabled={loading} onClick={() => void queue.more()}>Older events</button>}
        </section>
        <section className="event-stage" aria-label="The chosen event">
          {chosen ? (
            <EventDetail
              stored={chosen} cameraName={cameras.find(({ camera_id }) => camera_id === chosen.camera_id)?.name ?? null} recorded={recorded} seen={isSeen(chosen)} playing={playing}
              onSeen={(seen) => mark(chosen, seen)} onPlay={setPlaying}
            />
          ) : linked.failure ? <p className="problem" role="alert">{linked.failure.message}</p>
            : events !== null && events.length > 0 && <p className="hint">Choose an event, or press <kbd>J</kbd> and <kbd>K</kbd> to go through them, <kbd>S</kbd> to mark one as seen and go on, <kbd>P</kbd> to play it.</p>}
        </section>
      </div>
    </main>
  );
}
