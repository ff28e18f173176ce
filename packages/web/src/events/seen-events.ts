// Which events whoever is signed in has seen: the server keeps it for each person. What was just marked counts at once, and is taken
// back where it could not be kept.
import { useState } from 'react';
import type { StoredEvent } from '@ruth/protocol';
import { send, type Failure } from '../system/api.ts';

type Seeable = Pick<StoredEvent, 'event_id' | 'seen'>;

export interface SeenEvents { readonly isSeen: (event: Seeable) => boolean; readonly mark: (event: Seeable, seen: boolean) => void; /** Of the last mark. */ readonly failure: Failure | null }

export function useSeenEvents(): SeenEvents {
  /** Said here since the events were read. */
  const [said, setSaid] = useState<ReadonlyMap<number, boolean>>(new Map());
  const [failure, setFailure] = useState<Failure | null>(null);
  const isSeen = ({ event_id: id, seen }: Seeable): boolean => said.get(id) ?? seen ?? false;
  return {
    isSeen, failure,
    mark: (event, seen) => {
      const before = isSeen(event);
      setSaid((known) => new Map([...known, [event.event_id, seen]]));
      void send<null>(seen ? 'PUT' : 'DELETE', `events/${event.event_id}/seen`).then((answer) => {
        setFailure(answer.failure);
        if (answer.failure) setSaid((known) => new Map([...known, [event.event_id, before]]));
      });
    },
  };
}
