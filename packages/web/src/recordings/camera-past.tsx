// The way back in time from a camera's live picture, and forth to it again: a timeline under the picture, and what was recorded in its place.
// The live picture stays until the recorded one is there, and the recorded one until the live one is.
import { useEffect, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import type { CameraStatus } from '@ruth/protocol';
import { Observable, useObservable } from '../observable.ts';
import { addressOf, replaceView, type View } from '../view-address.ts';
import { clockText, dateText, isoDate } from '../wall-clock.ts';
import { GAP_WORDS } from './gap-cause.ts';
import { isRecordedAt } from './in-step.ts';
import { PlaybackBar } from './playback-bar.tsx';
import { RecordingPlayer, type PlaybackState } from './recording-player.ts';
import { RecordingPicture } from './recording-stage.tsx';
import { Timeline } from './timeline.tsx';
import { neighbourEvent, useTimelineEvents } from './timeline-events.ts';
import { gapAt, neighbourGap, playableFrom, TimelineStore } from './timeline-store.ts';
import { TimelineZoom } from './timeline-zoom.tsx';
import { dayWindow, including, recentWindow, withinReach, zoomed, type TimeWindow } from './time-window.ts';
import { useNotice } from './use-notice.ts';
import { useNow } from './use-now.ts';
import { useShortcuts } from './use-shortcuts.ts';
import '../styles/recordings.css';

/** What is nearer to the present is live: recordings are there some seconds later. */
const LIVE_WITHIN_S = 5;
const FOLLOWED_S = 3600;
/** The window of events moves by steps, not every second. */
const EVENTS_STEP_S = 60;
const IDLE = new Observable<PlaybackState>({ status: 'idle', shownAtS: null, rate: 1, muted: true, failure: null });

export interface CameraPastProps {
  readonly camera: CameraStatus;
  /** Null: live. */
  readonly atS: number | null;
  /** Over the live picture. */
  readonly slot: HTMLElement | null;
  /** The live picture is on its way: until it is there the recorded one stays. */
  readonly isLiveComing: boolean;
  /** When the picture was recorded that now covers the live one, in words; null where none does. */
  readonly onRecorded: (words: string | null) => void;
}

export function CameraPast({ camera, atS, slot, isLiveComing, onRecorded }: CameraPastProps) {
  const { camera_id: cameraId } = camera;
  const nowS = useNow();
  const video = useRef<HTMLVideoElement>(null);
  const begun = useRef<number>(null);
  const [store, setStore] = useState<TimelineStore | null>(null);
  const [player, setPlayer] = useState<RecordingPlayer | null>(null);
  /** Null: follows the present. */
  const [chosenWindow, setWindow] = useState<TimeWindow | null>(null);
  const [notice, setNotice] = useNotice();
  const { timeline, failure } = useTimelineOf(store);
  const { status, shownAtS, ...rest } = useObservable<PlaybackState>(player ?? IDLE);
  const window = chosenWindow ?? recentWindow(Math.max(timeline?.spans[0]?.start ?? 0, nowS - FOLLOWED_S), nowS);
  const { events, cut } = useTimelineEvents(cameraId, { startS: Math.floor(window.startS / EVENTS_STEP_S) * EVENTS_STEP_S, spanS: Math.ceil(window.spanS / EVENTS_STEP_S + 1) * EVENTS_STEP_S });
  const isPast = atS !== null;
  const isCovering = player !== null && shownAtS !== null && (isPast || isLiveComing);

  useEffect(() => {
    const own = new TimelineStore(cameraId);
    setStore(own);
    return () => own.close();
  }, [cameraId]);
  useEffect(() => store?.show(window));

  // One that left the past is needed until live video plays.
  const isKnown = timeline !== null && timeline.oldest !== null;
  const isNeeded = isKnown && (isPast || (player !== null && isLiveComing));
  useEffect(() => {
    if (!isNeeded || !slot) return;
    const own = new RecordingPlayer(cameraId, video.current!);
    begun.current = null;
    setPlayer(own);
    return () => {
      own[Symbol.dispose]();
      setPlayer(null);
    };
  }, [isNeeded, cameraId, slot]);

  const go = (to: number | null): void => {
    const view: View = { name: 'live', cameraId, ...(to === null ? {} : { atS: to }) };
    // Into the past and out of it are steps of the browser's history; moves within it are none.
    if ((to === null) !== (atS === null)) location.hash = addressOf(view);
    else if (to !== null) replaceView(view);
  };
  const toLive = (): void => {
    player?.pause();
    setWindow(null);
    go(null);
  };
  const show = (wishedS: number): void => {
    if (wishedS > nowS - LIVE_WITHIN_S) return toLive();
    const fromS = playableFrom(timeline, wishedS);
    const gap = gapAt(timeline, wishedS);
    const why = gap ? `: ${GAP_WORDS[gap.cause].title.toLowerCase()}` : '';
    if (fromS === null) return setNotice(`Nothing is recorded at ${clockText(wishedS)} or after it${why}.`);
    setNotice(fromS === wishedS ? null : `Nothing is recorded at ${clockText(wishedS)}${why}. This is what follows.`);
    setWindow((before) => including(before ?? window, fromS));
    begun.current = player ? fromS : null;
    void player?.show(fromS);
    go(fromS);
  };
  const scrub = (wishedS: number): void => {
    if (wishedS > nowS - LIVE_WITHIN_S || !isRecordedAt(timeline, wishedS, nowS)) return;
    if (atS === null) {
      setWindow(window);
      go(wishedS);
    } else if (player && status !== 'loading') void player.show(wishedS, false);
  };

  useEffect(() => {
    if (!player || atS === null || (begun.current !== null && Math.abs(atS - begun.current) <= 0.002)) return;
    begun.current = atS;
    setWindow((before) => including(before ?? dayWindow(atS), atS));
    void player.show(atS);
  }, [player, atS]);
  useEffect(() => {
    if (status === 'playing' && shownAtS !== null) setWindow((before) => before && including(before, shownAtS));
  }, [status, shownAtS]);
  // What plays has caught up with the present.
  const hasCaughtUp = isPast && shownAtS !== null && (status === 'playing' || status === 'loading' || status === 'ended') && nowS - shownAtS < LIVE_WITHIN_S;
  const latest = useRef({ toLive });
  useEffect(() => { latest.current = { toLive }; });
  useEffect(() => { if (hasCaughtUp) latest.current.toLive(); }, [hasCaughtUp]);
  const words = !isCovering ? null : `${isoDate(shownAtS) === isoDate(nowS) ? '' : `${dateText(shownAtS)}, `}${clockText(shownAtS)}`;
  useEffect(() => onRecorded(words), [words, onRecorded]);

  const onEvent = (direction: 1 | -1): void => {
    const fromS = neighbourEvent(events, shownAtS ?? nowS, direction);
    if (fromS !== null) show(fromS);
    else setNotice(direction === 1 ? 'No event follows in the time that the timeline shows.' : `No event lies before this in the time that the timeline shows${cut ? ', as far as events are drawn' : ''}.`);
  };
  const onGap = (direction: 1 | -1): void => {
    const gap = timeline && shownAtS !== null ? neighbourGap(timeline, shownAtS, direction) : null;
    if (gap) show(gap.end);
    else setNotice(direction === 1 ? 'No gap follows on the days that are shown.' : 'No gap lies before this on the days that are shown.');
  };
  useShortcuts({ b: () => onEvent(-1), ...(isPast ? { n: () => onEvent(1), l: toLive, ' ': () => player?.toggle(), ',': () => player?.step(-1), '.': () => player?.step(1) } : {}) });

  // A camera that is not recorded has no way back.
  if (!isKnown) return failure && failure.code !== 'recording_off' ? <p className="hint">What was recorded cannot be listed: {failure.message}.</p> : null;
  const state: PlaybackState = { status, shownAtS: isPast ? shownAtS : null, ...rest };
  return (
    <section className="past" aria-label="Back in time" data-status={status} data-past={isPast}>
      {slot && isNeeded && createPortal(<div data-shown={isCovering} className="past-cover"><RecordingPicture camera={camera} video={video} state={state} notice={notice} onToggle={() => player?.toggle()} /></div>, slot)}
      <div className="timeline-frame">
        <Timeline
          rows={[{ cameraId, name: camera.name, timeline, events }]} window={window} shownAtS={isPast ? shownAtS ?? atS : nowS} marked={null} nowS={nowS}
          onWindow={(next) => setWindow(withinReach(next, timeline.oldest, nowS))} onChoose={show} onScrub={scrub} onMark={null}
        />
        <TimelineZoom window={window} onZoom={(factor) => setWindow(withinReach(zoomed(window, factor, isPast ? shownAtS ?? atS : nowS), timeline.oldest, nowS))} onDay={() => setWindow(dayWindow(atS ?? nowS))} />
      </div>
      {!isPast && notice && <p className="past-notice hint" role="status">{notice}</p>}
      {isPast && (
        <PlaybackBar
          cameraId={cameraId} state={state} hasSound={camera.audio_codec !== null} onToggle={() => player?.toggle()} onStep={(direction) => player?.step(direction)} onGap={onGap} onEvent={onEvent}
          onRate={(rate) => player?.setRate(rate)} onMuted={(muted) => player?.setMuted(muted)} onLive={toLive}
        />
      )}
    </section>
  );
}

const UNKNOWN = new Observable<ReturnType<TimelineStore['get']>>({ timeline: null, failure: null });
const useTimelineOf = (store: TimelineStore | null): ReturnType<TimelineStore['get']> => useObservable<ReturnType<TimelineStore['get']>>(store ?? UNKNOWN);
