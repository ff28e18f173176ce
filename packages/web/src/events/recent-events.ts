// What cameras told since this page was opened, the newest first; only so many.
import type { SceneEvent, TrackEvent } from '@ruth/protocol';
import { Observable } from '../observable.ts';

/** An event about what a camera saw. */
export type SeenEvent = TrackEvent | SceneEvent;

const KEPT = 300;

export class RecentEvents extends Observable<{ readonly events: readonly SeenEvent[] }> {
  constructor() { super({ events: [] }); }

  /** Updates of a track say nothing that its beginning and end do not. */
  push(event: SeenEvent): void {
    if (event.type === 'track.updated' || event.type === 'occupancy') return;
    this.set({ events: [event, ...this.get().events].slice(0, KEPT) });
  }
}
