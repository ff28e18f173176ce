// The recordings of one camera: picture, controls, timeline, gaps, and what can be done with a span.
import { useCallback, useEffect, useRef, useState, type MouseEvent } from 'react';
import type { CameraStatus } from '@ruth/protocol';
import { Observable, useObservable } from '../observable.ts';
import { addressOf, LIVE, replaceView } from '../view-address.ts';
import { clockText } from '../wall-clock.ts';
import { GAP_WORDS } from './gap-cause.ts';
import { GapList } from './gap-list.tsx';
import { markEnd, MarkPanel, markStart } from './mark-panel.tsx';
import { NothingRecorded } from './nothing-recorded.tsx';
import { PlaybackBar } from './playback-bar.tsx';
import { RecordingPlayer, type PlaybackState } from './recording-player.ts';
import { RecordingsToolbar } from './recordings-toolbar.tsx';
import { RecordingStage } from './recording-stage.tsx';
import { Timeline } from './timeline.tsx';
import { TimelineZoom } from './timeline-zoom.tsx';
import { neighbourEvent, useTimelineEvents } from './timeline-events.ts';
import { gapAt, neighbourGap, playableFrom, spanAt, TimelineStore } from './timeline-store.ts';
import type { MarkedSpan } from './timeline-track.tsx';
import { dayWindow, including, recentWindow, withinReach, zoomed, type TimeWindow } from './time-window.ts';
import { useNotice } from './use-notice.ts';
import { useNow } from './use-now.ts';
import { useShortcuts } from './use-shortcuts.ts';

/** Where a page without a wish begins: this long before the newest. */
const FROM_NEWEST_S = 60;
const IDLE = new Observable<PlaybackState>({ status: 'idle', shownAtS: null, rate: 1, muted: true, failure: null });

export interface CameraRecordingsProps {
  readonly camera: CameraStatus;
  readonly cameras: readonly CameraStatus[];
  readonly atS: number | null;
  /** One: it alone. Several: those in step. */
  readonly onCameras: (cameraIds: readonly string[], atS: number | null) => void;
}

