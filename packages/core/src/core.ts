// Ruth AI Core: the cameras of the node, brought to what is intended for them, the models they ask, and what comes of it. It
// goes on when kernel or containers vanish, and picks up when they return.
import {
  RuthError, type CameraIntent, type CameraSubscription, type CameraSubscriptions, type CoreEvent, type Intent, type IntentStatus, type Look, type LookLatencies, type ModelStatus, type RuleTest, type RuleTestRequest, type SceneConfig, type Settings, type SubscriptionStatus,
} from '@ruth/protocol';
import { EventLog, type EventStore, type Logger, type Telemetry } from '@ruth/transport';
import type { StreamAgent } from './agent.ts';
import { Camera } from './camera.ts';
import { systemClock, type Clock } from './clock.ts';
import { STAGE_BUCKETS_MS } from './dispatch/stage-histograms.ts';
import { LookHistory } from './history/look-history.ts';
import { RuleTests } from './history/rule-test.ts';
import { IntentChanges } from './intent/intent-changes.ts';
import { IntentFile } from './intent/intent-file.ts';
import { Intents, intentsOfFile } from './intent/intents.ts';
import { planSubscriptions, type PlanTime } from './intent/plan.ts';
import { Reconciler } from './intent/reconciler.ts';
import type { LeaseIssuer } from './lease.ts';
import { ModelDirectory } from './model-directory.ts';
import { PollTimer } from './poll-timer.ts';
import type { CameraMeaning } from './understanding/understanding.ts';

/** Requests in flight to one container, however many cameras there are; and at least so many, for cameras that are added later. */
const MAX_CONNECTIONS_PER_MODEL = 64;
const LEAST_CONNECTIONS_PER_MODEL = 16;
/** How often is asked whether anything is not looked at any more. */
const TICK_MS = 1000;

export interface CoreOptions {
  readonly settings: Pick<Settings, 'socketDirectory' | 'ringDirectory' | 'dataDirectory' | 'cameras' | 'models' | 'subscriptions' | 'scenes' | 'rules'> & Partial<Pick<Settings, 'timeZone'>>;
  readonly kernel: LeaseIssuer;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Where events are kept for consumers that come back; memory of this process unless told. */
  readonly eventStore?: EventStore | null;
  /** Where looks are traced; nowhere unless told. */
  readonly telemetry?: Telemetry | null;
}

export class Core implements AsyncDisposable {
  readonly events: EventLog<CoreEvent>;
  readonly #options: CoreOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #intents: Intents;
  readonly #changes: IntentChanges;
  readonly #reconciler: Reconciler;
  /** All that an intent speaks of, by id. */
  readonly #cameras = new Map<string, Camera>();
  readonly #models: ModelDirectory;
  readonly #history = new LookHistory();
  readonly #ruleTests = new RuleTests();
  readonly #timer: PollTimer;
  readonly #finders = new AbortController();
  /** UTC, seconds. */
  readonly #startedAt: number;
  #finding: Promise<unknown> | null = null;

