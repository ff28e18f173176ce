// The parts of the page that need no browser.
export { BackOff } from './live/back-off.ts';
export { capturedAt, ptsOfRtpTimestamp, type ShownFrame, type WallOrigin } from './live/live-path.ts';
export { followLiveEdge, type EdgeStep, type EdgeView } from './live/live-edge.ts';
export { LookBook, LookHistory, staleAfterUs } from './live/look-history.ts';
export { classColour } from './overlay/class-colour.ts';
export { lookAhead, lookBetween } from './overlay/interpolation.ts';
export { placeLabels, type LabelRequest } from './overlay/label-placement.ts';
export { boxIn, containedRectangle, type Rectangle } from './overlay/video-rectangle.ts';
export { EVERYTHING, changesOf, isWanted, type OverlayChoice } from './overlay/overlay-choice.ts';
export { arranged, isCompact, suitingColumns, suitingRows } from './grid/arrangement.ts';
export { eventWords } from './events/event-words.ts';
export { tileCondition, type TileCondition, type TileState } from './camera/tile-condition.ts';
export { MediaMap, type MediaPart } from './recordings/media-map.ts';
export { gapAt, neighbourGap, playableFrom, spanAt } from './recordings/timeline-store.ts';
export { dayWindow, including, recentWindow, ticksOf, withinReach, zoomed, type TimeWindow } from './recordings/time-window.ts';
export { addressOf, LIVE, parseView, type View } from './view-address.ts';
export { bytesText, clockText, dayOfIsoDate, dayStartS, durationText, isoDate } from './wall-clock.ts';
