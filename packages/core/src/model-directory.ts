// The models of the node, found by their sockets: those that the settings name and whatever else appears in the socket
// directory. A change in the directory is a hint to look; what counts is what the container answers: a socket at which nobody ever listened, that a
// killed process left behind, is no model.
import { watch, type FSWatcher } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { modelIdOfSocket, modelSocketPath, type ModelEvent, type ModelStatus } from '@ruth/protocol';
import type { Logger, Telemetry } from '@ruth/transport';
import type { Clock } from './clock.ts';
import type { StageHistogram } from './dispatch/stage-histograms.ts';
import { ModelAccess } from './dispatch/model-access.ts';
import { ModelContainer } from './model-container.ts';

/** For what the watch missed, or where there is none. */
const RESCAN_MS = 5000;
const MAX_MODELS = 256;

/** Core is there before its containers are: that is no outage. */
const START_LIMIT_MS = 10_000;

export interface ModelDirectoryOptions {
  readonly socketDirectory: string;
  /** Models that are expected, found or not. */
  readonly modelIds: readonly string[];
  /** Requests in flight at once for each model. */
  readonly maxConnections: number;
  readonly clock: Clock;
  /** A container that was not up yet is told of as down only after that; 10 000 unless told. */
  readonly startLimitMs?: number;
  readonly logger: Logger;
  /** Where looks are traced; nowhere unless told. */
  readonly telemetry?: Telemetry | null;
  onChange(event: Pick<ModelEvent, 'type' | 'model_id' | 'reason'>): void;
  /** A model that was not known before. */
  onFound(modelId: string): void;
}

export class ModelDirectory {
  readonly #options: ModelDirectoryOptions;
  readonly #containers = new Map<string, ModelContainer>();
  /** Ends the probes of one. */
  readonly #stops = new Map<string, AbortController>();
  readonly #expected: Set<string>;
  readonly #switchedOff = new Set<string>();
  readonly #accesses = new Map<string, ModelAccess>();
  readonly #probing = new Set<Promise<void>>();
  /** Null while it does not run. */
  #running: AbortSignal | null = null;

  constructor(options: ModelDirectoryOptions) {
    this.#options = options;
    this.#expected = new Set(options.modelIds);
  }

  /** The way to the model, known or not. */
  access(modelId: string): ModelAccess {
    const known = this.#accesses.get(modelId);
    if (known) return known;
    const access = new ModelAccess({
      modelId, clock: this.#options.clock, telemetry: this.#options.telemetry ?? null,
      endpoint: () => {
        const container = this.#containers.get(modelId);
        return container?.isUp ? container : null;
      },
    });
    this.#accesses.set(modelId, access);
    return access;
  }

