// One model's interest in one camera: its gate, its one look at a time, and the account of every due frame. While a look is in
// flight, or others have their turn, the newest due frame waits by reference; the one that it replaces is dropped and counted.
import { RuthError, type CameraSubscription, type Detection, type DropCause, type Look, type MaskConfig, type SubscriptionStatus, type ZoneConfig } from '@ruth/protocol';
import type { CameraFrame } from '../camera-frame.ts';
import type { Clock } from '../clock.ts';
import { MotionGate } from '../motion/motion-gate.ts';
import type { Appearances } from './appearances.ts';
import { FpsGate } from './gate.ts';
import type { LatencyBudget } from './latency-budget.ts';
import { look, lookAtRegions, REGIONS_AT_ONCE, type LookError, type LookOutcome } from './look.ts';
import { LookAccount } from './look-account.ts';
import { Claim, DEFAULT_PRIORITY, type LookReport, type ModelAccess, type Turn } from './model-access.ts';
import { RegionChoice, ZoneFilter, type Region } from './regions.ts';
import type { Stillness } from './stillness.ts';
import { withDoubtful } from '../tracking/thresholds.ts';

const LEAST_DEADLINE_MS = 1000;
const MOST_DEADLINE_MS = 60_000;
const NOTHING: Pick<Look, 'detections' | 'metadata'> = { detections: [], metadata: {} };
const ONE_REQUEST: Turn = { requests: 1, atOnce: 1 };

export interface SubscriptionOptions {
  readonly cameraId: string;
  readonly clock: Clock;
  readonly access: ModelAccess;
  /** Only what stands in it counts; everything unless told. */
  readonly zone?: ZoneConfig | null;
  /** Where motion does not count; nowhere unless told. */
  readonly masks?: readonly MaskConfig[];
  /** Nothing stands still unless told. */
  readonly stillness?: Stillness;
  /** For who describes tracks. */
  readonly appearances?: Appearances;
  /** Every look that was made or attempted, in order. Of one that was answered, `budget` is to be told what becomes of it. */
  onLook(look: Look, frame: CameraFrame, budget: LatencyBudget | null): void;
  /** How long a look may take where the subscription's `config.deadline_ms` does not say; max(1 s, two periods) unless told. */
  readonly deadlineMs?: number;
}

/** A due frame that waits for its turn. */
interface DueFrame {
  readonly frame: CameraFrame;
  /** Null: the whole frame. */
  readonly regions: readonly Region[] | null;
  readonly dueMs: number;
}

