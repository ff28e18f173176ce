// Fragmented MP4 as Ruth records and shows it: made, read, repaired, moved in time.
export { fragment, fragmentParts, AUDIO_TRACK, VIDEO_TRACK, type AudioSample, type FragmentContents, type Track, type VideoSample } from './fragment.ts';
export { initSegment } from './init-segment.ts';
export { describeInit, type InitDescription } from './init-description.ts';
export { readRecordedFile, scan, type ByteSource, type FileFragment, type RecordedFile } from './file-reader.ts';
export { isSound, patchDecodeTimes, samplesOf, type SampleEntry } from './moof.ts';
