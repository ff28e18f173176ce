// The archive: which video is recorded, why the rest is not, and how long it stays.
export type { ArchiveView, GrownSegment } from './archive-view.ts';
