// What the kernel tells Prometheus, read from the status of its cameras and of the disk. docs/metrics.md lists it.
import { CAMERA_STATES, DECODE_LEVELS, GAP_CAUSES, RECORDING_STATES, STORAGE_STATES, type CameraStatus, type GapCause, type KernelEvent, type StorageStatus } from '@ruth/protocol';
import type { EventLog, Metric, MetricLabels } from '@ruth/transport';
import type { PipesStatus } from '../live/webrtc/pipes/index.ts';

export interface KernelSnapshot {
  readonly cameras: readonly CameraStatus[];
  readonly storage: StorageStatus;
  readonly gaps: GapCounts;
  /** Null until there was one. */
  readonly pipes: PipesStatus | null;
}

/** Gaps in recordings that began since the kernel started, by camera and cause. */
export class GapCounts {
  readonly #counts = new Map<string, Map<GapCause, number>>();

  constructor(events: EventLog<KernelEvent>) {
    let seen = events.newestId;
    events.onAppend(() => {
      for (let logged = events.after(seen); logged; logged = events.after(seen)) {
        seen = logged.id;
        const event = JSON.parse(logged.text) as KernelEvent;
        if (event.type === 'recording.gap' && event.gap.end === null) this.#add(event.camera_id, event.gap.cause);
      }
    });
  }

  of(cameraId: string, cause: GapCause): number { return this.#counts.get(cameraId)?.get(cause) ?? 0; }

  #add(cameraId: string, cause: GapCause): void {
    const counts = this.#counts.get(cameraId) ?? new Map<GapCause, number>();
    counts.set(cause, (counts.get(cause) ?? 0) + 1);
    this.#counts.set(cameraId, counts);
  }
}

type Values = Iterable<readonly [MetricLabels, number | null]>;

const camera = (type: 'gauge' | 'counter', name: string, help: string, of: (status: CameraStatus) => number | null): Metric<KernelSnapshot> => ({
  name: `camera_${name}`, type, help, labels: ['camera'], values: ({ cameras }) => cameras.map((status) => [{ camera: status.camera_id }, of(status)]),
});

/** One value for each camera and each key of what `of` gives. */
const cameraBy = (type: 'gauge' | 'counter', name: string, label: string, help: string, of: (status: CameraStatus, snapshot: KernelSnapshot) => Readonly<Record<string, number>>): Metric<KernelSnapshot> => ({
  name: `camera_${name}`, type, help, labels: ['camera', label],
  values: (snapshot): Values => snapshot.cameras.flatMap((status) => Object.entries(of(status, snapshot)).map(([key, value]) => [{ camera: status.camera_id, [label]: key }, value] as const)),
});

const storage = (name: string, help: string, of: (status: StorageStatus) => number | null): Metric<KernelSnapshot> => ({ name: `storage_${name}`, type: 'gauge', help, values: (snapshot) => [[{}, of(snapshot.storage)]] });

/** By which way it goes: to other nodes, or from them. */
const ofPipes = (type: 'gauge' | 'counter', name: string, help: string, key: 'pipes' | 'bytes'): Metric<KernelSnapshot> => ({
  name, type, help, labels: ['direction'], values: ({ pipes }) => (pipes ? [[{ direction: 'sent' }, pipes.sent[key]], [{ direction: 'received' }, pipes.received[key]]] : []),
});

/** 1 for the one that holds, 0 for the others. */
const oneOf = (all: readonly string[], held: string): Record<string, number> => Object.fromEntries(all.map((one) => [one, one === held ? 1 : 0]));

