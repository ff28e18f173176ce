// The archive: which video is recorded, why the rest is not, and how long it stays.
export { Archive, type ArchiveOptions } from './archive.ts';
export type { ArchiveView, GrownSegment } from './archive-view.ts';
export type { CameraArchive } from './camera-archive.ts';
