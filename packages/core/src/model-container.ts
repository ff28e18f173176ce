// One model's container as core sees it: probed every few seconds, up while it answers that it serves, down with a
// reason otherwise. Probes have a connection of their own, so that a container busy with looks is not taken for dead.
import { DescribeResponse, HealthResponse, RuthError, validator, type LastError, type ModelStatus } from '@ruth/protocol';
import { IpcClient } from '@ruth/transport';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import type { Clock } from './clock.ts';
import type { ModelEndpoint } from './dispatch/look.ts';

const PROBE_INTERVAL_MS = 2000;
const PROBE_TIMEOUT_MS = 2000;
/** Answers that may be missing in a row; a refused connection is enough by itself. */
const LATE_PROBES_ALLOWED = 1;
/** Of a container that does not say how much it can do at once. */
const PLACES_UNLESS_TOLD = 4;
/** Least distance of two probes, whatever asks for them. */
const LEAST_PAUSE_MS = 50;
const backOff = new ExponentialBackoff({ initialDelay: 100, maxDelay: 5000 });
const describeResponse = validator(DescribeResponse);
const healthResponse = validator(HealthResponse);

export interface ModelContainerOptions {
  readonly modelId: string;
  readonly socketPath: string;
  /** Requests that can be in flight at once. */
  readonly maxConnections: number;
  readonly clock: Clock;
  /** So long it may take to start before anybody is told that it is down. */
  readonly startLimitMs: number;
  /** Somebody listens at its socket, for the first time. */
  onMet(): void;
  /** It came up (`reason` null) or went down. */
  onChange(isUp: boolean, reason: string | null): void;
}

export class ModelContainer implements ModelEndpoint, AsyncDisposable {
  readonly modelId: string;
  readonly #options: ModelContainerOptions;
  readonly #looks: IpcClient;
  readonly #probes: IpcClient;
  #state: 'unknown' | 'up' | 'down' = 'unknown';
  #description: DescribeResponse | null = null;
  #lastError: LastError | null = null;
  #lateProbes = 0;
  #uptimeMs = 0;
  #wasMet = false;
  #wake = new AbortController();
  readonly #beganMs: number;

  constructor(options: ModelContainerOptions) {
    this.modelId = options.modelId;
    this.#options = options;
    this.#beganMs = options.clock.monotonicMs();
    this.#looks = new IpcClient(options.socketPath, { maxConnections: options.maxConnections });
    this.#probes = new IpcClient(options.socketPath, { maxConnections: 1 });
  }