export class Subscription implements AsyncDisposable {
  readonly cameraId: string;
  readonly modelId: string;
  readonly desiredFps: number;
  /** Model whose looks this one follows, or null where it looks at whole frames. */
  readonly sourceModelId: string | null;
  readonly settings: CameraSubscription;
  readonly zone: ZoneConfig | null;
  readonly masks: readonly MaskConfig[];
  readonly #options: SubscriptionOptions;
  readonly #deadlineMs: number;
  readonly #gate: FpsGate;
  readonly #account: LookAccount;
  readonly #claim: Claim;
  readonly #zone: ZoneFilter | null;
  readonly #regions: RegionChoice | null;
  readonly #motion: MotionGate | null;
  readonly #stop = new AbortController();
  #state: SubscriptionStatus['state'] = 'created';
  #waiting: DueFrame | null = null;
  #inFlight: Promise<void> | null = null;
  /** Why its looks' readers know that nobody is asked. */
  #saidWhy: string | null = null;

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
    this.#account = new LookAccount({ clock: options.clock, access: options.access, desiredFps: settings.desired_fps, sourceModelId: this.sourceModelId });
    this.zone = options.zone ?? null;
    this.masks = options.masks ?? [];
    this.#motion = settings.motion === undefined ? null : new MotionGate(settings.motion, this.masks);
    this.#zone = options.zone ? new ZoneFilter(options.zone) : null;
    this.#regions = settings.regions === undefined ? null : new RegionChoice(settings.regions, { zone: this.#zone, stillness: options.stillness ?? null, appearances: options.appearances ?? null });
    this.#claim = new Claim(settings.priority ?? DEFAULT_PRIORITY, () => this.#begin());
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
    this.#giveUpWaiting();
  }

  /** Gives up the look in flight and ends. Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    if (this.#state !== 'running' && this.#state !== 'paused') throw this.#invalidStep('stop');
    this.#state = 'stopped';
    this.#giveUpWaiting();
    this.#stop.abort();
    await this.#inFlight;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'running' || this.#state === 'paused') await this.stop();
  }

  /** To be called for each frame in the order of publication; `found` is what the source model saw in it, where there is one. */
  offer(frame: CameraFrame, found: readonly Detection[] = []): void {
    if (this.#state !== 'running') return;
    if (!this.#gate.isDue(frame)) return this.#account.notDue();
    if (this.#motion && !this.#isMoving(this.#motion, frame)) return this.#account.dropped(frame, 'no_motion');
    const regions = this.#regions?.in(found, frame) ?? null;
    if (regions?.length === 0) return this.#withoutRegions(frame, found);
    if (this.#waiting) this.#account.dropped(this.#waiting.frame, this.#inFlight ? 'busy' : 'overloaded');
    this.#waiting = { frame, regions, dueMs: this.#options.clock.monotonicMs() };
    if (!this.#inFlight) this.#options.access.enter(this.#claim);
  }

  status(): SubscriptionStatus {
    const identitiesKept = this.#regions?.identitiesKept ?? null;
    return {
      camera_id: this.cameraId, model_id: this.modelId, state: this.#state, desired_fps: this.desiredFps, priority: this.settings.priority ?? DEFAULT_PRIORITY,
      ...this.#account.status(), ...(identitiesKept === null ? {} : { identities_kept: identitiesKept }),
    };
  }

  #invalidStep(step: string): RuthError {
    return new RuthError('invalid_state', `the subscription of ${this.modelId} to ${this.cameraId} cannot ${step}: it is ${this.#state}`);
  }

  /** A frame that is gone is judged by nobody: its look tells what became of it. */
  #isMoving(motion: MotionGate, frame: CameraFrame): boolean {
    const grid = frame.lumaGrid();
    const { stillness } = this.#options;
    const isAtRest = stillness?.isAtRest(this.modelId) ?? false;
    if (grid === null || motion.judge(grid, frame.ptsUs / 1e6, isAtRest) !== 'still') return true;
    // A look that is under way tells of an earlier frame.
    if (isAtRest && !this.#inFlight && !this.#waiting) stillness!.onStill(this.modelId, frame);
    return false;
  }

  #withoutRegions(frame: CameraFrame, found: readonly Detection[]): void {
    this.#account.dropped(frame, 'no_regions');
    // No region, so nothing in one: a true answer, which also takes older ones off the screen.
    if (this.#regions!.isNothingThere(found)) this.#emit(frame, NOTHING, null);
  }

  /** Its turn: looks at what waits, where that is still worth it. */
  #begin(): Turn | null {
    const due = this.#waiting;
    this.#waiting = null;
    if (!due) return null;
    const { access, clock } = this.#options;
    const { frame, regions } = due;
    const restMs = this.#deadlineMs - (clock.monotonicMs() - due.dueMs);
    if (restMs <= 0) return this.#drop(frame, 'deadline', { code: 'timeout', message: `it waited for ${this.modelId} longer than its deadline of ${this.#deadlineMs} ms` });
    if (!frame.isStillThere()) return this.#drop(frame, 'overwritten', { code: 'frame_overwritten', message: `it waited for ${this.modelId} until it was overwritten` });
    const { endpoint } = access;
    if (!endpoint) return this.#withoutContainer(frame, 'no_container', `${this.modelId} is down`);
    if (!access.breaker.admit()) return this.#withoutContainer(frame, 'circuit_open', `${this.modelId} failed ${access.breaker.failures} times in a row; it is tried now and then`);
    this.#saidWhy = null;
    const config = this.settings.config ?? {};
    const request = { frame, config: regions ? config : withDoubtful(config, endpoint.confidenceThreshold), deadlineMs: restMs, signal: this.#stop.signal };
    const turn: Turn = regions ? { requests: regions.length, atOnce: Math.min(REGIONS_AT_ONCE, regions.length) } : ONE_REQUEST;
    this.#account.budget.dispatched(frame, due.dueMs);
    if (regions) this.#regions!.asked(regions, frame);
    const outcome = regions ? lookAtRegions(endpoint, regions, request) : look(endpoint, request);
    this.#inFlight = outcome.then((result) => {
      this.#inFlight = null;
      if (result.result === 'answered' && regions) this.#regions!.looked(regions, frame);
      this.#settle(frame, result);
      // Before it leaves, so that the place goes to whoever is entitled to it, itself included.
      if (this.#waiting) access.enter(this.#claim);
      access.leave(this.#claim, turn, reportOf(result));
    });
    return turn;
  }

  #settle(frame: CameraFrame, outcome: LookOutcome): void {
    if (outcome.result === 'answered') {
      this.#account.answered(frame, outcome.metadata);
      // Regions were chosen in the zone already.
      const zone = this.sourceModelId === null ? this.#zone : null;
      const detections = zone ? outcome.detections.filter((detection) => zone.has(detection)) : outcome.detections;
      this.#motion?.saw(detections.length > 0);
      return this.#emit(frame, { detections, metadata: outcome.metadata }, null, this.#account.budget);
    }
    if (outcome.result === 'failed') {
      this.#account.failed(frame, outcome.error);
      this.#emit(frame, NOTHING, outcome.error);
    } else this.#drop(frame, outcome.cause, outcome.error);
  }

  #drop(frame: CameraFrame, cause: DropCause, error: LookError): null {
    this.#account.dropped(frame, cause, error);
    if (cause !== 'stopped') this.#emit(frame, NOTHING, error);
    return null;
  }

  /** Said once for each outage: the events model.down and model.up tell the rest. */
  #withoutContainer(frame: CameraFrame, cause: 'no_container' | 'circuit_open', message: string): null {
    const error = { code: cause === 'no_container' ? 'unreachable' : 'inference_failed', message };
    this.#account.dropped(frame, cause, error);
    if (this.#saidWhy !== cause) this.#emit(frame, NOTHING, error);
    this.#saidWhy = cause;
    return null;
  }

  #giveUpWaiting(): void {
    this.#options.access.withdraw(this.#claim);
    if (this.#waiting) this.#account.dropped(this.#waiting.frame, 'stopped');
    this.#waiting = null;
  }

  #emit(frame: CameraFrame, { detections, metadata }: Pick<Look, 'detections' | 'metadata'>, error: LookError | null, budget: LatencyBudget | null = null): void {
    this.#options.onLook({
      camera_id: this.cameraId, model_id: this.modelId, frame_id: frame.frameId, captured_at: frame.capturedAtUs / 1e6,
      pts_us: frame.ptsUs, epoch: frame.epoch, width: frame.width, height: frame.height,
      detections, metadata, error: error?.message ?? null, error_code: error?.code ?? null,
    }, frame, budget);
  }
}

/** Whether the container works. What became of the frame, and that it is away or asked too much, say nothing of that. */
function reportOf(outcome: LookOutcome): LookReport {
  if (outcome.result === 'answered') return 'succeeded';
  const { code } = outcome.error;
  return code === 'inference_failed' || code === 'timeout' || (outcome.result === 'dropped' && outcome.cause === 'error') ? 'failed' : 'unknown';
}
