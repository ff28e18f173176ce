// The parts of the page that need no browser.
export { BackOff } from './live/back-off.ts';
export { followLiveEdge, type EdgeStep, type EdgeView } from './live/live-edge.ts';
export { LookBook, LookHistory, staleAfterUs } from './live/look-history.ts';
export { classColour } from './overlay/class-colour.ts';
export { lookBetween } from './overlay/interpolation.ts';
export { placeLabels, type LabelRequest } from './overlay/label-placement.ts';
export { boxIn, containedRectangle, type Rectangle } from './overlay/video-rectangle.ts';
export { tileCondition, type TileCondition, type TileState } from './camera/tile-condition.ts';
