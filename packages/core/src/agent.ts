// The agent of one camera: holds the lease, follows the ring, and offers every frame to the camera's subscriptions. What it
// runs can change while it runs: only what differs is touched. created -> running -> stopped; any other step is an error.
import { isDeepStrictEqual } from 'node:util';
import { RuthError, type Box, type CameraEvent, type LeaseGrant, type Look } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { CameraFrame } from './camera-frame.ts';
import type { Clock } from './clock.ts';
import type { Appearances } from './dispatch/appearances.ts';
import type { LatencyBudget } from './dispatch/latency-budget.ts';
import type { ModelAccess } from './dispatch/model-access.ts';
import type { Stillness } from './dispatch/stillness.ts';
import { Subscription } from './dispatch/subscription.ts';
import { FrameSource } from './frame-source.ts';
import type { PlannedSubscription } from './intent/plan.ts';
import { Lease, type LeaseIssuer } from './lease.ts';
import type { Poll, PollTimer } from './poll-timer.ts';

export type AgentState = 'created' | 'running' | 'stopped';

export interface StreamAgentOptions {
  readonly cameraId: string;
  readonly ringDirectory: string;
  readonly kernel: LeaseIssuer;
  readonly timer: PollTimer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing stands still unless told. */
  readonly stillness?: Stillness;
  readonly appearances?: Appearances;
  /** The way to a model. */
  access(modelId: string): ModelAccess;
  /** Returns the look as it is told: with the ids of tracks. */
  onLook(look: Look, budget: LatencyBudget | null): Look;
  onCamera(event: Pick<CameraEvent, 'type' | 'camera_id' | 'reason'>): void;
}

/** Whether its frames come. `none`: no subscription wants any. `refused`: the kernel will not give any, as things are. */
export type FrameSupply = { readonly state: 'none' | 'flowing' } | { readonly state: 'awaited' | 'refused'; readonly reason: string };

/** The frames of a camera while somebody wants them. */
interface Supply {
  readonly lease: Lease;
  readonly stop: AbortController;
  readonly leasing: Promise<void>;
  source: FrameSource | null;
  poll: Poll | null;
  cameraState: LeaseGrant['camera_state'] | null;
}

export class StreamAgent implements AsyncDisposable {
  readonly cameraId: string;
  readonly #options: StreamAgentOptions;
  /** By model, in the order of the intent. */
  #subscriptions = new Map<string, Subscription>();
  #planned: readonly PlannedSubscription[] = [];
  /** Those that look at whole frames, and by model those that follow its looks. */
  #direct: readonly Subscription[] = [];
  #following: ReadonlyMap<string, readonly Subscription[]> = new Map();
  #state: AgentState = 'created';
  #supply: Supply | null = null;
  #cameraIsUp: boolean | null = null;

  constructor(options: StreamAgentOptions) {
    this.#options = options;
    this.cameraId = options.cameraId;
  }