export function CameraRecordings({ camera, cameras, atS, onCameras }: CameraRecordingsProps) {
  const { camera_id: cameraId } = camera;
  const nowS = useNow();
  const video = useRef<HTMLVideoElement>(null);
  const begun = useRef<number>(null);
  const [window, setWindow] = useState<TimeWindow>(() => dayWindow(atS ?? Date.now() / 1000));
  const [marked, setMarked] = useState<MarkedSpan | null>(null);
  const [notice, setNotice] = useNotice();
  const [store, setStore] = useState(() => new TimelineStore(cameraId));
  const [player, setPlayer] = useState<RecordingPlayer | null>(null);
  const { timeline, failure } = useObservable(store);
  const state = useObservable<PlaybackState>(player ?? IDLE);
  const { status, shownAtS } = state;
  const { events, cut } = useTimelineEvents(cameraId, window);

  // Anew in every mount, also in React's trial one.
  useEffect(() => {
    const ownStore = new TimelineStore(cameraId);
    const ownPlayer = new RecordingPlayer(cameraId, video.current!);
    setStore(ownStore);
    setPlayer(ownPlayer);
    begun.current = null;
    return () => {
      ownStore.close();
      ownPlayer[Symbol.dispose]();
    };
  }, [cameraId]);
  useEffect(() => store.show(window), [store, window]);

  const show = useCallback((wishedS: number, play = true): void => {
    const fromS = playableFrom(timeline, wishedS);
    const gap = gapAt(timeline, wishedS);
    const why = gap ? `: ${GAP_WORDS[gap.cause].title.toLowerCase()}` : '';
    if (fromS === null) return setNotice(`Nothing is recorded at ${clockText(wishedS)} or after it${why}.`);
    setNotice(fromS === wishedS ? null : `Nothing is recorded at ${clockText(wishedS)}${why}. This is what follows.`);
    begun.current = fromS;
    setWindow((before) => including(before, fromS));
    replaceView({ name: 'recordings', cameraId, atS: fromS });
    void player?.show(fromS, play);
  }, [timeline, player, cameraId, setNotice]);

  useEffect(() => {
    const newest = timeline?.spans.at(-1);
    if (!player || !timeline) return;
    if (atS !== null) {
      if (begun.current === null || Math.abs(atS - begun.current) > 0.002) show(atS, begun.current !== null);
    } else if (begun.current === null && newest) {
      setWindow(recentWindow(timeline.spans[0]!.start, Date.now() / 1000));
      show(Math.max(newest.start, newest.end - FROM_NEWEST_S), false);
    }
  }, [player, timeline, atS, show]);

  useEffect(() => {
    if (status === 'playing' && shownAtS !== null) setWindow((before) => including(before, shownAtS));
  }, [status, shownAtS]);

  const onGap = (direction: 1 | -1): void => {
    const gap = neighbourGap(timeline!, shownAtS!, direction);
    // To what comes after it: what was before is a frame back.
    if (gap) show(gap.end);
    else setNotice(direction === 1 ? 'No gap follows on the days that are shown.' : 'No gap lies before this on the days that are shown.');
  };
  const onEvent = (direction: 1 | -1): void => {
    const fromS = neighbourEvent(events, shownAtS!, direction);
    if (fromS !== null) show(fromS);
    else setNotice(direction === 1 ? 'No event follows in the time that the timeline shows.' : `No event lies before this in the time that the timeline shows${cut ? ', as far as events are drawn' : ''}.`);
  };
  useShortcuts({
    n: () => { if (shownAtS !== null) onEvent(1); }, b: () => { if (shownAtS !== null) onEvent(-1); },
    ' ': () => player?.toggle(), ',': () => player?.step(-1), '.': () => player?.step(1),
    i: () => { if (shownAtS !== null) setMarked(markStart(marked, shownAtS)); },
    o: () => { if (shownAtS !== null) setMarked(markEnd(marked, shownAtS)); },
  });
  const scrub = (wishedS: number): void => {
    if (player && player.get().status !== 'loading' && spanAt(timeline, wishedS)) void player.show(wishedS, false);
  };
  const onDay = (dayS: number): void => setWindow(withinReach(dayWindow(dayS), timeline?.oldest ?? null, nowS));
  const zoom = (factor: number): void => setWindow((before) => {
    const middleS = before.startS + before.spanS / 2;
    const anchorS = shownAtS !== null && shownAtS > before.startS && shownAtS < before.startS + before.spanS ? shownAtS : middleS;
    return withinReach(zoomed(before, factor, anchorS), timeline?.oldest ?? null, nowS);
  });
  const anything = timeline !== null && timeline.oldest !== null;
  return (
    <main className="recordings" data-camera-id={cameraId} data-status={status} onClick={releaseButton}>
      <RecordingsToolbar cameras={cameras} cameraIds={[cameraId]} dayS={window.startS + Math.min(window.spanS / 2, 43_000)} oldestS={timeline?.oldest ?? null} nowS={nowS} onCameras={(chosen) => onCameras(chosen, shownAtS)} onDay={onDay} />
      <div className="recordings-body" hidden={!anything}>
        <div className="recordings-player">
          <RecordingStage camera={camera} video={video} state={state} notice={notice} onToggle={() => player?.toggle()} />
          <PlaybackBar
            cameraId={cameraId} state={state} hasSound={camera.audio_codec !== null}
            onToggle={() => player?.toggle()} onStep={(direction) => player?.step(direction)} onGap={shownAtS !== null && timeline ? onGap : null} onEvent={shownAtS !== null ? onEvent : null}
            onRate={(rate) => player?.setRate(rate)} onMuted={(muted) => player?.setMuted(muted)} onLive={() => { location.hash = addressOf(LIVE); }}
          />
          <div className="timeline-frame">
            <Timeline
              rows={[{ cameraId, name: camera.name, timeline, events }]} window={window} shownAtS={shownAtS} marked={marked} nowS={nowS}
              onWindow={(next) => setWindow(withinReach(next, timeline?.oldest ?? null, nowS))} onChoose={show} onScrub={scrub} onMark={setMarked}
            />
            <TimelineZoom window={window} onZoom={zoom} onDay={() => onDay(shownAtS ?? window.startS)} />
          </div>
        </div>
        <div className="recordings-side">
          <MarkPanel cameraId={cameraId} timeline={timeline} shownAtS={shownAtS} marked={marked} onMark={setMarked} onKept={() => store.refresh()} />
          {timeline && <GapList timeline={timeline} nowS={nowS} onChoose={show} />}
        </div>
      </div>
      {!anything && (timeline || failure) && <NothingRecorded camera={camera} failure={failure} />}
      {!anything && !timeline && !failure && <p className="waiting" role="status">Loading</p>}
    </main>
  );
}

/** A button that a pointer pressed gives the focus back, or Space would press it again instead of playing. */
export function releaseButton({ detail, target }: MouseEvent): void {
  if (detail > 0) (target as Element).closest('button')?.blur();
}