  /** Reads the intent that was accepted last, if one ever was. */
  constructor(options: CoreOptions) {
    const { settings, logger, clock = systemClock, eventStore = null, telemetry = null } = options;
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#startedAt = clock.utcMs() / 1000;
    this.events = new EventLog({ utcMs: () => clock.utcMs(), ...(eventStore === null ? {} : { store: eventStore }) });
    this.#timer = new PollTimer(clock);
    // Two for each camera, because a look at regions asks for two at once.
    const maxConnections = Math.min(Math.max(2 * settings.cameras.length, LEAST_CONNECTIONS_PER_MODEL), MAX_CONNECTIONS_PER_MODEL);
    this.#models = new ModelDirectory({
      socketDirectory: settings.socketDirectory, modelIds: settings.models.map(({ id }) => id), maxConnections, clock, logger, telemetry,
      onChange: (event) => this.events.append(event),
      onFound: (modelId) => this.#touchThose(({ model }) => model === modelId),
    });
    this.#reconciler = new Reconciler({
      clock, apply: (cameraId) => this.#apply(cameraId),
      onFailure: (camera, error) => logger.error({ camera, code: error.code, err: error }, `${camera} is not as intended: ${error.message}; it is tried again`),
    });
    const intentFile = new IntentFile(settings.dataDirectory);
    this.#intents = new Intents(intentsOfFile(settings), intentFile.read(logger));
    this.#changes = new IntentChanges(this.#intents, intentFile);
    for (const id of this.#intents.cameraIds) this.#camera(id);
  }

  get agents(): readonly StreamAgent[] { return [...this.#cameras.values()].flatMap(({ agent }) => agent ?? []); }

  start(): void {
    this.#finding = Promise.all([this.#models.run(this.#finders.signal), this.#tick(this.#finders.signal)]);
    for (const id of this.#cameras.keys()) void this.#reconciler.touch(id);
    this.#logger.info({ cameras: this.#cameras.size, revision: this.#intents.accepted?.revision ?? null }, 'cameras are being brought to what is intended');
  }

  models(): ModelStatus[] {
    return this.#models.statuses();
  }

  /** The model shall run from now on, or was ended on purpose: only the former is missed when it is away. */
  expectModel(modelId: string, isExpected: boolean): void {
    if (isExpected) this.#models.expect(modelId);
    else this.#models.switchOff(modelId);
    this.#touchThose(({ model }) => model === modelId);
  }

  /** How long each stage of looks took, by model. */
  stageHistograms(): ReturnType<ModelDirectory['latencies']> {
    return this.#models.latencies();
  }

  latencies(): LookLatencies {
    return {
      since: this.#startedAt, bounds_ms: [...STAGE_BUCKETS_MS],
      models: this.#models.latencies().map(({ modelId, stages }) => ({ model_id: modelId, stages: stages.map(({ stage, counts, sumMs }) => ({ stage, looks: Array.from(counts), sum_ms: sumMs })) })),
    };
  }

  subscriptions(): SubscriptionStatus[] {
    return this.agents.flatMap((agent) => agent.subscriptions.map((subscription) => subscription.status()));
  }

  /** The newest look of each model at a camera. Throws `camera_not_found`. */
  latest(cameraId: string): Look[] {
    const camera = this.#cameras.get(cameraId);
    if (!camera) throw new RuthError('camera_not_found', `there is no camera ${cameraId}`);
    return camera.latest;
  }

  /** What the picture of a camera means, as it is intended. Throws `camera_not_found`. */
  scene(cameraId: string): SceneConfig {
    const effective = this.#intents.of(cameraId);
    if (!effective) throw new RuthError('camera_not_found', `there is no camera ${cameraId}`);
    return effective.intent.scene ?? {};
  }

  /** What rules would have said of the last hour of a camera. Throws `camera_not_found`, `bad_request`, `overloaded`, `timeout`, `cancelled`. */
  async testRules(cameraId: string, request: RuleTestRequest, signal: AbortSignal): Promise<RuleTest> {
    const present = this.scene(cameraId);
    const camera = this.#cameras.get(cameraId);
    if (!camera) throw new RuthError('camera_not_found', `there is no camera ${cameraId}`);
    return this.#ruleTests.run(request, { camera, scene: present, timeZone: this.#options.settings.timeZone ?? null, nowS: this.#clock.utcMs() / 1000 }, signal);
  }

  /** What is intended for each camera, and how far it is. */
  intent(): IntentStatus {
    const cameras = [...this.#cameras].map(([id, camera]) => {
      const { busy, failure } = this.#reconciler.state(id);
      const reality = camera.reality(this.#intents.of(id)?.source ?? 'file', failure?.message ?? null);
      return [id, busy && reality.state === 'converged' ? { ...reality, state: 'pending' as const, reason: 'it is being brought about' } : reality] as const;
    });
    return { revision: this.#intents.accepted?.revision ?? null, cameras: Object.fromEntries(cameras) };
  }

  /**
   * From now on this is what shall be at the cameras that it names; the others are as ruth.yaml has them. It is kept over a restart.
   * Resolves when each camera was tried once. Throws `bad_request`, `invalid_state` for a revision of the past, `overloaded` above 1024
   * cameras, `disk_full` or `invalid_config` where it cannot be kept, `shutting_down`; nothing is changed then.
   */
  async putIntent(intent: Intent): Promise<void> { await this.#bringAbout(await this.#changes.put(intent)); }

  /**
   * What ruth.yaml says of the camera from now on; `camera` in the subscriptions is its id or `*`, and scene and rules stay where none are
   * given. It counts unless an intent was put that names the camera. Resolves when it was tried once. Throws `bad_request`, `overloaded`
   * above 1024 cameras, `shutting_down`.
   */
  async putCamera(cameraId: string, wanted: CameraSubscriptions): Promise<void> { await this.#bringAbout(await this.#changes.putCamera(cameraId, wanted)); }

  /** ruth.yaml has no such camera any more. Throws `camera_not_found`, `shutting_down`. */
  async removeCamera(cameraId: string): Promise<void> { await this.#bringAbout(await this.#changes.removeCamera(cameraId)); }

  /** Agents first, so that no look is asked of a container that core no longer knows. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changes.end();
    await this.#reconciler[Symbol.asyncDispose]();
    await Promise.all([...this.#cameras.values()].map((camera) => camera[Symbol.asyncDispose]()));
    this.#timer[Symbol.dispose]();
    this.#finders.abort();
    await this.#finding;
  }

  /** Of these cameras something else is intended now. */
  async #bringAbout(ids: readonly string[]): Promise<void> {
    for (const id of ids) if (this.#intents.of(id)) this.#camera(id);
    if (this.#finding) await Promise.all(ids.map((id) => this.#reconciler.touch(id)));
  }

  async #tick(signal: AbortSignal): Promise<void> {
    const minuteNow = (): number => Math.floor(this.#clock.utcMs() / 60_000);
    for (let minute = minuteNow(); !signal.aborted;) {
      for (const camera of this.#cameras.values()) camera.tick();
      if (minuteNow() !== minute) this.#touchThose(({ schedule }) => schedule !== undefined);
      minute = minuteNow();
      await this.#clock.sleep(TICK_MS, signal);
    }
  }

  async #apply(cameraId: string): Promise<void> {
    const effective = this.#intents.of(cameraId);
    if (effective) return this.#camera(cameraId).apply(planSubscriptions(effective.intent, (modelId) => this.#models.knows(modelId), this.#planTime()), meaningOf(cameraId, effective.intent));
    const camera = this.#cameras.get(cameraId);
    if (!camera) return;
    await camera[Symbol.asyncDispose]();
    this.#cameras.delete(cameraId);
    this.events.append({ type: 'camera.down', camera_id: cameraId, reason: 'it was removed' });
  }

  /** Cameras with such a subscription: what it depends on is another than before. */
  #touchThose(concerned: (subscription: CameraSubscription) => boolean): void {
    for (const id of this.#cameras.keys()) if (this.#intents.of(id)?.intent.subscriptions.some(concerned)) void this.#reconciler.touch(id);
  }

  #planTime(): PlanTime {
    return { at: this.#clock.utcMs() / 1000, timeZone: this.#options.settings.timeZone ?? null };
  }

  #camera(id: string): Camera {
    const { settings, kernel, logger } = this.#options;
    const camera = this.#cameras.get(id) ?? new Camera({
      cameraId: id, ringDirectory: settings.ringDirectory, kernel, timer: this.#timer, clock: this.#clock, logger, history: this.#history,
      access: (modelId) => this.#models.access(modelId), whyDown: (modelId) => this.#models.whyDown(modelId),
      detects: (modelId) => this.#models.supports(modelId, 'detect'), givesNoVectors: (modelId) => this.#models.isDescribed(modelId) && !this.#models.supports(modelId, 'embed'), describedThreshold: (modelId) => this.#models.confidenceThreshold(modelId), keypointNames: (modelId) => this.#models.keypointNames(modelId), onEvent: (event) => this.events.append(event),
    });
    this.#cameras.set(id, camera);
    return camera;
  }
}

function meaningOf(cameraId: string, { scene = {}, rules = [] }: CameraIntent): CameraMeaning {
  return { scene, rules: rules.map((rule) => ({ ...rule, camera: cameraId })) };
}