  /** How long each stage of their looks took, by model. */
  latencies(): { readonly modelId: string; readonly stages: readonly StageHistogram[] }[] {
    return [...this.#accesses.values()].map(({ modelId, histograms }) => ({ modelId, stages: histograms.snapshot() }));
  }

  /** Whether the settings name it, a container of that name was ever found, or it was switched off. */
  knows(modelId: string): boolean {
    return this.#expected.has(modelId) || this.#containers.get(modelId)?.wasMet === true || this.#switchedOff.has(modelId);
  }

  /** It shall run: that it does not is an outage. */
  expect(modelId: string): void {
    this.#switchedOff.delete(modelId);
    this.#expect(modelId);
  }

  /** It is about to be ended on purpose: that is no outage, and it is not looked for until it is expected again. */
  switchOff(modelId: string): void {
    if (this.#switchedOff.size >= MAX_MODELS) return;
    this.#switchedOff.add(modelId);
    if (this.#containers.get(modelId)?.isUp === false) this.#forget(modelId);
  }

  /** Null while its container serves. */
  whyDown(modelId: string): string | null {
    const container = this.#containers.get(modelId);
    if (container?.isUp) return null;
    if (this.#switchedOff.has(modelId)) return 'it is switched off';
    return container?.status().last_error?.message ?? 'its container was not asked yet';
  }

  /** Whether the model says that it can do that task. */
  supports(modelId: string, task: string): boolean {
    return this.#containers.get(modelId)?.supportedTasks.includes(task) ?? false;
  }

  /** Whether the model has said what it is. */
  isDescribed(modelId: string): boolean { return (this.#containers.get(modelId)?.supportedTasks.length ?? 0) > 0; }

  /** What the model leaves out unless told; null where it does not detect, or does not say. */
  confidenceThreshold(modelId: string): number | null {
    return this.#containers.get(modelId)?.confidenceThreshold ?? null;
  }

  /** Of the bodies that the model reads; none where it reads none. */
  keypointNames(modelId: string): readonly string[] {
    return this.#containers.get(modelId)?.keypointNames ?? [];
  }

  statuses(): ModelStatus[] {
    return [...this.#containers.values()].filter(({ modelId }) => this.knows(modelId)).map((container) => ({ ...container.status(), dispatch: this.access(container.modelId).status() }));
  }

  /** Finds and probes until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#running = signal;
    for (const modelId of this.#options.modelIds) this.#add(modelId);
    using _watcher = this.#watch();
    while (!signal.aborted) {
      await this.#scan();
      await this.#options.clock.sleep(RESCAN_MS, signal);
    }
    await Promise.all(this.#probing);
  }

  #watch(): Disposable {
    const { socketDirectory, logger } = this.#options;
    let watcher: FSWatcher | null = null;
    try {
      watcher = watch(socketDirectory, (_event, fileName) => {
        const modelId = fileName === null ? null : modelIdOfSocket(fileName);
        if (modelId !== null) this.#seen(modelId);
      });
      watcher.on('error', (error) => logger.warn({ err: error }, 'the socket directory is no longer watched; it is read every few seconds'));
    } catch (cause) {
      logger.warn({ err: cause }, 'the socket directory cannot be watched; it is read every few seconds');
    }
    return { [Symbol.dispose]: () => watcher?.close() };
  }

  async #scan(): Promise<void> {
    const names = await readdir(this.#options.socketDirectory).catch(() => []);
    for (const name of names) {
      const modelId = modelIdOfSocket(name);
      if (modelId !== null && !this.#containers.has(modelId)) this.#add(modelId);
    }
  }

  #seen(modelId: string): void {
    const container = this.#containers.get(modelId);
    if (container) container.probeSoon();
    else this.#add(modelId);
  }

  #expect(modelId: string): void {
    const isNews = !this.knows(modelId);
    this.#expected.add(modelId);
    this.#add(modelId);
    if (isNews) this.#options.onFound(modelId);
  }

  #add(modelId: string): void {
    const signal = this.#running;
    if (signal === null || signal.aborted || this.#containers.has(modelId) || this.#switchedOff.has(modelId) || this.#containers.size >= MAX_MODELS) return;
    const { socketDirectory, maxConnections, clock, logger, startLimitMs = START_LIMIT_MS } = this.#options;
    const container = new ModelContainer({
      modelId, socketPath: modelSocketPath(modelId, socketDirectory), maxConnections, clock, startLimitMs,
      onMet: () => { if (!this.#expected.has(modelId)) this.#options.onFound(modelId); },
      onChange: (isUp, reason) => {
        if (!isUp && this.#switchedOff.has(modelId)) return this.#forget(modelId);
        if (!this.knows(modelId)) return logger.info({ model: modelId, reason }, 'a socket was left behind: nobody listens at it');
        // What failed before was another process, or this one before it recovered.
        if (isUp) this.access(modelId).breaker.succeeded();
        logger.info({ model: modelId, reason }, isUp ? 'model is up' : 'model is down');
        this.#options.onChange({ type: isUp ? 'model.up' : 'model.down', model_id: modelId, reason });
      },
    });
    const stop = new AbortController();
    this.#stops.set(modelId, stop);
    this.#containers.set(modelId, container);
    const probing = this.#probe(container, AbortSignal.any([signal, stop.signal])).finally(() => this.#probing.delete(probing));
    this.#probing.add(probing);
  }

  async #probe(container: ModelContainer, signal: AbortSignal): Promise<void> {
    await using probed = container;
    await probed.run(signal);
  }

  #forget(modelId: string): void {
    this.#options.logger.info({ model: modelId }, 'model is switched off');
    this.#stops.get(modelId)?.abort();
    this.#stops.delete(modelId);
    this.#containers.delete(modelId);
  }
}
