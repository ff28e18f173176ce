// Playback of recordings: HLS, exports, clips, snapshots.
export { Playback, type PlaybackOptions } from './playback.ts';
