// What @ruth/kernel offers: the VAS Kernel, and its parts that are of use alone.
export { LeaseTable } from './frames/lease-table.ts';
export { PublicationGate } from './frames/publication-gate.ts';
export { codecString, parameterSetsOf } from './media/parameter-sets.ts';
export { RateMeter } from './ingest/rate-meter.ts';
export { AccessUnits, type AccessUnit } from './ingest/rtsp/access-units.ts';
export { Authorization } from './ingest/rtsp/authorization.ts';
export { describedVideo } from './ingest/rtsp/described-video.ts';
export { InterleavedDecoder, type RtspAnswer } from './ingest/rtsp/interleaved-decoder.ts';
export { StreamClock } from './ingest/stream-clock.ts';
export { Kernel, type KernelOptions } from './kernel.ts';
export { DecodeTimes } from './media/decode-times.ts';
