// The recordings of several cameras on one clock: their pictures, one set of controls, and a timeline with a row for each.
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import type { CameraStatus } from '@ruth/protocol';
import { Observable, useObservable } from '../observable.ts';
import { addressOf, LIVE, replaceView } from '../view-address.ts';
import { clockText } from '../wall-clock.ts';
import { releaseButton } from './camera-recordings.tsx';
import { PlaybackBar } from './playback-bar.tsx';
import { IDLE_GROUP, PlaybackGroup, type GroupState } from './playback-group.ts';
import { RecordingsToolbar } from './recordings-toolbar.tsx';
import { StepTile } from './step-tile.tsx';
import { Timeline } from './timeline.tsx';
import { neighbourEvent, useTimelineEvents } from './timeline-events.ts';
import type { TimelineState } from './timeline-store.ts';
import { TimelineZoom } from './timeline-zoom.tsx';
import { dayWindow, including, recentWindow, withinReach, zoomed, type TimeWindow } from './time-window.ts';
import { useNow } from './use-now.ts';
import { useNotice } from './use-notice.ts';
import { useShortcuts } from './use-shortcuts.ts';

const FROM_NEWEST_S = 60;
const IDLE = new Observable<GroupState>(IDLE_GROUP);
const UNKNOWN: TimelineState = { timeline: null, failure: null };

export interface RecordingsInStepProps {
  /** Two at least. */
  readonly shown: readonly CameraStatus[];
  readonly cameras: readonly CameraStatus[];
  readonly atS: number | null;
  readonly onCameras: (cameraIds: readonly string[], atS: number | null) => void;
}