  get isUp(): boolean { return this.#state === 'up'; }
  /** Whether anybody ever listened at its socket: a process that was killed leaves its socket behind. */
  get wasMet(): boolean { return this.#wasMet; }

  /** Its sessions, with as many pictures as each takes at once, and one that is ready when the first is over. */
  get places(): number {
    const limits = this.#description?.limits;
    return Math.min(limits ? Math.max(1, limits.max_concurrency) * Math.max(1, limits.max_batch) + 1 : PLACES_UNLESS_TOLD, this.#options.maxConnections);
  }

  /** What its description says it can do; none while it was never described. */
  get supportedTasks(): readonly string[] { return this.#description?.supported_tasks ?? []; }
  /** Null where it does not detect, or does not say. */
  get confidenceThreshold(): number | null { return this.supportedTasks.includes('detect') ? this.#description?.confidence_threshold ?? null : null; }
  get keypointNames(): readonly string[] { return this.#description?.keypoint_names ?? []; }

  /** One look. A container that is gone counts as down at once. */
  async request(message: unknown, options: { timeoutMs: number; signal: AbortSignal }): Promise<unknown> {
    try {
      return await this.#looks.request(message, options);
    } catch (cause) {
      const error = RuthError.from(cause);
      if (error.code === 'unreachable') this.probeSoon();
      throw error;
    }
  }

  /** Probes until `signal` aborts: at intervals while it is up, with growing pauses while it is down. */
  async run(signal: AbortSignal): Promise<void> {
    let wait: IBackoff<unknown> | null = null;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      await this.#probe(signal);
      if (signal.aborted) break;
      if (this.isUp) wait = null;
      else wait = wait === null ? backOff.next() : wait.next(undefined);
      const { clock } = this.#options;
      await clock.sleep(LEAST_PAUSE_MS, signal);
      await clock.sleep(Math.max(0, (wait?.duration ?? PROBE_INTERVAL_MS) - LEAST_PAUSE_MS), AbortSignal.any([signal, this.#wake.signal]));
    }
  }

  /** There is news of the socket. */
  probeSoon(): void {
    this.#wake.abort();
  }

  status(): ModelStatus {
    const known = this.#description;
    return {
      model_id: this.modelId, model_name: known?.model_name ?? null, state: this.isUp ? 'up' : 'down',
      supported_tasks: [...this.supportedTasks], classes: known?.classes ?? [], keypoint_names: known?.keypoint_names ?? [], skeleton: known?.skeleton ?? [],
      device: known?.device ?? null, license: known?.license ?? null, last_error: this.#lastError,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#looks.close(), this.#probes.close()]);
  }

  async #probe(signal: AbortSignal): Promise<void> {
    try {
      if (this.#description === null) this.#described(await this.#ask('describe', signal));
      this.#judgeHealth(await this.#ask('health', signal));
      this.#lateProbes = 0;
    } catch (cause) {
      const error = RuthError.from(cause);
      if (signal.aborted || (error.code === 'timeout' && this.isUp && this.#lateProbes++ < LATE_PROBES_ALLOWED)) return;
      this.#goDown(error.code, error.code === 'unreachable' ? `no container answers at ${this.#options.socketPath}` : error.message);
    }
  }

  async #ask(type: 'describe' | 'health', signal: AbortSignal): Promise<unknown> {
    try {
      const answer = await this.#probes.request({ type }, { timeoutMs: PROBE_TIMEOUT_MS, signal });
      this.#meet();
      return answer;
    } catch (cause) {
      if (RuthError.from(cause).code !== 'unreachable' && !signal.aborted) this.#meet();
      throw cause;
    }
  }

  #meet(): void {
    if (this.#wasMet) return;
    this.#wasMet = true;
    this.#options.onMet();
  }

  /** An older container knows no `describe`: its answer of any other shape leaves it nameless, and usable. */
  #described(answer: unknown): void {
    if (!describeResponse.check(answer)) return;
    if (answer.model_id !== this.modelId) throw new RuthError('wrong_model', `${this.#options.socketPath} is answered by the model ${answer.model_id}`);
    this.#description = answer;
  }

  #judgeHealth(answer: unknown): void {
    if (!healthResponse.check(answer)) return this.#comeUp();
    // Another process than the one that described itself.
    if (answer.uptime_ms < this.#uptimeMs) this.#description = null;
    this.#uptimeMs = answer.uptime_ms;
    if (answer.status === 'starting' || answer.status === 'stopping') return this.#goDown('unreachable', `it is ${answer.status}`);
    this.#comeUp();
    if (answer.status === 'degraded') this.#note('inference_failed', 'it is degraded: its last canary inference failed');
    else if (answer.counters.fallback_active === 1) this.#note('unreachable', 'the server that runs it is away: its fallback looks here');
    else this.#lastError = null;
  }

  #comeUp(): void {
    if (this.isUp) return;
    this.#state = 'up';
    this.#lastError = null;
    this.#options.onChange(true, null);
  }

  #goDown(code: string, message: string): void {
    const { clock, startLimitMs } = this.#options;
    const before = this.#state;
    const isStarting = before === 'unknown' && clock.monotonicMs() - this.#beganMs < startLimitMs;
    if (!isStarting) this.#state = 'down';
    this.#description = null;
    this.#uptimeMs = 0;
    this.#lateProbes = 0;
    this.#note(code, message);
    if (!isStarting && before !== 'down') this.#options.onChange(false, message);
  }

  #note(code: string, message: string): void {
    this.#lastError = { code, message, at: this.#options.clock.utcMs() / 1000 };
  }
}
