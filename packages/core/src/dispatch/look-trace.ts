// The trace of one subscription's looks, where its frame is one of those that are traced: a span for the look, and one for each of its stages. Spans are
// made when the look is over, from what was measured anyway; of a frame that is not traced nothing is made at all.
import { LOOK_STAGES, type DropCause } from '@ruth/protocol';
import { isTraced, lookTraceId, type Telemetry } from '@ruth/transport';
import type { CameraFrame } from '../camera-frame.ts';
import type { Clock } from '../clock.ts';

export interface TracedSubscription {
  readonly modelId: string;
  /** Whose looks it follows. */
  readonly sourceModelId: string | null;
}

export class LookTrace {
  readonly #telemetry: Telemetry;
  readonly #clock: Clock;
  readonly #subscription: TracedSubscription;

  constructor(telemetry: Telemetry, clock: Clock, subscription: TracedSubscription) {
    this.#telemetry = telemetry;
    this.#clock = clock;
    this.#subscription = subscription;
  }

  isTraced(frame: CameraFrame): boolean { return isTraced(frame, this.#telemetry.ratio); }

  /** A look that is traced was told. `stagesMs` by LOOK_STAGES; they follow one another from the capture of the frame. */
  emitted(frame: CameraFrame, stagesMs: ArrayLike<number>): void {
    if (!this.#telemetry.admits(1 + LOOK_STAGES.length)) return;
    const beganMs = frame.capturedAtUs / 1000;
    let endMs = beganMs;
    for (let stage = 0; stage < LOOK_STAGES.length; stage++) endMs += stagesMs[stage]!;
    const parent = this.#look(frame, endMs);
    let startMs = beganMs;
    for (const [stage, name] of LOOK_STAGES.entries()) {
      this.#telemetry.add({ name, startMs, endMs: startMs + stagesMs[stage]!, parent });
      startMs += stagesMs[stage]!;
    }
  }

  /** The frame was due, and was not looked at. */
  dropped(frame: CameraFrame, cause: DropCause, message: string | null): void {
    if (!this.isTraced(frame) || !this.#telemetry.admits(1)) return;
    // Where there was nothing to look at, nothing went wrong.
    const isWell = cause === 'no_motion' || cause === 'no_regions';
    this.#look(frame, this.#clock.utcMs(), { 'ruth.drop': cause }, isWell ? undefined : message ?? cause);
  }

  /** The model answered that it could not. */
  failed(frame: CameraFrame, code: string, message: string): void {
    if (this.isTraced(frame) && this.#telemetry.admits(1)) this.#look(frame, this.#clock.utcMs(), { 'error.type': code }, message);
  }

  #look(frame: CameraFrame, endMs: number, attributes: Record<string, string> = {}, error?: string) {
    const { modelId, sourceModelId } = this.#subscription;
    return this.#telemetry.add({
      name: 'look', startMs: frame.capturedAtUs / 1000, endMs, id: lookTraceId(frame, modelId),
      attributes: { 'ruth.camera': frame.cameraId, 'ruth.model': modelId, 'ruth.frame_id': frame.frameId, ...attributes },
      ...(sourceModelId === null ? {} : { link: lookTraceId(frame, sourceModelId) }), ...(error === undefined ? {} : { error }),
    });
  }
}