  get state(): AgentState { return this.#state; }

  get subscriptions(): readonly Subscription[] { return [...this.#subscriptions.values()]; }

  /** Frames per second it asks the kernel for; 0 where no running subscription looks at whole frames. */
  get leasedFps(): number {
    return Math.max(0, ...this.#direct.map(({ desiredFps }) => desiredFps));
  }

  get frameSupply(): FrameSupply {
    const supply = this.#supply;
    if (!supply) return { state: 'none' };
    const { isGranted, failure } = supply.lease;
    if (!isGranted) return { state: failure && !failure.retryable ? 'refused' : 'awaited', reason: failure?.message ?? 'the kernel is being asked for frames' };
    return supply.cameraState === 'streaming' ? { state: 'flowing' } : { state: 'awaited', reason: `the camera is ${supply.cameraState}` };
  }

  /** How sharp a frame of its ring is in a box; null where it is gone. */
  sharpness(frameId: number, box: Box): number | null { return this.#supply?.source?.sharpness(frameId, box) ?? null; }

  async start(): Promise<void> {
    if (this.#state !== 'created') throw this.#invalidStep('start');
    this.#state = 'running';
    await this.#run();
  }

  /** From now on this is what runs; what was so before and is so now goes on undisturbed. Resolves when nothing is left of what is gone. */
  async apply(planned: readonly PlannedSubscription[]): Promise<void> {
    if (this.#state === 'stopped') throw this.#invalidStep('change');
    const before = this.#subscriptions;
    const { clock, stillness, appearances } = this.#options;
    this.#planned = planned;
    this.#subscriptions = new Map(planned.map(({ settings, zone, masks }) => {
      const present = before.get(settings.model);
      const same = present !== undefined && isDeepStrictEqual([present.settings, present.zone, present.masks], [settings, zone, masks]);
      return [settings.model, same ? present : new Subscription(settings, {
        cameraId: this.cameraId, clock, access: this.#options.access(settings.model), zone, masks, ...(stillness ? { stillness } : {}), ...(appearances ? { appearances } : {}), onLook: (look, frame, budget) => this.#receive(look, frame, budget),
      })];
    }));
    const gone = [...before.values()].filter((subscription) => this.#subscriptions.get(subscription.modelId) !== subscription);
    await Promise.all([...gone.map((subscription) => subscription[Symbol.asyncDispose]()), this.#state === 'running' ? this.#run() : null]);
  }

  /** Gives up looks in flight, gives the lease back, unmaps the ring. */
  async stop(): Promise<void> {
    if (this.#state !== 'running') throw this.#invalidStep('stop');
    this.#state = 'stopped';
    await Promise.all([this.#endSupply(), ...this.subscriptions.map((subscription) => subscription[Symbol.asyncDispose]())]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'running') await this.stop();
  }

  /** Starts and pauses subscriptions as planned, and asks for the frames that they need together. */
  async #run(): Promise<void> {
    for (const plan of this.#planned) {
      const subscription = this.#subscriptions.get(plan.settings.model)!;
      if (plan.verdict === 'runs' && subscription.state !== 'running') subscription.start();
      else if (plan.verdict !== 'runs' && subscription.state === 'running') subscription.pause();
    }
    const running = this.subscriptions.filter(({ state }) => state === 'running');
    this.#direct = running.filter(({ sourceModelId }) => sourceModelId === null);
    this.#following = Map.groupBy(running.filter(({ sourceModelId }) => sourceModelId !== null), ({ sourceModelId }) => sourceModelId!);
    const fps = this.leasedFps;
    if (fps === 0) return this.#endSupply();
    if (!this.#supply) this.#beginSupply(fps);
    this.#supply!.lease.fps = fps;
    if (this.#supply!.source) this.#supply!.source.fps = fps;
  }

  #beginSupply(fps: number): void {
    const { cameraId, kernel, clock, logger } = this.#options;
    const stop = new AbortController();
    const lease = new Lease({
      cameraId, fps, kernel, clock,
      onGrant: (grant) => { if (this.#supply?.lease === lease) this.#granted(grant, this.#supply); },
      onFailure: (error) => logger.warn({ camera: cameraId, code: error.code }, `no lease: ${error.message}`),
      onExpiry: () => this.#sayCamera(false, 'the kernel cannot be reached'),
    });
    this.#supply = { lease, stop, leasing: lease.run(stop.signal), source: null, poll: null, cameraState: null };
  }

  async #endSupply(): Promise<void> {
    const supply = this.#supply;
    this.#supply = null;
    // Who asks for no frames hears nothing of the camera, either.
    this.#cameraIsUp = null;
    if (!supply) return;
    if (supply.poll) this.#options.timer.delete(supply.poll);
    supply.source?.[Symbol.dispose]();
    supply.stop.abort();
    await supply.leasing;
  }

  #granted(grant: LeaseGrant, supply: Supply): void {
    const { cameraId, ringDirectory, timer, clock, logger } = this.#options;
    supply.cameraState = grant.camera_state;
    // A camera that is still being connected to at the start is not down yet.
    if (grant.camera_state !== 'connecting' || this.#cameraIsUp !== null) this.#sayCamera(grant.camera_state === 'streaming', grant.camera_state);
    if (supply.source) return;
    const source = supply.source = new FrameSource({
      cameraId, frameReference: grant.frame_reference, ringDirectory, fps: supply.lease.fps, clock,
      onFrame: (frame) => { for (const subscription of this.#direct) subscription.offer(frame); },
      onError: (error) => logger.error({ camera: cameraId, code: error.code }, `its frames cannot be read: ${error.message}`),
    });
    timer.add(supply.poll = () => source.poll());
  }

  #receive(look: Look, frame: CameraFrame, budget: LatencyBudget | null): void {
    const { error, model_id: modelId, detections } = this.#options.onLook(look, budget);
    if (error !== null) return;
    for (const follower of this.#following.get(modelId) ?? []) follower.offer(frame, detections);
  }

  #sayCamera(isUp: boolean, reason: string): void {
    if (isUp === this.#cameraIsUp) return;
    this.#cameraIsUp = isUp;
    this.#options.onCamera({ type: isUp ? 'camera.up' : 'camera.down', camera_id: this.cameraId, reason: isUp ? null : reason });
  }

  #invalidStep(step: string): RuthError {
    return new RuthError('invalid_state', `the agent of ${this.cameraId} cannot ${step}: it is ${this.#state}`);
  }
}