export const KERNEL_METRICS: readonly Metric<KernelSnapshot>[] = [
  { name: 'cameras', type: 'gauge', help: 'Cameras of the node', values: ({ cameras }) => [[{}, cameras.length]] },
  cameraBy('gauge', 'state', 'state', '1 for the state the camera is in, 0 for the others', ({ state }) => oneOf(CAMERA_STATES, state)),
  camera('gauge', 'frames_per_second', 'Pictures that come, over the last seconds', ({ fps }) => fps),
  camera('gauge', 'bits_per_second', 'Bitrate over the last seconds', ({ bitrate_bps }) => bitrate_bps),
  camera('gauge', 'keyframe_interval_seconds', 'Between the last keyframes', ({ keyframe_interval_s }) => keyframe_interval_s),
  camera('gauge', 'leased_frames_per_second', 'Decoded frames that are asked for', ({ leased_fps }) => leased_fps),
  cameraBy('gauge', 'decode_level', 'level', '1 for what is decoded, 0 for the others', ({ decode_level }) => oneOf(DECODE_LEVELS, decode_level)),
  camera('counter', 'pictures_total', 'Coded pictures received', ({ counters }) => counters.packets),
  camera('counter', 'keyframes_total', 'Keyframes received', ({ counters }) => counters.keyframes),
  camera('counter', 'received_bytes_total', 'Bytes of coded pictures received', ({ counters }) => counters.bytes),
  camera('counter', 'packets_lost_total', 'RTP packets that did not arrive', ({ packets_lost }) => packets_lost),
  camera('counter', 'reconnects_total', 'Connections begun anew', ({ counters }) => counters.reconnects),
  camera('counter', 'restarts_total', 'Processes of the camera started anew', ({ counters }) => counters.restarts),
  camera('counter', 'decoded_frames_total', 'Frames decoded', ({ counters }) => counters.decoded),
  camera('counter', 'published_frames_total', 'Frames put into shared memory', ({ counters }) => counters.published),
  camera('counter', 'decode_errors_total', 'Pictures that did not decode', ({ counters }) => counters.decode_errors),
  cameraBy('counter', 'drops_total', 'cause', 'What was due and was dropped, by cause', ({ drops }) => drops),
  cameraBy('gauge', 'viewers', 'kind', 'Who watches live, by the way it goes', ({ live }) => ({ mse: live.mse_viewers, webrtc: live.webrtc_viewers, rtsp: live.rtsp_clients })),
  cameraBy('gauge', 'recording_state', 'state', '1 for the state the recording is in, 0 for the others', ({ recording }) => oneOf(RECORDING_STATES, recording.state)),
  camera('counter', 'recorded_bytes_total', 'Bytes written to recordings', ({ recording }) => recording.bytes_written),
  camera('counter', 'recorded_segments_total', 'Files of recordings written', ({ recording }) => recording.segments),
  cameraBy('counter', 'recording_drops_total', 'cause', 'Pictures that were to be recorded and are not, by cause', ({ recording }) => recording.drops),
  cameraBy('counter', 'recording_gaps_total', 'cause', 'Gaps in the recording that began since the kernel started, by cause', ({ camera_id }, { gaps }) => Object.fromEntries(GAP_CAUSES.map((cause) => [cause, gaps.of(camera_id, cause)]))),
  ofPipes('gauge', 'pipes', 'Cameras that go to, or come from, another node over a pipe', 'pipes'),
  ofPipes('counter', 'pipe_bytes_total', 'Bytes of pipes, encrypted, as they go over the network', 'bytes'),
  { name: 'pipe_viewers', type: 'gauge', help: 'Who watches a camera of another node here, over its pipe', values: ({ pipes }) => (pipes ? [[{}, pipes.received.viewers]] : []) },
  { name: 'storage_state', type: 'gauge', help: '1 for the state the disk of the recordings is in, 0 for the others', labels: ['state'], values: (snapshot) => Object.entries(oneOf(STORAGE_STATES, snapshot.storage.state)).map(([state, value]) => [{ state }, value]) },
  storage('recorded_bytes', 'All recordings there are', ({ bytes }) => bytes),
  storage('segments', 'Files of all recordings there are', ({ segments }) => segments),
  storage('unclaimed_bytes', 'Recorded aside by a node of a site, in no index, until somebody decides', ({ unclaimed }) => unclaimed?.bytes ?? 0),
  storage('unclaimed_files', 'Files of that', ({ unclaimed }) => unclaimed?.files ?? 0),
  { name: 'storage_unclaimed_deleted_files_total', type: 'counter', help: 'Files of that which were deleted although nobody had decided, by why', labels: ['cause'], values: ({ storage: { unclaimed_deleted: { bytes: _, ...files } = { bytes: 0, age: 0, size: 0, room: 0 } } }) => Object.entries(files).map(([cause, count]) => [{ cause }, count]) },
  storage('free_bytes', 'Free on the disk of the recordings', ({ free_bytes }) => free_bytes),
  storage('total_bytes', 'Size of the disk of the recordings', ({ total_bytes }) => total_bytes),
];
