export { beginsWithKeyframe } from './first-sample.ts';
export { Fmp4Viewers, MAX_FMP4_VIEWERS, type Fmp4Beginning, type Fmp4Counters, type ViewerSocket } from './fmp4-viewers.ts';
