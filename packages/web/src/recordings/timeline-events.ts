// The events of cameras in the time that its timeline shows, oldest first: to be drawn there, and jumped to.
import { useEffect, useState } from 'react';
import type { EventPage, StoredEvent } from '@ruth/protocol';
import { EVENT_KINDS } from '../events/event-filter.ts';
import { ask } from '../system/api.ts';
import type { TimeWindow } from './time-window.ts';

/** More would be one bar of marks. */
const MOST = 500;
const SETTLE_MS = 300;
const AGAIN_MS = 15_000;
/** So far before the first and after the last that a neighbour must lie to be another one than what is shown. */
const APART_S = 0.5;
/** Before an event, to see how it came about. */
const LEAD_S = 2;

export interface TimelineEvents { readonly events: readonly StoredEvent[]; /** There are more, older ones. */ readonly cut: boolean }

const NONE: TimelineEvents = { events: [], cut: false };

/** `cameraIds`: joined by commas. */
export function useTimelineEvents(cameraIds: string, { startS, spanS }: TimeWindow): TimelineEvents {
  const [found, setFound] = useState(NONE);
  useEffect(() => {
    let ended = false;
    let timer: ReturnType<typeof setTimeout>;
    const query = new URLSearchParams([...cameraIds.split(',').map((id) => ['camera', id]), ['start', String(Math.floor(startS))], ['end', String(Math.ceil(startS + spanS))], ['limit', String(MOST)]]);
    for (const type of EVENT_KINDS.matters) if (!type.startsWith('recording.')) query.append('type', type);
    const look = async (): Promise<void> => {
      const { value } = await ask<EventPage>(`events?${query}`);
      if (ended) return;
      // What was known stays while the server does not answer.
      if (value) setFound({ events: value.events.toReversed(), cut: value.next_cursor !== null });
      timer = setTimeout(() => void look(), AGAIN_MS);
    };
    timer = setTimeout(() => void look(), SETTLE_MS);
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [cameraIds, startS, spanS]);
  return found;
}

/** Where to play from to see the event after, or before, what is shown at `atS`; null where there is none. */
export function neighbourEvent(events: readonly Pick<StoredEvent, 'at'>[], atS: number, direction: 1 | -1): number | null {
  const from = atS + LEAD_S;
  const event = direction === 1 ? events.find(({ at }) => at > from + APART_S) : events.findLast(({ at }) => at < from - APART_S);
  return event ? event.at - LEAD_S : null;
}
