// Ruth AI Core: the agents of the node's cameras, the models they ask, and what comes of it. It goes on when kernel or
// containers vanish, and picks up when they return.
import { isDeepStrictEqual } from 'node:util';
import { RuthError, type CoreEvent, type Look, type ModelStatus, type Settings, type SubscriptionConfig, type SubscriptionStatus } from '@ruth/protocol';
import { EventLog, type Logger } from '@ruth/transport';
import { StreamAgent } from './agent.ts';
import { systemClock, type Clock } from './clock.ts';
import type { LeaseIssuer } from './lease.ts';
import { ModelDirectory } from './model-directory.ts';
import { PollTimer } from './poll-timer.ts';
import { CameraTracks } from './tracking/camera-tracks.ts';

/** Requests in flight to one container, however many cameras there are; and at least so many, for cameras that are added later. */
const MAX_CONNECTIONS_PER_MODEL = 64;
const LEAST_CONNECTIONS_PER_MODEL = 16;
const MAX_CAMERAS = 1024;

export interface CoreOptions {
  readonly settings: Pick<Settings, 'socketDirectory' | 'ringDirectory' | 'cameras' | 'models' | 'subscriptions'>;
  readonly kernel: LeaseIssuer;
  readonly logger: Logger;
  readonly clock?: Clock;
}

type CameraSubscriptionSettings = Settings['subscriptions'];

export class Core implements AsyncDisposable {
  readonly events: EventLog<CoreEvent>;
  readonly #options: CoreOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By camera. */
  readonly #agents = new Map<string, { readonly agent: StreamAgent; readonly subscriptions: CameraSubscriptionSettings }>();
  readonly #models: ModelDirectory;
  readonly #timer: PollTimer;
  /** No more changes of cameras. */
  readonly #stop = new AbortController();
  readonly #finders = new AbortController();
  /** By camera, then model. */
  readonly #latest = new Map<string, Map<string, Look>>();
  /** Of models that detect; by camera, then model. */
  readonly #tracks = new Map<string, Map<string, CameraTracks>>();
  #finding: Promise<void> | null = null;
  /** Ends when the last change of cameras is done: they come one after another. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(options: CoreOptions) {
    const { settings, logger, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    this.events = new EventLog({ utcMs: () => clock.utcMs() });
    this.#timer = new PollTimer(clock);
    // Two for each camera, because a look at regions asks for two at once.
    const maxConnections = Math.min(Math.max(2 * settings.cameras.length, LEAST_CONNECTIONS_PER_MODEL), MAX_CONNECTIONS_PER_MODEL);
    this.#models = new ModelDirectory({
      socketDirectory: settings.socketDirectory, modelIds: settings.models.map(({ id }) => id), maxConnections, clock, logger,
      onChange: (event) => this.events.append(event),
    });
    for (const { id } of settings.cameras) this.#add(id, settings.subscriptions.filter(({ camera }) => camera === id));
  }

  get agents(): readonly StreamAgent[] { return [...this.#agents.values()].map(({ agent }) => agent); }

  start(): void {
    this.#finding = this.#models.run(this.#finders.signal);
    for (const agent of this.agents) agent.start();
    this.#logger.info({ cameras: this.#agents.size, subscriptions: this.subscriptions().length }, 'agents are running');
  }

  models(): ModelStatus[] {
    return this.#models.statuses();
  }

  subscriptions(): SubscriptionStatus[] {
    return this.agents.flatMap((agent) => agent.subscriptions.map((subscription) => subscription.status()));
  }

  /** The newest look of each model at a camera. Throws `camera_not_found`. */
  latest(cameraId: string): Look[] {
    const looks = this.#latest.get(cameraId);
    if (!looks) throw new RuthError('camera_not_found', `there is no camera ${cameraId}`);
    return [...looks.values()];
  }

  /**
   * From now on these subscriptions look at the camera, and no others; `camera` in them is the id or `*`. Nothing is touched where that
   * is so already. Throws `overloaded` above 1024 cameras, `shutting_down`.
   */
  putCamera(cameraId: string, wanted: readonly SubscriptionConfig[]): Promise<void> {
    const subscriptions = wanted.map((subscription) => ({ ...subscription, camera: cameraId, active: subscription.active ?? true }));
    return this.#change(async () => {
      const present = this.#agents.get(cameraId);
      if (present && isDeepStrictEqual(present.subscriptions, subscriptions)) return;
      if (!present && this.#agents.size >= MAX_CAMERAS) throw new RuthError('overloaded', `${MAX_CAMERAS} cameras are there already`);
      await present?.agent[Symbol.asyncDispose]();
      this.#endTracks(cameraId);
      const agent = this.#add(cameraId, subscriptions);
      if (this.#finding) agent.start();
    });
  }

  /** No model looks at the camera any more. Throws `camera_not_found`, `shutting_down`. */
  removeCamera(cameraId: string): Promise<void> {
    return this.#change(async () => {
      const present = this.#agents.get(cameraId);
      if (!present) throw new RuthError('camera_not_found', `there is no camera ${cameraId}`);
      this.#agents.delete(cameraId);
      await present.agent[Symbol.asyncDispose]();
      this.#endTracks(cameraId);
      this.#latest.delete(cameraId);
      this.#tracks.delete(cameraId);
      this.events.append({ type: 'camera.down', camera_id: cameraId, reason: 'it was removed' });
    });
  }

  /** Agents first, so that no look is asked of a container that core no longer knows. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#changes;
    await Promise.all(this.agents.map((agent) => agent[Symbol.asyncDispose]()));
    this.#timer[Symbol.dispose]();
    this.#finders.abort();
    await this.#finding;
  }

  #change(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(() => {
      if (this.#stop.signal.aborted) throw new RuthError('shutting_down', 'core is stopping');
      return change();
    });
    this.#changes = done.catch(() => undefined);
    return done;
  }

  #add(id: string, subscriptions: CameraSubscriptionSettings): StreamAgent {
    const { settings, kernel, logger } = this.#options;
    this.#latest.set(id, new Map());
    this.#tracks.set(id, new Map());
    const agent = new StreamAgent({
      cameraId: id, subscriptions, ringDirectory: settings.ringDirectory, kernel, timer: this.#timer, clock: this.#clock, logger,
      endpoint: (modelId) => this.#models.endpoint(modelId),
      onLook: (look) => this.#publish(look),
      onCamera: (event) => {
        this.events.append(event);
        if (event.type === 'camera.down') this.#endTracks(id);
      },
    });
    this.#agents.set(id, { agent, subscriptions });
    return agent;
  }

  #publish(look: Look): void {
    const { look: told, events } = this.#follow(look);
    this.#latest.get(look.camera_id)?.set(look.model_id, told);
    this.events.append({ type: 'detection', look: told });
    for (const event of events) this.events.append(event);
  }

  #follow(look: Look): ReturnType<CameraTracks['follow']> {
    const ofCamera = this.#tracks.get(look.camera_id);
    // A look that failed says nothing: what was seen before may still be there.
    if (!ofCamera || look.error !== null || !this.#models.supports(look.model_id, 'detect')) return { look, events: [] };
    const tracks = ofCamera.get(look.model_id) ?? new CameraTracks();
    ofCamera.set(look.model_id, tracks);
    return tracks.follow(look);
  }

  /** Of a camera that is gone: what comes after it is a new stream. */
  #endTracks(cameraId: string): void {
    for (const tracks of this.#tracks.get(cameraId)?.values() ?? []) for (const event of tracks.end()) this.events.append(event);
  }
}
