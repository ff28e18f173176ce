// One camera as core knows it: what was planned for it, the agent that runs it while there is anything to run, the newest
// looks, and the tracks of each model that detects.
import { isDeepStrictEqual } from 'node:util';
import type { CameraReality, CoreEvent, IntentState, Look, SubscriptionReality } from '@ruth/protocol';
import type { EventContent } from '@ruth/transport';
import { StreamAgent, type StreamAgentOptions } from './agent.ts';
import type { PlannedSubscription } from './intent/plan.ts';
import { CameraTracks } from './tracking/camera-tracks.ts';

export interface CameraOptions extends Omit<StreamAgentOptions, 'onLook' | 'onCamera'> {
  /** Why the model's container does not serve, or null while it does. */
  whyDown(modelId: string): string | null;
  /** Whether the model says that it detects. */
  detects(modelId: string): boolean;
  onEvent(event: EventContent<CoreEvent>): void;
}

export class Camera implements AsyncDisposable {
  readonly id: string;
  readonly #options: CameraOptions;
  #agent: StreamAgent | null = null;
  #planned: readonly PlannedSubscription[] = [];
  /** By model. */
  readonly #latest = new Map<string, Look>();
  readonly #tracks = new Map<string, CameraTracks>();

  constructor(options: CameraOptions) {
    this.id = options.cameraId;
    this.#options = options;
  }

  /** Null while no model is meant to look at it. */
  get agent(): StreamAgent | null { return this.#agent; }

  /** The newest look of each model. */
  get latest(): Look[] { return [...this.#latest.values()]; }

  /** Makes it what is planned; where it is so already, nothing is touched. */
  async apply(planned: readonly PlannedSubscription[]): Promise<void> {
    const before = this.#planned;
    this.#planned = planned;
    if (planned.length === 0) await this.#endAgent();
    else {
      this.#agent ??= new StreamAgent({ ...this.#options, onLook: (look) => this.#publish(look), onCamera: (event) => this.#tell(event) });
      await this.#agent.apply(planned);
      if (this.#agent.state === 'created') await this.#agent.start();
    }
    for (const { settings } of before) {
      const now = planned.find((plan) => plan.settings.model === settings.model);
      if (now?.verdict === 'runs') continue;
      this.#endTracks(settings.model);
      if (!now) this.#latest.delete(settings.model);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endAgent();
    for (const modelId of this.#tracks.keys()) this.#endTracks(modelId);
  }

  /** `failure` is what keeps the whole camera from being brought to its intent. */
  reality(source: CameraReality['source'], failure: string | null): CameraReality {
    const subscriptions = this.#planned.map((plan) => this.#realityOf(plan));
    const worst = (['failed', 'pending'] as const).find((state) => subscriptions.some((subscription) => subscription.state === state));
    const culprit = subscriptions.find(({ state }) => state === worst);
    if (failure !== null) return { source, state: 'failed', reason: failure, subscriptions };
    return { source, state: worst ?? 'converged', reason: culprit ? `${culprit.model_id}: ${culprit.reason}` : null, subscriptions };
  }

  #realityOf(plan: PlannedSubscription): SubscriptionReality {
    const { model, desired_fps } = plan.settings;
    const subscription = this.#agent?.subscriptions.find(({ modelId }) => modelId === model);
    const told = (state: IntentState, reason: string | null): SubscriptionReality => ({
      model_id: model, state, reason, intended: plan.settings, desired_fps, achieved_fps: subscription?.status().achieved_fps ?? 0,
    });
    if (plan.verdict === 'refused') return told('failed', plan.reason);
    if (plan.verdict === 'idle') return told('converged', plan.reason);
    if (!subscription || subscription.state !== 'running' || !isDeepStrictEqual(subscription.settings, plan.settings)) return told('pending', 'it is being brought about');
    const down = this.#options.whyDown(model);
    if (down !== null) return told('pending', `the model is down: ${down}`);
    const supply = this.#agent!.frameSupply;
    if (supply.state === 'awaited' || supply.state === 'refused') return told(supply.state === 'awaited' ? 'pending' : 'failed', supply.reason);
    return told('converged', null);
  }

  async #endAgent(): Promise<void> {
    const agent = this.#agent;
    this.#agent = null;
    await agent?.[Symbol.asyncDispose]();
  }

  #tell(event: EventContent<CoreEvent>): void {
    this.#options.onEvent(event);
    // What comes after it is a new stream.
    if (event.type === 'camera.down') for (const modelId of this.#tracks.keys()) this.#endTracks(modelId);
  }

  #publish(look: Look): void {
    const { look: told, events } = this.#follow(look);
    this.#latest.set(look.model_id, told);
    this.#options.onEvent({ type: 'detection', look: told });
    for (const event of events) this.#options.onEvent(event);
  }

  #follow(look: Look): ReturnType<CameraTracks['follow']> {
    // A look that failed says nothing: what was seen before may still be there.
    if (look.error !== null || !this.#options.detects(look.model_id)) return { look, events: [] };
    const tracks = this.#tracks.get(look.model_id) ?? new CameraTracks();
    this.#tracks.set(look.model_id, tracks);
    return tracks.follow(look);
  }

  #endTracks(modelId: string): void {
    for (const event of this.#tracks.get(modelId)?.end() ?? []) this.#options.onEvent(event);
  }
}
