// Ruth AI Core: the agents of the node's cameras, the models they ask, and what comes of it. It goes on when kernel or
// containers vanish, and picks up when they return.
import { RuthError, type CoreEvent, type Look, type ModelStatus, type Settings, type SubscriptionStatus } from '@ruth/protocol';
import { EventLog, type Logger } from '@ruth/transport';
import { StreamAgent } from './agent.ts';
import { systemClock, type Clock } from './clock.ts';
import type { LeaseIssuer } from './lease.ts';
import { ModelDirectory } from './model-directory.ts';
import { PollTimer } from './poll-timer.ts';
import { CameraTracks } from './tracking/camera-tracks.ts';

/** Requests in flight to one container, however many cameras there are. */
const MAX_CONNECTIONS_PER_MODEL = 64;

export interface CoreOptions {
  readonly settings: Pick<Settings, 'socketDirectory' | 'ringDirectory' | 'cameras' | 'models' | 'subscriptions'>;
  readonly kernel: LeaseIssuer;
  readonly logger: Logger;
  readonly clock?: Clock;
}

export class Core implements AsyncDisposable {
  readonly events: EventLog<CoreEvent>;
  readonly agents: readonly StreamAgent[];
  readonly #logger: Logger;
  readonly #models: ModelDirectory;
  readonly #timer: PollTimer;
  readonly #stop = new AbortController();
  /** By camera, then model. */
  readonly #latest = new Map<string, Map<string, Look>>();
  /** Of models that detect; by camera, then model. */
  readonly #tracks = new Map<string, Map<string, CameraTracks>>();
  #finding: Promise<void> | null = null;

  constructor({ settings, kernel, logger, clock = systemClock }: CoreOptions) {
    this.#logger = logger;
    this.events = new EventLog({ utcMs: () => clock.utcMs() });
    this.#timer = new PollTimer(clock);
    // Two for each camera, because a look at regions asks for two at once.
    const maxConnections = Math.min(Math.max(2 * settings.cameras.length, 2), MAX_CONNECTIONS_PER_MODEL);
    this.#models = new ModelDirectory({
      socketDirectory: settings.socketDirectory, modelIds: settings.models.map(({ id }) => id), maxConnections, clock, logger,
      onChange: (event) => this.events.append(event),
    });
    this.agents = settings.cameras.map(({ id }) => {
      this.#latest.set(id, new Map());
      this.#tracks.set(id, new Map());
      return new StreamAgent({
        cameraId: id, subscriptions: settings.subscriptions.filter(({ camera }) => camera === id), ringDirectory: settings.ringDirectory,
        kernel, timer: this.#timer, clock, logger,
        endpoint: (modelId) => this.#models.endpoint(modelId),
        onLook: (look) => this.#publish(look),
        onCamera: (event) => {
          this.events.append(event);
          if (event.type === 'camera.down') this.#endTracks(id);
        },
      });
    });
  }

  start(): void {
    this.#finding = this.#models.run(this.#stop.signal);
    for (const agent of this.agents) agent.start();
    this.#logger.info({ cameras: this.agents.length, subscriptions: this.subscriptions().length }, 'agents are running');
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

  /** Agents first, so that no look is asked of a container that core no longer knows. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent[Symbol.asyncDispose]()));
    this.#timer[Symbol.dispose]();
    this.#stop.abort();
    await this.#finding;
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
