// Frames through shared memory: one writer per camera, any number of readers. The lock that tells a living writer serves other files too.
export { lockFile } from './mapping.ts';
export { sweepOrphanRings } from './orphan-sweep.ts';
export { RingReader, type RingFrame, type RingRead } from './ring-reader.ts';
export { RingWriter, type FrameMetadata, type RingOptions, type SlotWrite } from './ring-writer.ts';
