// Which events this browser's user has marked as seen.
import { useStoredChoice } from '../stored-choice.ts';

const KEPT = 5000;

export function useSeenEvents(): { readonly isSeen: (eventId: number) => boolean; readonly mark: (eventId: number, seen: boolean) => void } {
  const [ids, setIds] = useStoredChoice<readonly number[]>('ruth.seen-events', []);
  return {
    isSeen: (eventId) => ids.includes(eventId),
    mark: (eventId, seen) => setIds(seen ? [...ids.filter((id) => id !== eventId), eventId].slice(-KEPT) : ids.filter((id) => id !== eventId)),
  };
}
