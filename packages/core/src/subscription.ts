// One model's interest in one camera: its gate, its one look at a time, and the account of every due frame. A frame
// that falls due while a look is in flight is dropped and counted, never queued.
import { RuthError, type CameraSubscription, type Detection, type Look, type SubscriptionStatus } from '@ruth/protocol';
import type { CameraFrame } from './camera-frame.ts';
import type { Clock } from './clock.ts';
import { look, lookAtRegions, type LookError, type LookOutcome, type ModelEndpoint } from './dispatch.ts';
import { FpsGate } from './gate.ts';
import { LookCounters } from './look-counters.ts';
import { regionsOf } from './regions.ts';

const LEAST_DEADLINE_MS = 1000;
const MOST_DEADLINE_MS = 60_000;

export interface SubscriptionOptions {
  readonly cameraId: string;
  readonly clock: Clock;
  /** The model's container, or null while it is down. */
  endpoint(modelId: string): ModelEndpoint | null;
  /** Every look that was made or attempted, in order. */
  onLook(look: Look, frame: CameraFrame): void;
  /** How long a look may take where the subscription's `config.deadline_ms` does not say; max(1 s, two periods) unless told. */
  readonly deadlineMs?: number;
}

export class Subscription implements AsyncDisposable {
  readonly cameraId: string;
  readonly modelId: string;
  readonly desiredFps: number;
  /** Model whose looks this one follows, or null where it looks at whole frames. */
  readonly sourceModelId: string | null;
  readonly settings: CameraSubscription;
  readonly #options: SubscriptionOptions;
  readonly #deadlineMs: number;
  readonly #gate: FpsGate;
  readonly #counters: LookCounters;
  readonly #stop = new AbortController();
  #state: SubscriptionStatus['state'] = 'created';
  #inFlight: Promise<void> | null = null;
  /** Whether its looks' readers know that there is no container. */
  #saidDown = false;

  constructor(settings: CameraSubscription, options: SubscriptionOptions) {
    this.cameraId = options.cameraId;
    this.modelId = settings.model;
    this.desiredFps = settings.desired_fps;
    this.sourceModelId = settings.regions?.model ?? null;
    this.settings = settings;
    this.#options = options;
    this.#deadlineMs = settings.config?.deadline_ms ?? options.deadlineMs
      ?? Math.min(Math.max(LEAST_DEADLINE_MS, 2000 / settings.desired_fps), MOST_DEADLINE_MS);
    this.#gate = new FpsGate(settings.desired_fps);
    this.#counters = new LookCounters(options.clock, settings.desired_fps);
  }

  get state(): SubscriptionStatus['state'] { return this.#state; }

  start(): void {
    if (this.#state !== 'created' && this.#state !== 'paused') throw this.#invalidStep('start');
    this.#state = 'running';
  }

  /** Takes no more frames until it is started again. The look in flight goes on. */
  pause(): void {
    if (this.#state !== 'running') throw this.#invalidStep('pause');
    this.#state = 'paused';
  }

  /** Gives up the look in flight and ends. Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    if (this.#state !== 'running' && this.#state !== 'paused') throw this.#invalidStep('stop');
    this.#state = 'stopped';
    this.#stop.abort();
    await this.#inFlight;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'running' || this.#state === 'paused') await this.stop();
  }

  /** To be called for each frame in the order of publication; `found` is what the source model saw in it, where there is one. */
  offer(frame: CameraFrame, found: readonly Detection[] = []): void {
    if (this.#state !== 'running' || !this.#gate.isDue(frame)) return;
    if (this.#inFlight) return this.#counters.dropped('busy');
    const { regions } = this.settings;
    const boxes = regions ? regionsOf(found, regions) : [];
    if (regions && boxes.length === 0) {
      // No region, so nothing in one: a true answer, which also takes older ones off the screen.
      this.#counters.dropped('no_regions');
      return this.#emit(frame, { detections: [], metadata: {} }, null);
    }
    const endpoint = this.#options.endpoint(this.modelId);
    if (!endpoint) return this.#withoutContainer(frame);
    this.#saidDown = false;
    const request = { frame, config: this.settings.config ?? {}, deadlineMs: this.#deadlineMs, signal: this.#stop.signal };
    const outcome = regions ? lookAtRegions(endpoint, boxes, request) : look(endpoint, request);
    this.#inFlight = outcome.then((result) => {
      this.#inFlight = null;
      this.#settle(frame, result);
    });
  }

  status(): SubscriptionStatus {
    return { camera_id: this.cameraId, model_id: this.modelId, state: this.#state, desired_fps: this.desiredFps, ...this.#counters.status() };
  }

  #invalidStep(step: string): RuthError {
    return new RuthError('invalid_state', `the subscription of ${this.modelId} to ${this.cameraId} cannot ${step}: it is ${this.#state}`);
  }

  #settle(frame: CameraFrame, outcome: LookOutcome): void {
    if (outcome.result === 'answered') {
      this.#counters.answered(this.#options.clock.utcMs() - frame.capturedAtUs / 1000);
      return this.#emit(frame, outcome, null);
    }
    if (outcome.result === 'failed') this.#counters.failed(outcome.error.code, outcome.error.message);
    else this.#counters.dropped(outcome.cause, outcome.error);
    if (outcome.result === 'failed' || outcome.cause !== 'stopped') this.#emit(frame, { detections: [], metadata: {} }, outcome.error);
  }

  /** Said once for each outage: the events model.down and model.up tell the rest. */
  #withoutContainer(frame: CameraFrame): void {
    const error = { code: 'unreachable', message: `${this.modelId} is down` };
    this.#counters.dropped('no_container', error);
    if (!this.#saidDown) this.#emit(frame, { detections: [], metadata: {} }, error);
    this.#saidDown = true;
  }

  #emit(frame: CameraFrame, { detections, metadata }: Pick<Look, 'detections' | 'metadata'>, error: LookError | null): void {
    this.#options.onLook({
      camera_id: this.cameraId, model_id: this.modelId, frame_id: frame.frameId, captured_at: frame.capturedAtUs / 1e6,
      pts_us: frame.ptsUs, epoch: frame.epoch, width: frame.width, height: frame.height,
      detections, metadata, error: error?.message ?? null, error_code: error?.code ?? null,
    }, frame);
  }
}
