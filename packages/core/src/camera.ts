// One camera as core knows it: what was planned for it, the agent that runs it while there is anything to run, the newest
// looks, and what is understood of them.
import { isDeepStrictEqual } from 'node:util';
import type { CameraReality, CameraSubscription, CoreEvent, IntentState, Look, SubscriptionReality, TrackEndReason } from '@ruth/protocol';
import type { EventContent } from '@ruth/transport';
import { StreamAgent, type StreamAgentOptions } from './agent.ts';
import type { LatencyBudget } from './dispatch/latency-budget.ts';
import type { Stillness } from './dispatch/stillness.ts';
import { CameraHistory, type KeptLooks, type KeptModel, type LookHistory } from './history/look-history.ts';
import type { PlannedSubscription } from './intent/plan.ts';
import { thresholdsOf, type Thresholds } from './tracking/thresholds.ts';
import { Understanding, type CameraMeaning } from './understanding/understanding.ts';

export interface CameraOptions extends Omit<StreamAgentOptions, 'onLook' | 'onCamera' | 'stillness' | 'appearances'> {
  /** Why the model's container does not serve, or null while it does. */
  whyDown(modelId: string): string | null;
  /** Whether the model says that it detects. */
  detects(modelId: string): boolean;
  /** Whether the model is known to give no vectors. */
  givesNoVectors(modelId: string): boolean;
  /** What the model leaves out unless told; null where it does not detect, or does not say. */
  describedThreshold(modelId: string): number | null;
  /** Of the bodies that the model reads; none where it reads none. */
  keypointNames(modelId: string): readonly string[];
  onEvent(event: EventContent<CoreEvent>): void;
  /** Where looks are kept for a while; of all cameras. */
  readonly history: LookHistory;
}

export class Camera implements AsyncDisposable {
  readonly id: string;
  readonly #options: CameraOptions;
  #agent: StreamAgent | null = null;
  #planned: readonly PlannedSubscription[] = [];
  /** By model. */
  readonly #latest = new Map<string, Look>();
  readonly #understanding: Understanding;
  /** What the understanding was given lately. */
  readonly #history: CameraHistory;
  /** By model: whether all that its newest look told stands still. */
  readonly #atRest = new Map<string, boolean>();

  constructor(options: CameraOptions) {
    this.id = options.cameraId;
    this.#options = options;
    this.#history = new CameraHistory(options.history);
    this.#understanding = new Understanding({ ...options, detects: (id) => options.detects(id), keypointNames: (id) => options.keypointNames(id), thresholds: (id) => this.#thresholds(id), describes: (id) => this.#describedBy(id), sharpness: (frameId, box) => this.#agent?.sharpness(frameId, box) ?? null }, { scene: {}, rules: [] });
  }

  /** Null while no model is meant to look at it. */
  get agent(): StreamAgent | null { return this.#agent; }

  get keptLooks(): KeptLooks { return this.#history.kept(); }

  /** What is to be known of models to understand their looks. */
  describe(modelIds: readonly string[]): Record<string, KeptModel> {
    return Object.fromEntries(modelIds.map((id) => [id, { detects: this.#options.detects(id), keypoint_names: [...this.#options.keypointNames(id)], thresholds: this.#thresholds(id) }]));
  }

  /** The newest look of each model. */
  get latest(): Look[] { return [...this.#latest.values()]; }

  /** Makes it what is planned; where it is so already, nothing is touched. */
  async apply(planned: readonly PlannedSubscription[], meaning: CameraMeaning): Promise<void> {
    this.#emit(this.#understanding.apply(meaning));
    const before = this.#planned;
    this.#planned = planned;
    if (planned.length === 0) await this.#endAgent();
    else {
      this.#agent ??= new StreamAgent({ ...this.#options, stillness: this.#stillness(), appearances: this.#understanding, onLook: (look, budget) => this.#publish(look, budget), onCamera: (event) => this.#tell(event) });
      await this.#agent.apply(planned);
      if (this.#agent.state === 'created') await this.#agent.start();
    }
    for (const { settings } of before) {
      const now = planned.find((plan) => plan.settings.model === settings.model);
      if (now?.verdict === 'runs') continue;
      this.#end('could_not_look', settings.model);
      this.#atRest.delete(settings.model);
      if (!now) this.#latest.delete(settings.model);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endAgent();
    this.#end('could_not_look');
    this.#history[Symbol.dispose]();
  }

  /** To be called now and then: what is not looked at any more is said. */
  tick(): void { this.#emit(this.#understanding.tick(this.#options.clock.utcMs() / 1000)); }

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
    if (plan.settings.regions?.appearance && this.#options.givesNoVectors(model)) return told('failed', `it gives no vectors (supported_tasks has no embed), so it cannot tell what the tracks of ${plan.settings.regions.model} look like`);
    const supply = this.#agent!.frameSupply;
    if (supply.state === 'awaited' || supply.state === 'refused') return told(supply.state === 'awaited' ? 'pending' : 'failed', supply.reason);
    return told('converged', null);
  }

  #settingsOf(modelId: string): CameraSubscription | null { return this.#planned.find(({ settings }) => settings.model === modelId)?.settings ?? null; }

  #describedBy(modelId: string): string | null {
    const regions = this.#settingsOf(modelId)?.regions;
    return regions?.appearance ? regions.model : null;
  }

  #thresholds(modelId: string): Thresholds { return thresholdsOf(this.#settingsOf(modelId)?.config ?? {}, this.#options.describedThreshold(modelId)); }

  async #endAgent(): Promise<void> {
    const agent = this.#agent;
    this.#agent = null;
    await agent?.[Symbol.asyncDispose]();
  }

  #stillness(): Stillness {
    return {
      isStationary: (modelId, trackId) => this.#understanding.isStationary(modelId, trackId), isAtRest: (modelId) => this.#atRest.get(modelId) ?? false,
      onStill: (modelId, frame) => {
        const held = { frame_id: frame.frameId, captured_at: frame.capturedAtUs / 1e6, pts_us: frame.ptsUs, epoch: frame.epoch };
        this.#history.held(modelId, held);
        this.#emit(this.#understanding.hold(modelId, held));
      },
    };
  }

  #tell(event: EventContent<CoreEvent>): void {
    this.#options.onEvent(event);
    // What comes after it is a new stream.
    if (event.type === 'camera.down') this.#end('camera_gone');
  }

  #end(reason: TrackEndReason, modelId?: string): void {
    this.#history.end(reason, modelId ?? null, this.#options.clock.utcMs() / 1000);
    this.#emit(this.#understanding.end(reason, modelId));
  }

  #publish(look: Look, budget: LatencyBudget | null): Look {
    // Nothing is understood of what neither detects nor reads bodies; vectors are not kept.
    if ((this.#options.detects(look.model_id) || this.#options.keypointNames(look.model_id).length > 0) && this.#describedBy(look.model_id) === null) this.#history.look(look);
    const { look: told, events } = this.#understanding.follow(look);
    budget?.tracked();
    // Whom it describes is told by the model that found them.
    if (this.#describedBy(look.model_id) !== null) {
      budget?.emitted();
      return told;
    }
    this.#latest.set(look.model_id, told);
    this.#atRest.set(look.model_id, this.#understanding.isAtRest(told));
    this.#options.onEvent({ type: 'detection', look: told });
    this.#emit(events);
    budget?.emitted();
    return told;
  }

  #emit(events: readonly EventContent<CoreEvent>[]): void {
    for (const event of events) this.#options.onEvent(event);
  }
}
