// What the store made of an event, as a span of the trace of the look that the event is of: its ids follow from what the event carries.
import type { CoreEvent, KernelEvent } from '@ruth/protocol';
import { isTraced, lookTraceId, type SpanId, type Telemetry } from '@ruth/transport';

/** An event that waits for the store. */
export interface TracedEvent {
  readonly parent: SpanId;
  readonly type: string;
  readonly camera: string;
  readonly frameId: number;
  /** UTC, milliseconds. */
  readonly receivedMs: number;
}

export class StoredEventTraces {
  readonly #telemetry: Telemetry;
  readonly #utcMs: () => number;

  constructor(telemetry: Telemetry, utcMs: () => number = () => performance.timeOrigin + performance.now()) {
    this.#telemetry = telemetry;
    this.#utcMs = utcMs;
  }

  /** Null where it is of no look, or of one that is not traced. */
  received(event: CoreEvent | KernelEvent): TracedEvent | null {
    if (!('frame_id' in event)) return null;
    const frame = { cameraId: event.camera_id, frameId: event.frame_id, capturedAtUs: Math.round(event.captured_at * 1e6) };
    if (!isTraced(frame, this.#telemetry.ratio)) return null;
    return { parent: lookTraceId(frame, event.model_id), type: event.type, camera: event.camera_id, frameId: event.frame_id, receivedMs: this.#utcMs() };
  }

  stored({ parent, type, camera, frameId, receivedMs }: TracedEvent): void {
    if (!this.#telemetry.admits(1)) return;
    this.#telemetry.add({ name: 'store event', startMs: receivedMs, endMs: this.#utcMs(), parent, attributes: { 'ruth.event': type, 'ruth.camera': camera, 'ruth.frame_id': frameId } });
  }
}