export function RecordingsInStep({ shown, cameras, atS, onCameras }: RecordingsInStepProps) {
  const ids = shown.map(({ camera_id }) => camera_id).join();
  const nowS = useNow();
  const videos = useRef(new Map<string, HTMLVideoElement>());
  const begun = useRef<number>(null);
  const [group, setGroup] = useState<PlaybackGroup | null>(null);
  const [window, setWindow] = useState<TimeWindow>(() => dayWindow(atS ?? Date.now() / 1000));
  const [notice, setNotice] = useNotice();
  const state = useObservable<GroupState>(group ?? IDLE);
  const { status, shownAtS } = state;
  const timelines = useTimelines(group, ids);
  const { events, cut } = useTimelineEvents(ids, window);

  useEffect(() => {
    const own = new PlaybackGroup(new Map(ids.split(',').map((id) => [id, videos.current.get(id)!])));
    setGroup(own);
    begun.current = null;
    return () => own[Symbol.dispose]();
  }, [ids]);
  useEffect(() => group?.lookAt(window), [group, window]);

  const show = useCallback((wishedS: number, play = true): void => {
    if (!group) return;
    const fromS = group.playableFrom(wishedS);
    if (fromS === null) return setNotice(`Nothing is recorded of these cameras at ${clockText(wishedS)} or after it.`);
    setNotice(fromS === wishedS ? null : `Nothing is recorded of these cameras at ${clockText(wishedS)}. This is what follows.`);
    begun.current = fromS;
    setWindow((before) => including(before, fromS));
    const [cameraId = null, ...beside] = ids.split(',');
    replaceView({ name: 'recordings', cameraId, beside, atS: fromS });
    group.show(fromS, play);
  }, [group, ids, setNotice]);

  const areKnown = timelines.every(({ timeline, failure }) => timeline !== null || failure !== null);
  const spans = timelines.flatMap(({ timeline }) => timeline?.spans ?? []);
  const newestS = spans.length === 0 ? null : Math.max(...spans.map(({ end }) => end));
  const oldestS = Math.min(...timelines.map(({ timeline }) => timeline?.oldest ?? Infinity));
  useEffect(() => {
    if (!group || !areKnown) return;
    if (atS !== null) {
      if (begun.current === null || Math.abs(atS - begun.current) > 0.002) show(atS, begun.current !== null);
    } else if (begun.current === null && newestS !== null) {
      setWindow(recentWindow(Math.min(...spans.map(({ start }) => start)), Date.now() / 1000));
      show(newestS - FROM_NEWEST_S, false);
    }
    // What is recorded grows; a beginning is made once.
  }, [group, areKnown, atS, show, newestS === null]);
  useEffect(() => {
    if (status === 'playing' && shownAtS !== null) setWindow((before) => including(before, shownAtS));
  }, [status, shownAtS]);

  const reach = (next: TimeWindow): TimeWindow => withinReach(next, Number.isFinite(oldestS) ? oldestS : null, nowS);
  const onDay = (dayS: number): void => setWindow(reach(dayWindow(dayS)));
  const zoom = (factor: number): void => setWindow((before) => reach(zoomed(before, factor, shownAtS !== null && shownAtS > before.startS && shownAtS < before.startS + before.spanS ? shownAtS : before.startS + before.spanS / 2)));
  const onEvent = (direction: 1 | -1): void => {
    const fromS = shownAtS === null ? null : neighbourEvent(events, shownAtS, direction);
    if (fromS !== null) show(fromS);
    else setNotice(direction === 1 ? 'No event follows in the time that the timeline shows.' : `No event lies before this in the time that the timeline shows${cut ? ', as far as events are drawn' : ''}.`);
  };
  useShortcuts({ n: () => onEvent(1), b: () => onEvent(-1), ' ': () => group?.toggle(), ',': () => group?.step(-1), '.': () => group?.step(1) });

  const rows = useMemo(() => shown.map(({ camera_id: cameraId, name }, index) => ({ cameraId, name, timeline: timelines[index]?.timeline ?? null, events: events.filter(({ camera_id }) => camera_id === cameraId) })), [shown, timelines, events]);
  return (
    <main className="recordings in-step" data-cameras={ids} data-status={status} onClick={releaseButton}>
      <RecordingsToolbar
        cameras={cameras} cameraIds={ids.split(',')} dayS={window.startS + Math.min(window.spanS / 2, 43_000)} oldestS={Number.isFinite(oldestS) ? oldestS : null} nowS={nowS}
        onCameras={(chosen) => onCameras(chosen, shownAtS)} onDay={onDay}
      />
      <div className="recordings-player">
        <div className="step-tiles" data-count={shown.length}>
          {shown.map((camera, index) => (
            <StepTile
              key={camera.camera_id} camera={camera} player={group?.playerOf(camera.camera_id) ?? null} known={timelines[index] ?? UNKNOWN} clockS={shownAtS} nowS={nowS}
              onVideo={(video) => { if (video) videos.current.set(camera.camera_id, video); }} onToggle={() => group?.toggle()}
            />
          ))}
          {(notice ?? (state.waiting ? 'Waiting for a camera that loads' : status === 'ended' ? 'This is the end of what is recorded.' : null)) && (
            <p className="stage-notice" role="status">{notice ?? (state.waiting ? 'Waiting for a camera that loads' : 'This is the end of what is recorded.')}</p>
          )}
        </div>
        <PlaybackBar
          cameraId={null} state={state} hasSound={false} onToggle={() => group?.toggle()} onStep={(direction) => group?.step(direction)} onGap={null} onEvent={shownAtS === null ? null : onEvent}
          onRate={(rate) => group?.setRate(rate)} onMuted={() => undefined} onLive={() => { location.hash = addressOf(LIVE); }}
        />
        <div className="timeline-frame">
          <Timeline rows={rows} window={window} shownAtS={shownAtS} marked={null} nowS={nowS} onWindow={(next) => setWindow(reach(next))} onChoose={show} onScrub={(wishedS) => { if (group && status !== 'loading') group.show(wishedS, false); }} onMark={null} />
          <TimelineZoom window={window} onZoom={zoom} onDay={() => onDay(shownAtS ?? window.startS)} />
        </div>
      </div>
    </main>
  );
}

/** What is known of each camera's recordings, in the order of `ids`; a new list only when something is new. */
function useTimelines(group: PlaybackGroup | null, ids: string): readonly TimelineState[] {
  const last = useRef<readonly TimelineState[]>([]);
  const subscribe = useCallback((listener: () => void) => {
    const ends = group ? ids.split(',').map((id) => group.storeOf(id).subscribe(listener)) : [];
    return () => { for (const end of ends) end(); };
  }, [group, ids]);
  return useSyncExternalStore(subscribe, () => {
    const now = ids.split(',').map((id) => group?.storeOf(id).get() ?? UNKNOWN);
    if (now.length !== last.current.length || now.some((each, index) => each !== last.current[index])) last.current = now;
    return last.current;
  });
}
