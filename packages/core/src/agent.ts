// The agent of one camera: holds the lease, follows the ring, and offers every frame to the camera's subscriptions.
// created -> running -> stopped; any other step is an error.
import { RuthError, type CameraEvent, type LeaseGrant, type Look, type SubscriptionConfig } from '@ruth/protocol';
import type { Logger } from '@ruth/transport';
import type { CameraFrame } from './camera-frame.ts';
import type { Clock } from './clock.ts';
import type { ModelEndpoint } from './dispatch.ts';
import { FrameSource } from './frame-source.ts';
import { Lease, type LeaseIssuer } from './lease.ts';
import type { Poll, PollTimer } from './poll-timer.ts';
import { Subscription } from './subscription.ts';

export type AgentState = 'created' | 'running' | 'stopped';

export interface StreamAgentOptions {
  readonly cameraId: string;
  readonly subscriptions: readonly (SubscriptionConfig & { readonly active: boolean })[];
  readonly ringDirectory: string;
  readonly kernel: LeaseIssuer;
  readonly timer: PollTimer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A model's container, or null while it is down. */
  endpoint(modelId: string): ModelEndpoint | null;
  onLook(look: Look): void;
  onCamera(event: Pick<CameraEvent, 'type' | 'camera_id' | 'reason'>): void;
}

export class StreamAgent implements AsyncDisposable {
  readonly cameraId: string;
  readonly subscriptions: readonly Subscription[];
  readonly #options: StreamAgentOptions;
  /** Those that look at whole frames, and by model those that follow its looks. */
  readonly #direct: readonly Subscription[];
  readonly #following: ReadonlyMap<string, readonly Subscription[]>;
  readonly #active: readonly Subscription[];
  readonly #stop = new AbortController();
  #state: AgentState = 'created';
  #leasing: Promise<void> | null = null;
  #source: FrameSource | null = null;
  #poll: Poll | null = null;
  #cameraIsUp: boolean | null = null;

  constructor(options: StreamAgentOptions) {
    this.#options = options;
    this.cameraId = options.cameraId;
    const ofSubscription = {
      clock: options.clock,
      endpoint: (modelId: string) => options.endpoint(modelId),
      onLook: (look: Look, frame: CameraFrame) => this.#receive(look, frame),
    };
    const all = options.subscriptions.map((settings) => ({ active: settings.active, subscription: new Subscription(settings, ofSubscription) }));
    this.subscriptions = all.map(({ subscription }) => subscription);
    this.#active = all.filter(({ active }) => active).map(({ subscription }) => subscription);
    this.#direct = this.#active.filter(({ sourceModelId }) => sourceModelId === null);
    this.#following = Map.groupBy(this.#active.filter(({ sourceModelId }) => sourceModelId !== null), ({ sourceModelId }) => sourceModelId!);
  }

  get state(): AgentState { return this.#state; }

  /** Frames per second it asks the kernel for; 0 where no active subscription looks at whole frames. */
  get leasedFps(): number {
    return Math.max(0, ...this.#direct.map(({ desiredFps }) => desiredFps));
  }

  start(): void {
    if (this.#state !== 'created') throw this.#invalidStep('start');
    this.#state = 'running';
    for (const subscription of this.#active) subscription.start();
    for (const source of this.#following.keys()) {
      if (!this.#active.some(({ modelId }) => modelId === source)) {
        this.#options.logger.warn({ camera: this.cameraId, model: source }, 'no active subscription of this model, whose looks another one follows');
      }
    }
    if (this.leasedFps === 0) return;
    const { cameraId, kernel, clock, logger } = this.#options;
    const lease = new Lease({
      cameraId, fps: this.leasedFps, kernel, clock,
      onGrant: (grant) => this.#granted(grant),
      onFailure: (error) => logger.warn({ camera: cameraId, code: error.code }, `no lease: ${error.message}`),
      onExpiry: () => this.#sayCamera(false, 'the kernel cannot be reached'),
    });
    this.#leasing = lease.run(this.#stop.signal);
  }

  /** Gives up looks in flight, gives the lease back, unmaps the ring. */
  async stop(): Promise<void> {
    if (this.#state !== 'running') throw this.#invalidStep('stop');
    this.#state = 'stopped';
    if (this.#poll) this.#options.timer.delete(this.#poll);
    this.#stop.abort();
    await Promise.all([this.#leasing, ...this.#active.map((subscription) => subscription.stop())]);
    this.#source?.[Symbol.dispose]();
    this.#source = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'running') await this.stop();
  }

  #granted(grant: LeaseGrant): void {
    const { cameraId, ringDirectory, timer, logger } = this.#options;
    // A camera that is still being connected to at the start is not down yet.
    if (grant.camera_state !== 'connecting' || this.#cameraIsUp !== null) this.#sayCamera(grant.camera_state === 'streaming', grant.camera_state);
    if (this.#source) return;
    const source = this.#source = new FrameSource({
      cameraId, frameReference: grant.frame_reference, ringDirectory, fps: this.leasedFps,
      onFrame: (frame) => { for (const subscription of this.#direct) subscription.offer(frame); },
      onError: (error) => logger.error({ camera: cameraId, code: error.code }, `its frames cannot be read: ${error.message}`),
    });
    timer.add(this.#poll = () => source.poll());
  }

  #receive(look: Look, frame: CameraFrame): void {
    this.#options.onLook(look);
    if (look.error !== null) return;
    for (const follower of this.#following.get(look.model_id) ?? []) follower.offer(frame, look.detections);
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
